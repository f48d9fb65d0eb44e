"""Measure what an item of a batch costs beyond its nodes, and what memory many items take.

Run it in an environment that has Flowra::

    python benchmarks/batch.py

A graph of one no-op node, `x → x + 1`, over many numbers: by `session.map`, without a cache, with one for the first
time, and again; beside it a plain loop that calls `session.run` for each number (over a part of them, since it is
slow), and a plain loop over the node's own method. Microseconds an item; then the memory of a fresh process that runs
all items, at its peak (Linux only), beside one that runs a hundred. What is asked for is tens to a few hundred µs an
item, and memory that does not grow with the number of items.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _measure import Taken, arguments, child, scratch, show

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session

#: Of so many items one is run by the loop over `session.run`.
SLOWER = 20
FEW = 100


class AddOne(Node):
    """Add 1 to a number."""

    class InputArgs(BaseArgs):
        """The number."""

        x: float

    class OutputArgs(BaseArgs):
        """The number that follows."""

        value: float

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Add 1."""
        return self.OutputArgs(value=args.x + 1)


def the_graph() -> Graph:
    """Return the graph."""
    graph = Graph("batch")
    graph.output("value", graph.add(AddOne, x=graph.input("x", "Float"))["value"])
    return graph


def numbers(count: int) -> Iterator[dict[str, float]]:
    """Yield the items."""
    return ({"x": float(number)} for number in range(count))


def each_of(work: Callable[[], Any], count: int) -> Taken:
    """Return what something took for each of so many items."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Taken((time.process_time() - cpu) / count, (time.perf_counter() - wall) / count)


def mapped(session: Session, count: int) -> None:
    """Run the graph over the items."""
    done = sum(result.status == "succeeded" for result in session.map(the_graph(), numbers(count)))
    assert done == count


def looped(session: Session, count: int) -> None:
    """Run the graph for one item after the other."""
    graph = the_graph()
    for number in range(count):
        session.run(graph, inputs={"x": float(number)}).raise_for_status()


def plain(count: int) -> None:
    """Call the node's own method for one item after the other."""
    node, context = AddOne(), None
    for number in range(count):
        node.run(context, AddOne.InputArgs(x=float(number)))  # type: ignore[arg-type]


def peak(count: int, *, cache: bool) -> float:
    """Return the memory of this process at its peak, in MiB, after a batch."""
    with scratch(), Session(cache=cache) as session:
        mapped(session, count)
    # Not from getrusage: that counts what this process was before it became another program, too.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Measure and print the table."""
    if sys.argv[1:2] == ["--peak"]:
        print(json.dumps(peak(int(sys.argv[2]), cache=sys.argv[3] == "cache")))
        return
    options = arguments(__doc__, rounds=1, items=10_000)
    count = options.items
    fewer = max(1, count // SLOWER)
    with scratch(), Session(cache=False) as without, Session() as session:
        mapped(without, FEW)
        found = {
            "the node's own method": each_of(lambda: plain(count), count),
            "session.map, no cache": each_of(lambda: mapped(without, count), count),
            "session.run in a loop, no cache": each_of(lambda: looped(without, fewer), fewer),
            "session.map, first time": each_of(lambda: mapped(session, count), count),
            "session.map, again": each_of(lambda: mapped(session, count), count),
            "session.run in a loop, again": each_of(lambda: looped(session, fewer), fewer),
        }
    script = str(Path(__file__).resolve())
    memory = {
        kind: [child(script, "--peak", str(each), kind) for each in (FEW, count)] for kind in ("no cache", "cache")
    }
    if options.json:
        print(json.dumps({"items": {name: each._asdict() for name, each in found.items()}, "memory": memory}))
        return
    rows = [(name, f"{each.wall * 1e6:,.0f}", f"{each.cpu * 1e6:,.0f}") for name, each in found.items()]
    show(f"µs an item ({count:,} items):", ("", "wall", "CPU"), rows)
    show(
        "MiB at the peak:",
        ("", f"{FEW} items", f"{count:,} items", "KiB an item more"),
        [
            (kind, f"{few:.0f}", f"{many:.0f}", f"{(many - few) * 1024 / (count - FEW):.2f}")
            for kind, (few, many) in memory.items()
        ],
    )


if __name__ == "__main__":
    main()
