"""`ClusterExecutor`: runs plans on a `dask.distributed` cluster."""

from __future__ import annotations

import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowra.exceptions import ClusterError
from flowra.execute.awaiter import Awaiter
from flowra.execute.cluster.batches import unreachable
from flowra.execute.cluster.connection import Cluster, Connection
from flowra.execute.cluster.members import ClusterOffer
from flowra.execute.cluster.packs import PackCheck, PackDelivery
from flowra.execute.cluster.reach import StoreReach
from flowra.execute.cluster.runner import ClusterRunner
from flowra.execute.cluster.usable import UsableWorkers
from flowra.execute.executor import Executor, Job, Outcome
from flowra.execute.instances import InstancePool
from flowra.execute.local import MEMORY
from flowra.execute.resources import Ledger, check_needs
from flowra.execute.scheduler.scheduler import Scheduler
from flowra.execute.stored_values import StoredValues
from flowra.storage.address import open_store
from flowra.storage.store import Store

__all__ = ["ClusterExecutor"]

#: Threads of the driver: they only wait, for workers that say which lazy inputs a node needs.
_THREADS = 8


class ClusterExecutor(Executor):
    """Runs plans on the workers of a cluster.

    The workers have to reach the store by the same address as the driver: a folder that all of them see, or a bucket.
    Values go through it from worker to worker.

    Args:
        start: Gives the cluster; called with the first run.
        delivery: Gives workers the packs that they lack, or have otherwise than the driver, before a run: a
            `flowra.pack.delivery.PackSender`; None to refuse such workers.
    """

    #: Cheap calls go to workers by the hundreds; values stay there.
    in_flight: int = 2000

    def __init__(self, start: Callable[[], Cluster], delivery: PackDelivery | None = None) -> None:
        self._start = start
        self._delivery = delivery
        self._cluster: Cluster | None = None
        self._connection: Connection | None = None
        self._reach: StoreReach | None = None
        self._starting = threading.Lock()
        self._session = uuid.uuid4().hex
        self._pool = InstancePool()
        self._awaiter = Awaiter()

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it.

        Raises:
            ClusterError: The cluster does not answer, or can't run the plan; or its scheduler is lost.
            GraphInvalidError: Nodes need what no machine of it has; carries all of them.
        """
        with self._starting:
            if self._connection is None:
                self._cluster = self._start()
                self._connection = self._cluster.connect()
                self._connection.given_up = self._cluster.give_up
                if link := self._cluster.dashboard:
                    job.reporter.log("", f"dask's dashboard: {link}", "info")
            connection = self._connection
        plan = job.plan.logical
        _check_importable(job)
        resources = {name for node in plan.nodes.values() for name in node.description.traits.resources}
        for warning in connection.meet(sorted(resources)):
            job.reporter.log("", warning, "warning")
        if not connection.members:
            raise ClusterError(
                "the cluster has no worker that can be used",
                where=connection.address,
                fix="start workers, with Flowra and the packs installed: flowra cluster start",
            )
        packs = self._checked_packs(job, connection)
        spool = Path(tempfile.mkdtemp(prefix="flowra-values-")) if job.cache is None else None
        values = job.cache.values if job.cache is not None else _uncached(job, spool)
        try:
            workers = UsableWorkers(self._reach_of(values.store, connection, job), packs)
            return self._run(job, values, connection, workers)
        finally:
            if spool is not None:
                values.store.close()
                shutil.rmtree(spool, ignore_errors=True)

    def close(self) -> None:
        """Close the warm instances on the workers, and the connection."""
        if self._connection is not None:
            with suppress(ClusterError):
                self._connection.refresh()
            self._connection.ask("end_session", self._session)
            self._connection.close()
            self._connection = None
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None
        self._awaiter.close()
        self._pool.close()

    def _checked_packs(self, job: Job, connection: Connection) -> PackCheck:
        """Compare the packs of the workers with the driver's; raises ClusterError where they can't be used."""
        needed = {node.type.partition("/")[0] for node in job.plan.logical.nodes.values()}
        packs = PackCheck(connection, needed, job.catalog.manager.packs, self._delivery)
        for warning in packs.start():
            job.reporter.log("", warning, "warning")
        return packs

    def _reach_of(self, store: Store, connection: Connection, job: Job) -> StoreReach:
        """Return which workers reach a store; raises ClusterError if none does."""
        with self._starting:
            if self._reach is None or self._reach.store is not store:
                self._reach = StoreReach(connection, store)
            reach = self._reach
        warnings = reach.ask()
        if not reach.members:
            raise ClusterError(
                "no worker can use the store",
                where=store.location,
                why=warnings[0] if warnings else "none that was asked has answered",
                fix="give a store that every machine reaches by the same address: --store /shared/folder",
            )
        for warning in warnings:
            job.reporter.log("", warning, "warning")
        if not reach.all_near:
            store.write_through()
        return reach

    def _run(self, job: Job, values: StoredValues, connection: Connection, workers: UsableWorkers) -> Outcome:
        offer = ClusterOffer(workers.members)
        check_needs(job.plan, offer)
        runner = ClusterRunner(job, values, connection, workers, self._header(job, values), self._pool, self._awaiter)
        try:
            return Scheduler(job, runner, Ledger(offer), threads=_THREADS, memory=MEMORY).run()
        finally:
            runner.close()

    def _header(self, job: Job, values: StoredValues) -> dict[str, Any]:
        cache = job.cache
        policy = None
        if cache is not None:
            policy = [sorted(cache.policy.off), sorted(cache.policy.refresh), cache.policy.everything_off]
        return {
            "id": job.run_id,
            "session": self._session,
            "origin": job.origin,
            "output_dir": str(job.output_dir),
            "store": values.store.location,
            "home": values.store.home,
            "policy": policy,
            "observed": job.reporter.observed,
        }


def _uncached(job: Job, folder: Path | None) -> StoredValues:
    """Return what hands values from worker to worker where nothing is kept."""
    assert folder is not None
    return StoredValues(open_store(folder), lambda reason: job.reporter.log("", reason, "warning"))


def _check_importable(job: Job) -> None:
    """Raise ClusterError for a node class that no worker can import."""
    for node in job.plan.logical.nodes.values():
        if node.id not in job.plan.known and (reason := unreachable(node)):
            raise ClusterError(
                f"no worker can import the class of node {node.id}",
                where=node.type,
                why=reason,
                fix="put it into a module that the workers have too, or into a pack",
            )
