"""What workers tell of a run while it goes: told on here, and before the results that it came with."""

from __future__ import annotations

import threading
from typing import Any

from flowra.execute.cluster.connection import Connection
from flowra.execute.cluster.feed import topic_of
from flowra.execute.cluster.members import Member
from flowra.execute.executor import Reporter

__all__ = ["HeardEvents"]

#: Seconds that a result waits at most for the events that were sent before it.
_PATIENCE = 5.0


class HeardEvents:
    """Hears the events of one run, if anybody listens to them.

    Args:
        connection: The cluster.
        run_id: The run.
        reporter: Who is told.
    """

    def __init__(self, connection: Connection, run_id: str, reporter: Reporter) -> None:
        self._connection = connection
        self._topic = topic_of(run_id)
        self._reporter = reporter
        self._heard: dict[str, int] = {}
        self._more = threading.Condition()
        if reporter.observed:
            connection.subscribe(self._topic, self._hear)

    def wait_for(self, member: Member, sent: int) -> None:
        """Wait until so many events of a worker have been told: they came before its result."""
        with self._more:
            self._more.wait_for(lambda: self._heard.get(member.address, 0) >= sent, timeout=_PATIENCE)

    def close(self) -> None:
        """Hear no more."""
        if self._reporter.observed:
            self._connection.unsubscribe(self._topic)

    def _hear(self, message: dict[str, Any]) -> None:
        for kind, *rest in message["events"]:
            getattr(self._reporter, kind)(*rest)
        with self._more:
            worker = message["worker"]
            self._heard[worker] = self._heard.get(worker, 0) + len(message["events"])
            self._more.notify_all()
