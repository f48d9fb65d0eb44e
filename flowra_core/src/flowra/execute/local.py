"""The embedded default: runs a plan in this process, with nothing to start and no port open."""

from __future__ import annotations

import os

from flowra.execute.awaiter import Awaiter
from flowra.execute.executor import Executor, Job, Outcome
from flowra.execute.instances import InstancePool
from flowra.execute.runner import CallRunner
from flowra.execute.scheduler.scheduler import Scheduler

__all__ = ["LocalExecutor"]

#: Bytes of values that a run keeps in memory, unless it is told otherwise.
MEMORY = 2 * 1024**3


class LocalExecutor(Executor):
    """Runs plans on threads of this process.

    A node that fails stops what depends on it and nothing else. A value is let go when the last node that takes it
    has run, unless it was asked for.

    Args:
        threads: How many nodes run at once, at most; four more than there are processors if None, since nodes also
            wait for files and networks.
        memory: Bytes of values that are kept in memory, at most, where they can be had again from a store.
    """

    def __init__(self, *, threads: int | None = None, memory: int = MEMORY) -> None:
        self._threads = threads if threads is not None else min(32, (os.cpu_count() or 1) + 4)
        self._memory = memory
        self._pool = InstancePool()
        self._awaiter = Awaiter()

    def execute(self, job: Job) -> Outcome:
        """Run a plan and return what came of it."""
        runner = CallRunner(job, self._pool, job.cache, self._awaiter)
        return Scheduler(job, runner, threads=self._threads, memory=self._memory).run()

    def close(self) -> None:
        """Close the warm instances."""
        self._awaiter.close()
        self._pool.close()
