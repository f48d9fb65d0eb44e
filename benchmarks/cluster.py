"""Measure what a node costs on a cluster, beside raw `dask.distributed` on the same one.

Run it in an environment that has flowra[cluster]::

    python benchmarks/cluster.py

Graphs of 1,000, 10,000 and 100,000 nodes that do nothing on a cluster of two worker processes on this machine, one
thread each: wall time in microseconds a node, planning left out, without a cache. dask runs the same graph as one
graph, a task a node, up to 10,000 nodes (`--dask`): more take it minutes, so that its figure for 10,000 stands beside
Flowra's for 100,000. Then nodes that wait 100 ms and 10 ms: which share of the workers' time is spent in them (parallel
efficiency). Medians of rounds in which the rows take turns, after one that is not counted; one round from 10,000 nodes
on. `cluster_values.py` measures large values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from _graphs import SHAPES, dask_graph, flowra_graph
from _measure import Taken, arguments, interleaved, scratch, show, timed
from threads import flowra_graph as waiting_graph

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session

WORKERS = 2
SIZES = (1_000, 10_000, 100_000)
#: Nodes, and seconds that each waits.
WAITS = {"100 ms": (60, 0.1), "10 ms": (400, 0.01)}


def main() -> None:
    """Measure, and print the tables."""
    options = arguments(__doc__ or "", rounds=3, nodes=100_000, dask=10_000)
    sizes = [size for size in SIZES if size <= options.nodes] or [options.nodes]
    with scratch():
        cluster = ProcessCluster(WORKERS)
        client = cluster.connect().client
        numbers = iter(range(1_000_000))

        def raw(tasks: dict[str, Any], keys: list[str]) -> Taken:
            # Keys of their own: dask takes a key that it has seen for the same result.
            run = f"r{next(numbers)}-"
            named = {run + name: tuple(run + p if p in tasks else p for p in task) for name, task in tasks.items()}
            return timed(lambda: client.get(named, [run + key for key in keys]))

        with Session(executor=ClusterExecutor(lambda: cluster), cache=False) as session:

            def case(graph: Graph) -> Callable[[], Taken]:
                plan = session.plan(graph)
                return lambda: timed(lambda: session.run_plan(plan).raise_for_status())

            taken: dict[str, Taken] = {}
            for size in sizes:
                cases: dict[str, Callable[[], Taken]] = {}
                for name, shape in SHAPES.items():
                    made = shape(size)
                    cases[f"{size} {name}: Flowra"] = case(flowra_graph(made))
                    if size <= max(options.dask, sizes[0]):
                        cases[f"{size} {name}: dask.distributed"] = partial(raw, *dask_graph(made))
                taken |= interleaved(cases, options.rounds if size < SIZES[1] else 1)
            waits = {name: case(waiting_graph(1, nodes, seconds)) for name, (nodes, seconds) in WAITS.items()}
            taken |= interleaved(waits, options.rounds)
            client.close()
    if options.json:
        print(json.dumps({name: each.wall for name, each in taken.items()}))
        return
    for size in sizes:
        rows = []
        for name in SHAPES:
            own = taken[f"{size} {name}: Flowra"].wall / size
            measured = max((each for each in sizes if each <= min(size, options.dask)), default=size)
            peer = taken[f"{measured} {name}: dask.distributed"].wall / measured
            rows.append([name, f"{1e6 * peer:,.0f}", f"{1e6 * own:,.0f}", f"{own / peer:.3f}"])
        beside = "" if measured == size else f", dask's figure for {measured:,}"
        show(f"{size:,} nodes that do nothing{beside}", ["", "dask µs", "Flowra µs", "÷ dask"], rows)
    rows = [
        [name, f"{taken[name].wall:.2f}", f"{nodes * seconds / WORKERS / taken[name].wall:.3f}"]
        for name, (nodes, seconds) in WAITS.items()
    ]
    show("Nodes that wait", ["each", "wall s", "efficiency"], rows)


if __name__ == "__main__":
    main()
