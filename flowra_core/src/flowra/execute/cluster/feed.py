"""Tells the driver what happens on a worker while it happens."""

# ruff: noqa: D102  what each report means is said by `Reporter`

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from flowra.exceptions import NodeFailedError
from flowra.execute.control import RunControl
from flowra.execute.executor import Reporter
from flowra.execute.session import events
from flowra.execute.session.reporting import EventReporter

__all__ = ["EventFeed", "topic_of"]

#: Seconds that events wait at most, so that many of them go out in one message.
_LONGEST_WAIT = 0.05


def topic_of(run_id: str) -> str:
    """Return the dask topic under which the events of a run go out."""
    return f"flowra-{run_id}"


class EventFeed(Reporter):
    """The reporter of a run on a worker.

    That a call runs, and what it says meanwhile, goes to the driver at once. How it ended goes there with its result.

    It is made on a thread on which a worker runs a batch.

    Args:
        run_id: The run.
        control: Whether it was cancelled.
        observed: Whether anybody listens.
    """

    def __init__(self, run_id: str, control: RunControl, *, observed: bool) -> None:
        self._topic = topic_of(run_id)
        self._control = control
        self._observed = observed
        self._previews = EventReporter(run_id, [self._add_preview], control)
        self._changed = threading.Condition()
        self._waiting: list[list[Any]] = []
        self._said: dict[str, list[Any]] = {}
        self._sent = 0
        self._thread: threading.Thread | None = None
        self._worker: Any = import_module("distributed").get_worker()
        self._closed = False

    @property
    def observed(self) -> bool:
        """Whether anybody listens."""
        return self._observed

    def flush(self) -> int:
        """Send what waits, and return how many events have been sent in all."""
        with self._changed:
            self._send()
            return self._sent

    def take_said(self, node: str) -> list[Any] | None:
        """Return how a call ended, and forget it."""
        return self._said.pop(node, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def started(self, node: str, type_id: str, worker: str = "") -> None:
        self._add(["started", node, type_id, worker or str(self._worker.name)])

    def progress(self, node: str, done: float, total: float | None, text: str) -> None:
        self._add(["progress", node, done, total, text])

    def log(self, node: str, text: str, level: str) -> None:
        self._add(["log", node, text, level])

    def preview(self, node: str, value: Any, title: str) -> None:
        if self._observed:
            self._previews.preview(node, value, title)

    def succeeded(self, node: str, seconds: float, outputs: Mapping[str, str], worker: str = "") -> None:
        self._said[node] = ["succeeded", seconds, dict(outputs), worker or str(self._worker.name)]

    def cached(self, node: str, type_id: str, worker: str = "") -> None:
        self._said[node] = ["cached", type_id, worker or str(self._worker.name)]

    def not_run(self, node: str, reason: str) -> None:
        self._said[node] = ["not_run", reason]

    def cancelled(self) -> bool:
        return self._control.cancelled

    def shown(self, node: str, title: str, summary: str, png: bytes | None) -> None:
        self._add(["shown", node, title, summary, png])

    # What follows only a scheduler says, and that is the driver's.
    def queued(self, node: str, type_id: str) -> None: ...

    def retried(self, node: str, attempt: int, seconds: float, error: NodeFailedError) -> None: ...

    def mapped(self, node: str, items: int, failures: int, seconds: float) -> None: ...

    def failed(self, node: str, error: NodeFailedError) -> None: ...

    def _add_preview(self, event: events.Event) -> None:
        if isinstance(event, events.Preview):
            self.shown(event.node, event.title, event.summary, event.png)
        elif isinstance(event, events.Log):
            self._add(["log", event.node, event.text, event.level])

    def _add(self, event: list[Any]) -> None:
        if not self._observed:
            return
        with self._changed:
            self._waiting.append(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_sending, name="flowra-events", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _keep_sending(self) -> None:
        while not self._closed:
            with self._changed:
                if not self._waiting:
                    self._changed.wait()
                self._send()
            time.sleep(_LONGEST_WAIT)

    def _send(self) -> None:
        """Send what waits. The lock is held."""
        if not self._waiting:
            return
        self._sent += len(self._waiting)
        self._worker.log_event(self._topic, {"worker": self._worker.address, "events": self._waiting})
        self._waiting = []
