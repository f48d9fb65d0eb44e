"""Work that may hang, and is left to itself then."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["Attempt"]

T = TypeVar("T")


class Attempt(Generic[T]):
    """Work on a thread of its own, so that whoever waits for it can stop waiting; the thread ends when it ends.

    Args:
        work: The work.

    Attributes:
        began: When it began, by `time.monotonic`.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self.began = time.monotonic()
        self._work = work
        self._ended = Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        # A daemon: a connection that hangs must not keep the process from ending.
        Thread(target=self._run, name="flowra-store-call", daemon=True).start()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end, and return whether it came."""
        return self._ended.wait(max(0.0, seconds))

    def result(self) -> T:
        """Return what the work gave, or raise what it raised; once, when it has ended."""
        if self._error is not None:
            raise self._error
        # Not to be held by the thread, which may take a while to end.
        return self._result.pop()

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001  raised where the result is asked for
            self._error = error
        self._ended.set()
