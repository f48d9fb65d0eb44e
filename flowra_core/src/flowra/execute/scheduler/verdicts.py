"""What is noted and told of the nodes and calls of a run that give no value."""

from __future__ import annotations

from flowra.exceptions import NodeFailedError
from flowra.execute.executor import Job, Outcome
from flowra.execute.failure import named, release_values
from flowra.execute.scheduler.crew import Crew
from flowra.execute.scheduler.state import Call, item_of
from flowra.execute.values import Ended, Failed

__all__ = ["CANCELLED", "Verdicts"]

CANCELLED = Failed("the run was cancelled")


class Verdicts:
    """Notes failures, and what is not run because of them.

    Args:
        job: The job.
        crew: Its lock guards the outcome.

    Attributes:
        outcome: What came of the job so far. What fails for an item of a batch is told with the item, and kept no
            longer.
    """

    def __init__(self, job: Job, crew: Crew) -> None:
        self._job = job
        self._lock = crew.lock
        self.outcome = Outcome()

    def fail(self, name: str, error: NodeFailedError, call: Call | None = None) -> Failed:
        """Note that a call or node failed, and return what stands for its outputs."""
        error = named(error, name)
        release_values(error)
        if item_of(name) is None:
            with self._lock:
                self.outcome.failures[name] = error
        if self._job.cache is not None:
            self._job.cache.note_failure(name, error, call)
        self._job.reporter.failed(name, error)
        return Failed(f"{name} failed", error)

    def without_value(self, name: str, value: Ended | Failed) -> Ended | Failed:
        """Note that a call is not made, and return what stands for its outputs."""
        if isinstance(value, Failed) and item_of(name) is None:
            with self._lock:
                self.outcome.not_run[name] = value.reason
        self._job.reporter.not_run(name, value.reason)
        return value
