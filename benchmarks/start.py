"""Measure how long it takes from nothing to a result: fresh processes.

Run it in an environment that has Flowra and dask::

    python benchmarks/start.py

Wall and CPU time of whole commands, medians of rounds in which they take turns. The graph has three nodes in a chain
that add one to a number; they come from a pack that is installed for the benchmark, with a manifest, as a wheel brings
it. `benchmarks/startup_packs.py` measures what many packs cost.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path

from _measure import Taken, arguments, command, interleaved, scratch, show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fixtures"))

from pack_factory import install_pack, settle

CLICK = 'python -c "import click"'
DASK = "dask.threaded, three nodes"
NODES = """
from flowra.dag.node import BaseArgs, Node


class Next(Node):
    class InputArgs(BaseArgs):
        x: int

    class OutputArgs(BaseArgs):
        y: int

    def run(self, context, args):
        return self.OutputArgs(y=args.x + 1)
"""
PLUGIN = """
from flowra.plugin import NodeEntry, hookimpl


@hookimpl
def flowra_nodes():
    return [NodeEntry("startpack.nodes:Next")]
"""
DASK_SCRIPT = """
import dask.threaded


def following(x):
    return x + 1


graph = {"a": (following, 0), "b": (following, "a"), "c": (following, "b")}
print(dask.threaded.get(graph, "c"))
"""
GRAPH = {
    "format": "flowra/1",
    "nodes": {
        "a": {"type": "start/Next", "inputs": {"x": 0}},
        "b": {"type": "start/Next", "inputs": {"x": {"$from": "a.y"}}},
        "c": {"type": "start/Next", "inputs": {"x": {"$from": "b.y"}}},
    },
    "outputs": {"sum": {"$from": "c.y"}},
}


def flowra(*words: str) -> list[str]:
    """The command as people start it: the script beside this Python, or the module where there is none."""
    script = Path(sys.executable).with_name("flowra")
    return [*([str(script)] if script.is_file() else [sys.executable, "-m", "flowra.cli.main"]), *words]


def manifest() -> dict[str, object]:
    """What the pack's manifest says, made from its class."""
    from flowra.dag.node import Node

    space: dict[str, object] = {"__name__": "startpack.nodes"}
    exec(NODES, space)  # noqa: S102  the text above
    node = space["Next"]
    assert isinstance(node, type)
    assert issubclass(node, Node)
    described = {**node.describe().to_json(), "type": "start/Next"}
    entry = {"target": "startpack.nodes:Next", "name": "Next", "group": "", "summary": ""}
    return {"contributions": {"nodes": [entry]}, "nodes": {"Next": described}}


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__, rounds=11)
    with scratch() as folder:
        site = folder / "site"
        site.mkdir()
        install_pack(site, "start", package="startpack", plugin=PLUGIN, modules={"nodes": NODES}, manifest=manifest())
        settle()
        (folder / "graph.json").write_text(json.dumps(GRAPH))
        (folder / "peer.py").write_text(DASK_SCRIPT)
        environment = {**os.environ, "PYTHONPATH": str(site)}
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            CLICK: [sys.executable, "-c", "import click"],
            'python -c "import flowra"': [sys.executable, "-c", "import flowra"],
            "flowra --help": flowra("--help"),
            "flowra run, three nodes, no cache": flowra("run", "graph.json", "--no-cache"),
            "flowra run, three nodes, results kept": flowra("run", "graph.json"),
            DASK: [sys.executable, "peer.py"],
        }
        cases = {name: functools.partial(command, words, environment=environment) for name, words in commands.items()}
        found: dict[str, Taken] = interleaved(cases, options.rounds)
    if options.json:
        print(json.dumps({name: each._asdict() for name, each in found.items()}))
        return
    show(
        "whole commands:",
        ("", "wall ms", "CPU ms", "÷ import click, CPU", "÷ dask, CPU"),
        [
            (
                name,
                f"{each.wall * 1e3:.0f}",
                f"{each.cpu * 1e3:.0f}",
                f"{each.cpu / found[CLICK].cpu:.2f}",
                f"{each.cpu / found[DASK].cpu:.2f}",
            )
            for name, each in found.items()
        ],
    )


if __name__ == "__main__":
    main()
