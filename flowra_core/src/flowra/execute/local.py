"""The embedded default: runs a plan in this process, with nothing to start and no port open."""

from __future__ import annotations

import math
from collections.abc import Mapping

from flowra.execute.awaiter import Awaiter
from flowra.execute.executor import Executor, Job, Outcome
from flowra.execute.instances import InstancePool
from flowra.execute.resources import Ledger, Offer, check_needs
from flowra.execute.resources.limits import usable_cores
from flowra.execute.scheduler.scheduler import Scheduler
from flowra.execute.together import TogetherRunner

__all__ = ["LocalExecutor"]

#: Bytes of values that a run keeps in memory, unless it is told otherwise.
MEMORY = 2 * 1024**3
#: How many threads there are beside those that compute, for nodes that wait.
_WAITING = 4


class LocalExecutor(Executor):
    """Runs plans on threads of this process.

    A node that fails stops what depends on it and nothing else. A value is let go when the last node that takes it
    has run, unless it was asked for.

    Args:
        threads: How many nodes run at once, at most. If None, as many as there are processors while these are busy, and
            four more beside them, since nodes also wait for files and networks.
        memory: Bytes of values that are kept in memory, at most, where they can be had again from a store.
        resources: How much there is of what nodes state in `resources`, by name, in place of what is found on this
            machine; the setting `resources` if None. Nodes that run at the same time never need more together, and
            warm instances are let go rather than that they take more `memory` or `gpu_memory`.
    """

    def __init__(
        self, *, threads: int | None = None, memory: int = MEMORY, resources: Mapping[str, float] | None = None
    ) -> None:
        self._processors = threads if threads is not None else max(1, math.ceil(usable_cores()))
        self._threads = threads if threads is not None else self._processors + _WAITING
        self._memory = memory
        self._ledger = Ledger(Offer(resources))
        self._pool = InstancePool(offer=self._ledger.offer)
        self._awaiter = Awaiter()

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it.

        Raises:
            GraphInvalidError: Nodes that have to run need what is not there; carries all of them.
        """
        check_needs(job.plan, self._ledger.offer)
        runner = TogetherRunner(job, self._pool, job.cache, self._awaiter)
        return Scheduler(
            job, runner, self._ledger, threads=self._threads, processors=self._processors, memory=self._memory
        ).run()

    def close(self) -> None:
        """Close the warm instances."""
        self._awaiter.close()
        self._pool.close()
