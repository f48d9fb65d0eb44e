"""Which packs a graph was made with: a file beside the graph, written by `flowra pack lock` and read before a run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.dag.graph import Graph
from flowra.exceptions import GraphError, PluginError
from flowra.plugin.names import canonical_name
from flowra.plugin.packs import Pack

__all__ = ["Differences", "GraphPacks", "compared", "lock_path", "packs_of", "read_lock", "write_lock"]

_FORMAT = "flowra-packs/1"


@dataclass(frozen=True, slots=True)
class GraphPacks:
    """The packs that a graph was made with.

    Attributes:
        flowra: The version of Flowra.
        packs: Distribution and version, by the pack's id.
    """

    flowra: str
    packs: Mapping[str, tuple[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        packs = {
            name: {"distribution": distribution, "version": version}
            for name, (distribution, version) in sorted(self.packs.items())
        }
        return {"format": _FORMAT, "flowra": self.flowra, "packs": packs}


@dataclass(frozen=True, slots=True)
class Differences:
    """How the installed packs differ from those that a graph was made with.

    Attributes:
        missing: Packs that are not installed, as `image (flowra-image 0.1.0)`.
        others: Packs of another version, as `image: made with flowra-image 0.1.0, here is 0.2.0`.
        command: The command that installs them as they were; empty if nothing differs.
    """

    missing: tuple[str, ...]
    others: tuple[str, ...]
    command: str

    def check(self, graph: Path) -> None:
        """Raise PluginError where a pack is missing."""
        if self.missing:
            raise PluginError(
                f"the graph needs {'a pack' if len(self.missing) == 1 else 'packs'} that"
                f" {'is' if len(self.missing) == 1 else 'are'} not installed",
                where=str(graph),
                why="\n".join(self.missing),
                fix=self.command,
            )


def lock_path(graph: Path) -> Path:
    """Return where the packs of a graph file are written down: `poster.packs.json` beside `poster.json`."""
    return graph.with_name(f"{graph.stem}.packs.json")


def packs_of(graph: Graph) -> set[str]:
    """Return the ids of the packs whose nodes a graph has, its subgraphs included."""
    own = {node.type.partition("/")[0] for node in graph.nodes.values() if "/" in node.type} - {"graph"}
    return own.union(*map(packs_of, graph.subgraphs.values()))


def write_lock(graph_file: Path, graph: Graph, installed: Iterable[Pack], flowra: str) -> GraphPacks:
    """Write down which of the installed packs a graph uses, and return it.

    Raises:
        PluginError: A pack that it uses is not installed.
        GraphError: The file can't be written.
    """
    by_id = {pack.id: pack for pack in installed if pack.status != "disabled"}
    wanted = packs_of(graph)
    missing = sorted(wanted - by_id.keys())
    if missing:
        raise PluginError(
            f"the graph uses packs that are not installed: {', '.join(missing)}",
            where=str(graph_file),
            fix="install them first: only what is here has a version to write down",
        )
    found = GraphPacks(flowra, {name: (by_id[name].distribution, by_id[name].version) for name in sorted(wanted)})
    path = lock_path(graph_file)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise GraphError("the packs can't be written down", where=str(path), why=error.strerror) from error
    return found


def read_lock(graph_file: Path) -> GraphPacks | None:
    """Return the packs that were written down for a graph file, or None if none were.

    Raises:
        GraphError: The file can't be read.
    """
    path = lock_path(graph_file)
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != _FORMAT:
            raise ValueError(f"its format is {data['format']!r}")  # noqa: TRY301
        packs = {str(name): (str(each["distribution"]), str(each["version"])) for name, each in data["packs"].items()}
        return GraphPacks(str(data["flowra"]), packs)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GraphError(
            "the graph's packs can't be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="write it anew with  flowra pack lock GRAPH, or remove it",
        ) from error


def compared(wanted: GraphPacks, installed: Iterable[Pack]) -> Differences:
    """Compare the packs that a graph was made with to those that are installed."""
    by_id = {pack.id: pack for pack in installed}
    missing, others, names = [], [], []
    for name, (distribution, version) in sorted(wanted.packs.items()):
        pack = by_id.get(name)
        if pack is None:
            missing.append(f"{name} ({distribution} {version})")
        elif (canonical_name(pack.distribution), pack.version) != (canonical_name(distribution), version):
            here = pack.version if pack.distribution == distribution else f"{pack.distribution} {pack.version}"
            others.append(f"{name}: made with {distribution} {version}, here is {here}")
        else:
            continue
        names.append(f"{distribution}=={version}")
    return Differences(tuple(missing), tuple(others), f"flowra pack install {' '.join(names)}" if names else "")
