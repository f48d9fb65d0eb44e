"""Measure how the cost of a node grows with the graph.

Run it in an environment that has Flowra and dask::

    python benchmarks/scale.py

Layers of 20 nodes that do nothing, each taking three of the layer before, in graphs of 1,000, 10,000 and 100,000
nodes: CPU time in microseconds a node for building the graph, for planning and for running it, without a cache, with an
empty one and once more. Each size and kind is run in a process of its own; the medians are of rounds in which they take
turns (the largest graph runs in the first round only), and growth is against the smallest graph.

Memory is what the process takes at its peak (ru_maxrss) beyond what it took after a run of a small graph, in KiB a
node: graph, plan, values and records together. Small graphs fit into what was there already, so it is given from
10,000 nodes on.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from _graphs import dask_graph, flowra_graph, layered
from _measure import arguments, child, scratch, show, timed

SIZES = (1_000, 10_000, 100_000)
SMALL = 200
#: Which parts each kind has, in the order in which they are measured.
KINDS = {
    "dask.threaded": ("run",),
    "Flowra, no cache": ("build", "plan", "run"),
    "Flowra, with a cache": ("first run", "again"),
}
MEMORY = "memory"


def peak() -> int:
    """Return the most bytes that this process has taken so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def dask_parts(nodes: int) -> dict[str, float]:
    """Return what dask takes."""
    import dask.threaded

    dask.threaded.get(*dask_graph(layered(SMALL)))
    before = peak()
    tasks, keys = dask_graph(layered(nodes))
    return {"run": timed(lambda: dask.threaded.get(tasks, keys)).cpu, MEMORY: peak() - before}


def flowra_parts(nodes: int, folder: Path | None) -> dict[str, float]:
    """Return what Flowra takes, with a store in a folder or without one."""
    from flowra.execute.session import Session

    with Session(cache=folder is not None, store=folder) as session:
        session.run(flowra_graph(layered(SMALL)))
        before = peak()
        made: list[Any] = []
        began = time.process_time()
        made.append(flowra_graph(layered(nodes)))
        parts = {"build": time.process_time() - began}
        parts["plan"] = timed(lambda: made.append(session.plan(made[0]))).cpu

        def run() -> None:
            assert session.run_plan(made[1]).status == "succeeded"

        if folder is None:
            parts["run"] = timed(run).cpu
        else:
            parts["first run"] = timed(run).cpu
            parts["again"] = timed(run).cpu
    return {**parts, MEMORY: peak() - before}


def in_child(kind: str, nodes: int) -> None:
    """Measure one kind and print its parts."""
    with scratch() as folder:
        if kind == "dask.threaded":
            parts = dask_parts(nodes)
        else:
            parts = flowra_parts(nodes, None if kind == "Flowra, no cache" else folder / "store")
    print(json.dumps(parts))


def main() -> None:
    """Measure and print the table."""
    options = arguments(__doc__, rounds=3, largest=SIZES[-1])
    sizes = [size for size in SIZES if size <= options.largest]
    taken: dict[str, list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for size in sizes if number == 0 else sizes[:-1]:
            for kind in KINDS:
                taken.setdefault(f"{kind}/{size}", []).append(child(__file__, "--child", kind, str(size)))
    found = {
        name: {part: statistics.median(each[part] for each in rounds) for part in rounds[0]}
        for name, rounds in taken.items()
    }
    if options.json:
        print(json.dumps(found))
        return
    rows = []
    for kind, parts in KINDS.items():
        for part in parts:
            costs = [found[f"{kind}/{size}"][part] / size * 1e6 for size in sizes]
            growth = [f"× {cost / costs[0]:.2f}" for cost in costs[1:]]
            rows.append((f"{kind}: {part}", *(f"{cost:.1f}" for cost in costs), *growth))
    show(
        "CPU µs a node, and growth against the smallest graph:",
        ("", *(f"{size:,}" for size in sizes), *(f"at {size:,}" for size in sizes[1:])),
        rows,
    )
    show(
        "peak memory, KiB a node:",
        ("", *(f"{size:,}" for size in sizes[1:])),
        [(kind, *(f"{found[f'{kind}/{size}'][MEMORY] / size / 1024:.1f}" for size in sizes[1:])) for kind in KINDS],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        in_child(sys.argv[2], int(sys.argv[3]))
    else:
        main()
