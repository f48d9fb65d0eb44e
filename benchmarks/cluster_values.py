"""Measure how large values come from node to node on a cluster, beside raw `dask.distributed` on the same one.

Run it in an environment that has flowra[cluster] and numpy::

    python benchmarks/cluster_values.py

Pictures of 8 MiB on two worker processes of this machine, one thread each: handed along a chain, fanned out from one
node to many, and two at a time to nodes that take them from whichever worker made them. Wall time of a run, medians of
rounds in which the rows take turns. Flowra keeps each value that goes from task to task in a store: a folder of this
machine; and one that stands for a bucket, in which each read takes 20 ms and a second for 100 MB, with workers that
fetch from each other and with workers that don't. dask keeps values in the workers' memory alone, and loses them with
a worker.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _array_nodes import Look, Make, Step, add, look, make, step
from _measure import Taken, arguments, interleaved, scratch, show, timed

from flowra.dag.graph import Graph
from flowra.execute.cluster.connection import Cluster, Connection
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.policy import CachePolicy
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager

WORKERS = 2
_FAR = "latency=0.02&rate=100e6"
_PLUGIN = """
from flowra.plugin import StorageEntry, hookimpl


@hookimpl
def flowra_storage_backends():
    return [StorageEntry("far", target="_array_nodes:open_far")]
"""


class Shared(Cluster):
    """A cluster for several sessions."""

    def __init__(self, cluster: ProcessCluster) -> None:
        self._cluster = cluster

    def connect(self) -> Connection:
        """Return a connection to it."""
        return self._cluster.connect()

    def give_up(self, member: Any) -> None:
        """Leave that to the cluster."""

    def close(self) -> None:
        """Leave it running."""


def flowra_graphs(nodes: int, start: int) -> dict[str, Graph]:
    """Return the programs as graphs; other numbers make other values, which no store has yet."""
    chain, fan, pairs = Graph("chain"), Graph("fan"), Graph("pairs")
    array = chain.add(Make, number=start)["array"]
    for _ in range(nodes - 2):
        array = chain.add(Step, array=array)["array"]
    chain.output("seen", chain.add(Look, array=array)["seen"])
    array = fan.add(Make, number=start + 1)["array"]
    for number in range(nodes - 1):
        fan.output(f"seen{number}", fan.add(Look, array=array, number=number)["seen"])
    made = [pairs.add(Make, number=start + number)["array"] for number in range(nodes // 2)]
    for number, each in enumerate(made):
        other = made[(number + 1) % len(made)]
        pairs.output(f"seen{number}", pairs.add(Look, array=each, other=other)["seen"])
    return {"chain": chain, "fan-out": fan, "pairs": pairs}


def dask_graphs(nodes: int) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return the programs as dask takes them, with the keys that are asked for."""
    chain: dict[str, Any] = {"n0": (make, 0)}
    chain.update({f"n{number}": (step, f"n{number - 1}") for number in range(1, nodes - 1)})
    chain["seen"] = (look, f"n{nodes - 2}", 0)
    fan: dict[str, Any] = {"made": (make, 1)}
    fan.update({f"seen{number}": (look, "made", number) for number in range(nodes - 1)})
    count = nodes // 2
    pairs: dict[str, Any] = {f"n{number}": (make, number) for number in range(count)}
    pairs.update({f"seen{number}": (add, f"n{number}", f"n{(number + 1) % count}") for number in range(count)})
    programs = {"chain": chain, "fan-out": fan, "pairs": pairs}
    return {name: (tasks, [key for key in tasks if key.startswith("seen")]) for name, tasks in programs.items()}


def main() -> None:
    """Measure, and print the table."""
    options = arguments(__doc__ or "", rounds=3, nodes=24)
    with scratch() as folder:
        site = _installed(folder / "site")
        sys.path.insert(0, str(site))
        cluster = ProcessCluster(WORKERS)
        client = cluster.connect().client
        numbers = iter(range(0, 1_000_000, 1000))

        def raw(tasks: dict[str, Any], keys: list[str]) -> Taken:
            run = f"r{next(numbers)}-"
            named = {run + name: tuple(run + p if p in tasks else p for p in task) for name, task in tasks.items()}
            return timed(lambda: client.get(named, [run + key for key in keys]))

        def flowra(session: Session, name: str) -> Taken:
            plan = session.plan(flowra_graphs(options.nodes, next(numbers))[name])
            # Nothing is looked up, and values go through the store as they always do.
            policy = CachePolicy(everything_off=True)
            return timed(lambda: session.run_plan(plan, policy=policy).raise_for_status())

        with use_manager(PluginManager.discover()):
            stores = {
                "folder": str(folder / "near"),
                "bucket": f"far://{folder}/far?{_FAR}",
                "bucket, no peers": f"far://{folder}/alone?{_FAR}&alone=1",
            }
            sessions = {
                name: Session(executor=ClusterExecutor(lambda: Shared(cluster)), store=store)
                for name, store in stores.items()
            }
            cases: dict[str, Callable[[], Taken]] = {}
            programs = dask_graphs(options.nodes)
            for program, dask in programs.items():
                cases[f"{program}: dask"] = partial(raw, *dask)
                for name, session in sessions.items():
                    cases[f"{program}: {name}"] = partial(flowra, session, program)
            taken = interleaved(cases, options.rounds)
            for session in sessions.values():
                session.close()
            client.close()
            cluster.close()
    if options.json:
        print(json.dumps({name: each.wall for name, each in taken.items()}))
        return
    columns = ["dask", *stores]
    rows = [[each, *(f"{1e3 * taken[f'{each}: {name}'].wall:,.0f}" for name in columns)] for each in programs]
    show(f"{options.nodes} nodes with pictures of 8 MiB, ms a run", ["", *columns], rows)


def _installed(site: Path) -> Path:
    """Install a pack that has the store."""
    (site / "far_pack").mkdir(parents=True)
    (site / "far_pack" / "__init__.py").write_text("")
    (site / "far_pack" / "plugin.py").write_text(_PLUGIN)
    info = site / "far_pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: far-pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[flowra]\nfar = far_pack.plugin\n")
    return site


if __name__ == "__main__":
    main()
