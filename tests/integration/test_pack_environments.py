"""Packs in environments of their own: two that need conflicting versions of one library work in one graph."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from fixtures.nodebin_factory import write_wheel
from fixtures.wheelhouse import Place, make_wheelhouse

from flowra.plugin.environments import ENVIRONMENT_FILE as FILE

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Brighten", group="tests", summary="Make it brighter.")]
"""
NODES = '''
    from typing import Any

    import conflicting
    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import Number

    class Brighten(Node):
        """Make an array brighter, as the library says by how much."""

        libraries = ("conflicting",)

        class InitArgs(BaseArgs):
            factor: Number(value_type=int, min=1, max=9, default=1)

        class InputArgs(BaseArgs):
            array: Any
            names: list[str] = []
            more: Number(value_type=int, min=0, max=100, default=0)

        class OutputArgs(BaseArgs):
            array: Any
            names: list[str]

        def init(self, context, args):
            self.factor = args.factor

        def run(self, context, args):
            with open("calls.txt", "a") as calls:
                calls.write("{package} {version} " + conflicting.VERSION + "\\n")
            context.log("in " + __file__)
            if args.more == 66:
                raise LookupError("no such brightness")
            array = conflicting.brighter(args.array) * self.factor + args.more
            return self.OutputArgs(array=array, names=[*args.names, "{package} with " + conflicting.VERSION])
'''
#: Each version lacks what the other has.
LIBRARY = {
    "1.0": "VERSION = '1.0'\ndef brighter(array):\n    return array + 1\nold_name = brighter\n",
    "2.0": "VERSION = '2.0'\ndef brighter(array):\n    return array * 2\n",
}
SIZE = 300_000  # more bytes than go through the connection itself


def pack_wheel(folder: Path, pack: str, version: str, library: str, nodes: str = NODES, **more) -> Path:
    package = f"flowra_{pack}"
    source = nodes.replace("{package}", package).replace("{version}", version)
    return write_wheel(
        folder,
        f"flowra-{pack}",
        version,
        pack=pack,
        modules={"plugin": PLUGIN.replace("{package}", package), "nodes": source, **more},
        requires=("flowra>=0.1,<0.2", "numpy", f"conflicting=={library}"),
    )


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    house = make_wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["numpy"])
    for version, source in LIBRARY.items():
        write_wheel(house, "conflicting", version, pack=None, requires=(), modules={"__init__": source})
    return house


@pytest.fixture(scope="module")
def both(tmp_path_factory, wheelhouse):
    """A place in which two packs have environments, and no pack is installed."""
    place = Place(tmp_path_factory.mktemp("place"), wheelhouse)
    place.extra |= {"FLOWRA_DATA_DIR": str(place.folder / "data"), "FLOWRA_DISABLE_PACKS": "image,templates"}
    for pack, library in (("old", "1.0"), ("new", "2.0")):
        wheel = pack_wheel(place.folder, pack, "1.0", library)
        done = place.flowra("pack", "install", "--isolated", wheel)
        assert done.returncode == 0, done.stderr
        assert f"flowra-{pack} 1.0 has an environment of its own: {place.folder}" in done.stdout
    return place


@pytest.fixture
def place(both, tmp_path):
    """The same, with a folder and a store for one test, and a copy of the environments."""
    data = tmp_path / "data"
    shutil.copytree(both.folder / "data", data, symlinks=True)
    extra = {**both.extra, "FLOWRA_DATA_DIR": str(data), "FLOWRA_STORE": str(tmp_path / "store")}
    made = Place(tmp_path, both.wheelhouse, both.python, extra)
    return made


RUN = """
import json, sys
import numpy as np
from flowra.dag.graph import Graph
from flowra.execute.session import Session

array = np.arange(SIZE, dtype=np.float32)
graph = Graph("both")
first = graph.add("old/Brighten", id="first", array=array)
second = graph.add("new/Brighten", id="second", init={"factor": 3}, array=first["array"], names=first["names"], more=5)
graph.output("array", second["array"])
graph.output("names", second["names"])
with Session() as session:
    done = session.run(graph)
    print(json.dumps({
        "status": done.status,
        "failures": {name: str(failure) for name, failure in done.failures.items()},
        "right": bool(np.array_equal(done.outputs.get("array", ()), (array + 1) * 2 * 3 + 5)),
        "names": done.outputs.get("names"),
        "imported": sorted(name for name in sys.modules if name.startswith(("conflicting", "flowra_"))),
    }))
""".replace("SIZE", str(SIZE))


def run(place: Place) -> dict:
    done = subprocess.run(
        [place.python, "-c", RUN],
        cwd=place.folder,
        env=place.variables,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def calls(place: Place) -> list[str]:
    """Return which packs' nodes ran since the last look, with the versions of the library that they had."""
    path = place.folder / "calls.txt"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def environments(place: Place) -> list[Path]:
    return sorted(path.parent for path in (Path(place.extra["FLOWRA_DATA_DIR"]) / "environments").glob(f"*/{FILE}"))


def test_two_packs_that_need_conflicting_versions_of_a_library_work_in_one_graph(place):
    done = run(place)
    assert done["failures"] == {}
    assert done["right"]
    assert done["names"] == ["flowra_old with 1.0", "flowra_new with 2.0"]
    assert done["imported"] == [], "neither the packs nor the library were imported in the program that runs the graph"
    assert calls(place) == ["flowra_old 1.0 1.0", "flowra_new 1.0 2.0"]

    again = run(place)
    assert (again["right"], calls(place)) == (True, [])

    # Another version of one pack's environment: only its node runs again.
    newer = pack_wheel(place.folder, "new", "1.1", "2.0")
    said = place.flowra("pack", "install", "--isolated", newer)
    assert said.returncode == 0, said.stderr
    assert "flowra-new 1.1 has an environment of its own, in place of 1.0" in said.stdout
    assert [path.name.rpartition("-")[0] for path in environments(place)] == ["new-1.1", "old-1.0"]
    assert run(place)["right"]
    assert calls(place) == ["flowra_new 1.1 2.0"]
