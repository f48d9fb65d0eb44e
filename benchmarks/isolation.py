"""Measure what it takes to hand 8 MiB to a node in a process of its own, and to get 8 MiB back.

Run it in an environment that has Flowra and numpy::

    python benchmarks/isolation.py

A chain of nodes, each of which makes an array 1 brighter: on threads of this process, and in one warm child process.
Beside them the same chain with an array of one byte. Milliseconds a node; medians of rounds in which the rows take
turns. The target is at most 2 ms for 8 MiB in and out beyond the call in the same process.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from _isolated_nodes import Apart, Inside
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.graph import Graph
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session

SIZES = {"1 byte": 1, "8 MiB": 8 * 1024**2}


def the_graph(node_class: type[Inside], size: int, nodes: int) -> Graph:
    """Return a chain of nodes."""
    graph = Graph("isolation")
    last = graph.add(node_class, id="n0", array=np.zeros(size, np.uint8))
    for number in range(1, nodes):
        last = graph.add(node_class, id=f"n{number}", array=last["array"])
    graph.output("array", last["array"])
    return graph


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__, rounds=5, nodes=20)
    with scratch(), Session(cache=False, executor=LocalExecutor()) as session:

        def case(graph: Graph) -> Callable[[], Taken]:
            def once() -> None:
                run = session.run(graph)
                assert int(run["array"][0]) == options.nodes, run.failures

            return lambda: timed(once)

        cases = {
            (place, size): case(the_graph(node_class, count, options.nodes))
            for size, count in SIZES.items()
            for place, node_class in (("thread", Inside), ("process", Apart))
        }
        found = interleaved({f"{place}, {size}": each for (place, size), each in cases.items()}, options.rounds)
    rows = []
    for size in SIZES:
        inside = found[f"thread, {size}"].wall / options.nodes * 1e3
        apart = found[f"process, {size}"].wall / options.nodes * 1e3
        rows.append((size, f"{inside:.2f}", f"{apart:.2f}", f"{apart - inside:.2f}", f"{apart / inside:.1f}"))
    show(f"In and out of a node, ms ({options.nodes} nodes)", ("", "thread", "process", "more", "÷"), rows)


if __name__ == "__main__":
    main()
