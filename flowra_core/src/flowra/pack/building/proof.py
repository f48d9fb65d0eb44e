"""Proves an archive: installs it into an environment that has nothing else, imports its nodes, runs its examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowra.exceptions import PluginError
from flowra.pack.building.platforms import this_platform
from flowra.pack.building.tree import EXAMPLE_MODELS
from flowra.pack.nodebin.reader import Nodebin
from flowra.pack.tools import clean_environment, require_uv, run_tool
from flowra.pack.virtual_environment import VirtualEnvironment

__all__ = ["CleanRoom"]

_EXAMPLE_SECONDS = 600.0
_MEND = "mend the pack, or its dependencies, and build again"

#: Imports every node of the packs that are there, and says which failed and which differ from what is described.
_IMPORT = """
import json
from flowra.dag.catalog import NodeCatalog
from flowra.plugin.mending import describe_error, error_place
catalog, failed, found = NodeCatalog(), [], []
for pack in catalog.manager.packs:
    if pack.problem is not None:
        failed.append(f"{pack.id}: {pack.problem.what}: {pack.problem.why}")
for name in catalog.types():
    try:
        made = catalog.node_class(name).describe(catalog.describe(name).group).to_json()
        if json.loads(json.dumps(made)) != json.loads(json.dumps(catalog.describe(name).to_json())):
            failed.append(f"{name}: it is not what the pack's manifest describes")
        found.append(name)
    except (Exception, SystemExit) as error:
        failed.append(f"{name}: {describe_error(error)} {error_place(error)}".rstrip())
print("\\n" + json.dumps({"failed": failed, "found": found}))
"""


@dataclass(frozen=True, slots=True)
class CleanRoom:
    """A fresh virtual environment for one proof.

    Attributes:
        folder: Where it lies, with all that the proof writes.
    """

    folder: Path

    @property
    def _python(self) -> Path:
        return self._environment.python

    @property
    def _environment(self) -> VirtualEnvironment:
        return VirtualEnvironment(self.folder / "environment")

    @property
    def _variables(self) -> dict[str, str]:
        own = {f"XDG_{kind}_HOME": str(self.folder / "home" / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
        models = self.folder.joinpath(*EXAMPLE_MODELS)
        if models.is_dir():
            own["FLOWRA_MODEL_MIRROR"] = str(models)
        own |= {"FLOWRA_CACHE_DIR": str(self.folder / "cache"), "FLOWRA_MODEL_DIR": str(self.folder / "models")}
        return clean_environment(own)

    def install(self, archive: Nodebin, own_wheel: Path) -> None:
        """Make the environment and install the archive's pack into it, as a user's `flowra pack install` would.

        Where the archive holds its dependencies for this system, nothing is fetched.

        Raises:
            PluginError: It can't be installed.
        """
        wheels = self.folder / "wheels"
        wheels.mkdir(parents=True)
        [pack] = archive.extract([archive.manifest.wheel], wheels)
        archive.extract(archive.dependencies, wheels)
        require_uv()
        self._environment.make()
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        complete = any((each.platform, each.python) == (this_platform(), here) for each in archive.manifest.bundled)
        self._environment.install(
            [pack, f"flowra=={own_wheel.name.split('-')[1]}"],
            [wheels, own_wheel.parent],
            offline=complete,
            where=archive.manifest.name,
            fix="mend its dependencies, and build again",
        )

    def import_nodes(self, archive: Nodebin) -> None:
        """Import every node.

        Raises:
            PluginError: One can't be imported, or is not what the archive says of it; every one is named.
        """
        done = run_tool(
            [self._python, "-c", _IMPORT],
            failing="the pack's nodes can't be imported in a fresh environment",
            where=archive.manifest.name,
            fix=_MEND,
            environment=self._variables,
            cwd=self.folder,
            timeout=_EXAMPLE_SECONDS,
        )
        answer = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        wanted = {node.type for node in archive.nodes.values()}
        failed = [*answer["failed"], *(f"{name}: it is not there" for name in sorted(wanted - set(answer["found"])))]
        if failed:
            raise PluginError(
                "the pack's nodes can't be imported in a fresh environment",
                where=archive.manifest.name,
                why="\n".join(failed),
                fix="mend them, and what the pack depends on: only what it declares is there",
            )

    def run_examples(self, archive: Nodebin, unproved: Mapping[str, str]) -> Iterator[str]:
        """Run each graph file in examples/, and yield its name when it has run.

        Models come from `examples/models` where it has them, and else from their hubs.

        Args:
            archive: The archive.
            unproved: The examples that are left out, each with the reason.

        Raises:
            PluginError: One fails.
        """
        names = [name for name in archive.entries if name.startswith("examples/")]
        self._unpack(archive, names)
        for name in names:
            if name in unproved or not is_graph(self.folder / name):
                continue
            run_tool(
                [self._python, "-m", "flowra.cli.main", "run", name, "--output", self.folder / "results"],
                failing="an example of the pack does not run in a fresh environment",
                where=name,
                fix="an example runs as it is: give its inputs defaults, and put the files it reads into examples/\n"
                "one that needs large weights is left out, with a reason, in [tool.flowra-pack.unproved]",
                environment=self._variables,
                cwd=self.folder,
                timeout=_EXAMPLE_SECONDS,
            )
            yield name

    def _unpack(self, archive: Nodebin, names: list[str]) -> None:
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            archive.extract([name], (self.folder / name).parent)


def is_graph(path: Path) -> bool:
    """Return whether a file is a graph file, sound or not."""
    if path.suffix != ".json":
        return False
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and str(data.get("format", "")).startswith("flowra/")
