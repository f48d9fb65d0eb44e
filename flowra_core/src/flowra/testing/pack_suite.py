"""What every node pack must hold, as tests.

A pack's author subclasses the suite in the pack's tests:

```python
from flowra.testing import PackSuite


class TestPack(PackSuite):
    pack = "my_pack"
```

The source tree is found from the file of that class upwards, and the example graphs in its folder `examples`. Each
test is one promise, and its docstring says it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.graph import read_graph_file
from flowra.dag.port import Port, jsonable
from flowra.exceptions import UsageError
from flowra.execute.encoding import NotStorableError, decode, encode
from flowra.execute.session import Session
from flowra.pack.building.description import read_pack_table
from flowra.pack.manifest_sync import manifest_changes, manifest_of
from flowra.pack.project import PackProject
from flowra.plugin.manager import default_manager
from flowra.plugin.manifest import MANIFEST_NAME
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf

__all__ = ["PackSuite"]


class PackSuite:
    """The conformance suite for node packs.

    Attributes:
        pack: The pack's id.
        folder: The pack's source tree; found from the file of the class upwards if None.
        examples: Where its example graphs lie, below that folder.
        documented: Whether each node and port needs a description.
    """

    pack: ClassVar[str]
    folder: ClassVar[Path | None] = None
    examples: ClassVar[str] = "examples"
    documented: ClassVar[bool] = True

    @classmethod
    def project(cls) -> PackProject:
        """Return the pack's source tree; raises UsageError if there is none."""
        return PackProject.find(cls.folder if cls.folder is not None else Path(inspect.getfile(cls)).parent)

    @classmethod
    def example_graphs(cls) -> list[Path]:
        """Return the files of the example graphs."""
        try:
            return sorted((cls.project().root / cls.examples).glob("*.json"))
        except UsageError:
            return []  # a test says so

    @classmethod
    def nodes(cls) -> list[str]:
        """Return the type ids of the pack's nodes."""
        return [type_id for type_id in default_manager().node_types() if type_id.partition("/")[0] == cls.pack]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run the tests of nodes for each node, and those of examples for each example."""
        if "node_type" in metafunc.fixturenames:
            metafunc.parametrize("node_type", self.nodes())
        if "example" in metafunc.fixturenames:
            metafunc.parametrize("example", self.example_graphs(), ids=lambda path: path.stem)

    @pytest.fixture
    def description(self, node_type: str) -> NodeDescription:
        """The node's description, from its class."""
        return NodeCatalog().node_class(node_type).describe()

    def test_the_pack_is_installed_and_usable(self) -> None:
        """It is found by its entry point, fits this Flowra, imports, and claims no name of another pack."""
        found = {pack.id: pack for pack in default_manager().packs}
        assert self.pack in found, f"there is no pack {self.pack}; install it: pip install -e {self._root()}"
        pack = found[self.pack]
        assert pack.status == "ok", pack.problem

    def test_it_contributes_something(self) -> None:
        """A pack without a node, value type, store or command is none."""
        kinds = ("nodes", "value_types", "storage_backends", "commands", "executors", "templates", "observers")
        assert any(pack.id == self.pack for kind in kinds for pack, _ in default_manager().entries(kind))

    def test_the_manifest_says_what_the_code_says(self) -> None:
        """`flowra project sync` would change nothing."""
        project = self.project()
        assert project.pack == self.pack, f"the source tree in {project.root} is of another pack"
        changes = manifest_changes(project.package_dir / MANIFEST_NAME, manifest_of(project))
        assert changes == [], f"write it: flowra project sync {project.root}"

    def test_a_node_is_the_same_in_a_manifest(self, description: NodeDescription) -> None:
        """A node's description is plain data, and reads back equal: front ends draw its form from that."""
        written = json.loads(json.dumps(description.to_json()))
        assert NodeDescription.from_json(written).to_json() == description.to_json()
        json.dumps(description.json_schema())

    def test_a_node_is_documented(self, description: NodeDescription) -> None:
        """The class has a docstring, and each port says what it is for."""
        if not self.documented:
            pytest.skip("the pack goes without")
        assert description.summary, "the class has no docstring"
        silent = [port.name for port in _ports(description) if not port.description]
        assert silent == [], "these ports have no description"

    def test_the_defaults_of_a_node_are_valid(self, description: NodeDescription) -> None:
        """Each default is a value that its port takes, as a graph file would have it."""
        refused = {
            port.name: reason
            for port in (*description.init, *description.inputs)
            if not port.required and (reason := port.reason_against(jsonable(port.default))) is not None
        }
        assert refused == {}

    def test_there_are_example_graphs(self) -> None:
        """People copy an example before they read a page, and the suite can run nothing without one."""
        if not self.nodes():
            pytest.skip("the pack has no nodes")
        assert self.example_graphs(), f"there is no graph in {self._root() / self.examples}"

    @pytest.fixture(autouse=True)
    def models_of_examples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take models from `examples/models`, where the pack has that folder."""
        if (models := self._root() / self.examples / "models").is_dir():
            monkeypatch.setenv("FLOWRA_MODEL_MIRROR", str(models))

    def test_an_example_runs_and_what_it_gives_can_be_kept(self, example: Path, flowra_session: Session) -> None:
        """An example runs with its defaults, and each output is the same after it was stored and read.

        Models come from `examples/models` where it has them. An example that `[tool.flowra-pack.unproved]` names is
        left out.
        """
        if (reason := self._unproved().get(f"{self.examples}/{example.name}")) is not None:
            pytest.skip(reason)
        run = flowra_session.run(read_graph_file(example).graph_or_raise()).raise_for_status()
        assert set(run.outputs) == set(run.plan.outputs), run.not_run
        for name, value in run.outputs.items():
            for each, value_type in _single(value, run.plan.output_type(run.plan.outputs[name])):
                try:
                    stored = encode(each, value_type)
                except NotStorableError as error:
                    pytest.fail(f"output {name}: {error}")
                data = stored.to_bytes()
                back = decode(stored.codec, memoryview(data), value_type)
                assert encode(back, value_type).to_bytes() == data, f"output {name} comes back as another value"

    def _unproved(self) -> dict[str, str]:
        if not self._root().joinpath("pyproject.toml").is_file():
            return {}
        return read_pack_table(self._root()).unproved

    def _root(self) -> Path:
        try:
            return self.project().root
        except UsageError:
            return Path(inspect.getfile(type(self))).parent


def _ports(description: NodeDescription) -> Iterator[Port]:
    yield from (*description.init, *description.inputs, *description.outputs)


def _single(value: Any, value_type: ValueType) -> Iterator[tuple[Any, ValueType]]:
    """Yield a value as the store keeps it: a list item by item."""
    if isinstance(value_type, ListOf) and isinstance(value, list):
        for item in value:
            yield from _single(item, value_type.item)
    else:
        yield value, value_type
