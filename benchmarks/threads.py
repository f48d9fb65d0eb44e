"""Measure how well nodes that wait share the threads of a run.

Run it in an environment that has Flowra and dask::

    python benchmarks/threads.py

Nodes that sleep 0.2 s and 10 ms, side by side and in layers, on eight threads. "Ideal" is what eight threads need that
lose nothing between the nodes; beside it stand a bare thread pool (whole layers at once, where there are layers) and
dask.threaded. Wall time, medians of rounds in which the rows take turns; each run of Flowra is the first in its
session, so that it knows nothing yet of how long the nodes take.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask.threaded
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.type.value_type import ListOf

THREADS = 8
#: Layers, nodes in each, seconds of each node; a node takes all of the layer before.
PROGRAMS = {
    "eight of 0.2 s": (1, 8, 0.2),
    "sixty of 10 ms": (1, 60, 0.01),
    "ten layers of sixteen of 10 ms": (10, 16, 0.01),
}


class Wait(Node):
    """Wait for a while."""

    class InputArgs(BaseArgs):
        """How long, after what, and a number that makes it another call than the others: equal ones are made once."""

        seconds: float
        number: int
        after: ListOf(float)

    class OutputArgs(BaseArgs):
        """How long it was."""

        waited: float

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Wait."""
        time.sleep(args.seconds)
        return self.OutputArgs(waited=args.seconds)


def flowra_graph(layers: int, width: int, seconds: float) -> Graph:
    """Return the program as a graph."""
    graph = Graph("threads")
    before: list[Any] = []
    for _ in range(layers):
        before = [graph.add(Wait, seconds=seconds, number=number, after=before)["waited"] for number in range(width)]
    return graph


def dask_graph(layers: int, width: int, seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Return the program as dask takes it, and the keys that are asked for."""
    tasks: dict[str, Any] = {}
    before: list[str] = []
    for layer in range(layers):
        names = [f"n{layer}-{number}" for number in range(width)]
        tasks.update({name: (_wait, seconds, list(before)) for name in names})
        before = names
    return tasks, before


def _wait(seconds: float, _after: object) -> float:
    time.sleep(seconds)
    return seconds


def pooled(layers: int, width: int, seconds: float) -> None:
    """Run the program on a pool, layer after layer."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(layers):
            list(pool.map(time.sleep, [seconds] * width))


def in_flowra(graph: Graph) -> Taken:
    """Run the program in a new session."""
    with Session(cache=False, executor=LocalExecutor(threads=THREADS)) as session:
        return timed(lambda: session.run(graph))


def cases(program: tuple[int, int, float]) -> dict[str, Callable[[], Taken]]:
    """Return what is measured of a program."""
    graph, (tasks, keys) = flowra_graph(*program), dask_graph(*program)
    return {
        "thread pool": lambda: timed(lambda: pooled(*program)),
        "dask.threaded": lambda: timed(lambda: dask.threaded.get(tasks, keys, num_workers=THREADS)),
        "Flowra": lambda: in_flowra(graph),
    }


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__, rounds=7)
    with scratch():
        found = {name: interleaved(cases(program), options.rounds) for name, program in PROGRAMS.items()}
    if options.json:
        print(json.dumps({name: {row: each._asdict() for row, each in rows.items()} for name, rows in found.items()}))
        return
    for name, (layers, width, seconds) in PROGRAMS.items():
        ideal = layers * math.ceil(width / THREADS) * seconds
        rows = [("ideal", f"{ideal * 1e3:.0f}", "1.00", "")]
        rows += [
            (row, f"{each.wall * 1e3:.1f}", f"{each.wall / ideal:.2f}", f"{each.cpu * 1e3:.1f}")
            for row, each in found[name].items()
        ]
        show(f"{name}, {THREADS} threads:", ("", "wall ms", "÷ ideal", "CPU ms"), rows)


if __name__ == "__main__":
    main()
