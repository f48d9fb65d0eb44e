"""Measure what Flowra adds to a node that does nothing, beside plain calls and dask.threaded.

Run it in an environment that has Flowra and dask::

    python benchmarks/overhead.py

Graphs of 1,000 nodes with typed ports, in three shapes: a chain, all side by side, and 50 layers of 20 whose nodes take
three of the layer before. Building a graph is not counted, for no one; all else is: dask's own preparation, Flowra's
checks and plan (shown in a column of its own), validation of every port, and the results of all nodes that no other
takes. With a cache the journal is written, keys are made, and results and records are stored.

The figures are CPU time of the whole process in microseconds a node, wall time beside it; medians of rounds in which
the rows take turns. In the new process a few nodes are run before the others; what that takes once for a process is
printed below: imports on first use, opening the store, reading the nodes' code.
"""

from __future__ import annotations

import functools
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import dask.threaded
from _graphs import SHAPES, Shape, dask_graph, flowra_graph, plain
from _measure import Taken, arguments, child, interleaved, scratch, show, timed

from flowra.dag.graph import Graph
from flowra.execute.session import Session

PEER = "dask.threaded"
OPENING = "a new process, before"
#: The nodes that a new process runs before it is measured: of each class at least one.
FEW = 21
HEADINGS = ("", "CPU µs", "planning", "wall µs", "÷ dask")


def run(session: Session, graph: Graph) -> Taken:
    """Plan and run a graph."""
    plans = []
    planning = timed(lambda: plans.append(session.plan(graph)))
    runs = []
    running = timed(lambda: runs.append(session.run_plan(plans[0])))
    assert runs[0].status == "succeeded", runs[0].failures
    return Taken(planning.cpu + running.cpu, planning.wall + running.wall, planning.cpu)


class Cached:
    """The same graph with a store, which each round empties and fills again."""

    def __init__(self, folder: Path, name: str, nodes: int) -> None:
        self.folder = folder / name
        self.name = name
        self.nodes = nodes
        self.graph = flowra_graph(SHAPES[name](nodes))
        self.session: Session | None = None
        self.opening = Taken(0.0, 0.0)

    def first_run(self) -> Taken:
        """Run with an empty store, in a session that has run a node of each class before."""
        if self.session is not None:
            self.session.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.session = Session(store=self.folder)
        warm = flowra_graph([(), (), (), (0, 1, 2)])
        for number, node in enumerate(list(warm.nodes.values())[:3]):
            node.set(x=-1 - number)
        self.session.run(warm)
        return run(self.session, self.graph)

    def same_process(self) -> Taken:
        """Run again, in the same session."""
        assert self.session is not None
        return run(self.session, self.graph)

    def new_process(self) -> Taken:
        """Run again, in a fresh process, which has run a few of the nodes before."""
        again, opening = child(__file__, "--child", str(self.folder), self.name, str(self.nodes))
        self.opening = Taken(*opening)
        return Taken(*again)


def in_child(folder: str, name: str, nodes: int) -> None:
    """Run a few nodes whose results are in the store, then all of them, and print what either took."""
    few, all_of_them = flowra_graph(SHAPES[name](FEW)), flowra_graph(SHAPES[name](nodes))
    sessions: list[Session] = []

    def opened_and_run() -> None:
        sessions.append(Session(store=folder))
        run(sessions[0], few)

    opening = timed(opened_and_run)
    again = run(sessions[0], all_of_them)
    sessions[0].close()
    print(json.dumps([again, opening]))


def cases(folder: Path, name: str, shape: Shape, plain_session: Session) -> dict[str, Callable[[], Taken]]:
    """Return what is measured on a shape, in the order of the rows."""
    nodes = len(shape)
    tasks, keys = dask_graph(shape)
    graph, cached = flowra_graph(shape), Cached(folder, name, nodes)
    seen: list[object] = []
    observed = Session(cache=False, observers=[seen.append])
    return {
        "plain calls": lambda: timed(functools.partial(plain, shape)),
        PEER: lambda: timed(lambda: dask.threaded.get(tasks, keys)),
        "Flowra, no cache": lambda: run(plain_session, graph),
        "Flowra, no cache, an observer": lambda: run(observed, graph),
        "Flowra, first run with a cache": cached.first_run,
        "Flowra, again, same process": cached.same_process,
        "Flowra, again, new process": cached.new_process,
        OPENING: lambda: cached.opening,
    }


def main() -> None:
    """Measure and print a table for each shape."""
    options = arguments(__doc__, rounds=7, nodes=1_000)
    found: dict[str, dict[str, Taken]] = {}
    with scratch() as folder, Session(cache=False) as session:
        for name, shape in SHAPES.items():
            found[name] = interleaved(cases(folder, name, shape(options.nodes), session), options.rounds)
    if options.json:
        print(json.dumps({name: {row: each._asdict() for row, each in rows.items()} for name, rows in found.items()}))
        return
    opening = []
    for name, rows in found.items():
        opening.append(rows.pop(OPENING).cpu)
        peer = rows[PEER].cpu
        show(
            f"{name}, {options.nodes:,} nodes, a node:",
            HEADINGS,
            [
                (
                    row,
                    f"{each.cpu / options.nodes * 1e6:.1f}",
                    f"{each.planning / options.nodes * 1e6:.1f}" if each.planning else "",
                    f"{each.wall / options.nodes * 1e6:.1f}",
                    f"{each.cpu / peer:.2f}",
                )
                for row, each in rows.items()
            ],
        )
    print(f"a new process, before that: {', '.join(f'{each * 1e3:.0f}' for each in opening)} ms CPU")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        in_child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
