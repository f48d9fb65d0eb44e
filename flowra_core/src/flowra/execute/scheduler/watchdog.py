"""Tells when calls run out of time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from flowra.execute.scheduler.state import Call

__all__ = ["Watchdog"]


class Watchdog:
    """Calls back when a call has not ended within its time. Its thread starts with the first call that has a limit."""

    def __init__(self, expired: Callable[[Call], None]) -> None:
        self._expired = expired
        self._deadlines: list[tuple[float, int, Call, int]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, call: Call, seconds: float) -> None:
        """Call back in so many seconds, unless the call has ended by then or is being tried again."""
        with self._changed:
            heapq.heappush(self._deadlines, (time.monotonic() + seconds, next(self._order), call, call.attempt))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="flowra-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._deadlines or self._deadlines[0][0] > time.monotonic()):
                    wait = self._deadlines[0][0] - time.monotonic() if self._deadlines else None
                    self._changed.wait(None if wait is None else max(0.0, wait))
                if self._closed:
                    return
                _, _, call, attempt = heapq.heappop(self._deadlines)
            if call.claim(attempt):
                self._expired(call)
