"""The queue of what is ready to run, and the threads that wait for it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["ReadyQueue"]

T = TypeVar("T")

#: How long a thread that found nothing sleeps before it looks again, in seconds: at first, and at most.
PATIENCE = (0.002, 0.05)


class ReadyQueue(Generic[T]):
    """Last in, first out: what became ready last has its inputs at hand, and running it first lets them go.

    Args:
        hurried: Tells whether what is to be ready after a while is to be taken at once: the run was cancelled.

    Attributes:
        lock: Guards the queue, and whatever else its owner wants guarded with it.
        idle: How many threads wait.
        closed: Whether everything has ended.
    """

    def __init__(self, hurried: Callable[[], bool]) -> None:
        self._hurried = hurried
        self.lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._ended = threading.Condition(self.lock)
        self._ready: deque[T] = deque()
        self._last: deque[T] = deque()
        self._delayed: list[tuple[float, int, T]] = []
        self._held: dict[T, None] = {}
        self._order = itertools.count()
        self.idle = 0
        self.closed = False

    def __len__(self) -> int:
        return len(self._ready)

    def push(self, units: Sequence[T]) -> None:
        """Add units, the first of which is taken first. The lock is held by the caller."""
        self._ready.extend(reversed(units))

    def push_below(self, unit: T) -> None:
        """Add a unit that is taken after all that is ready now. The lock is held by the caller."""
        self._ready.appendleft(unit)

    def push_last(self, unit: T) -> None:
        """Add a unit that is taken once there is nothing else. The lock is held by the caller."""
        self._last.append(unit)

    def push_later(self, unit: T, seconds: float) -> None:
        """Add a unit that is ready after a while."""
        with self.lock:
            heapq.heappush(self._delayed, (time.monotonic() + seconds, next(self._order), unit))
            self._changed.notify()

    def hold(self, unit: T) -> None:
        """Keep a unit that is ready once something outside has happened, or is hurried. The lock is held."""
        self._held[unit] = None

    def release(self, unit: T) -> bool:
        """Let go of a unit that was held, and tell whether it still was. The lock is held by the caller."""
        return unit in self._held and self._held.pop(unit) is None

    def take(self, willing: Callable[[T], bool] | None = None, leave: Callable[[], bool] | None = None) -> T | None:
        """Return what is to be run next, waiting for it; None once the queue is closed. The lock is held by the caller.

        Args:
            willing: Whether the thread wants a unit; asked again when it has slept for a while. None for any.
            leave: Whether the thread is to do something else; it then gets None.
        """
        patience = PATIENCE[0]
        while not self.closed and not (leave is not None and leave()):
            if self._delayed or self._held:
                self._move_due()
            first = self.peek()
            if first is not None and (willing is None or willing(first)):
                return self.take_now()
            self.idle += 1
            try:
                self._changed.wait(self._wait(patience))
            finally:
                self.idle -= 1
            patience = min(2 * patience, PATIENCE[1])
        return None

    def peek(self) -> T | None:
        """Return what would be taken next. The lock is held by the caller."""
        if self._ready:
            return self._ready[-1]
        return self._last[0] if self._last else None

    def wake(self) -> None:
        """Wake one thread that waits. The lock is held by the caller."""
        self._changed.notify()

    def wake_all(self) -> None:
        """Wake every thread that waits. The lock is held by the caller."""
        self._changed.notify_all()

    def take_now(self) -> T | None:
        """Return what is to be run next if there is something. The lock is held by the caller."""
        if self._ready:
            return self._ready.pop()
        return self._last.popleft() if self._last else None

    def close(self) -> None:
        """Send every thread home. The lock is held by the caller."""
        self.closed = True
        self._changed.notify_all()
        self._ended.notify_all()

    def wait_closed(self, seconds: float) -> bool:
        """Wait for the end, and tell whether it has come."""
        with self.lock:
            if not self.closed:
                self._ended.wait(seconds)
            return self.closed

    def _move_due(self) -> None:
        now = time.monotonic()
        while self._delayed and (self._delayed[0][0] <= now or self._hurried()):
            self._ready.append(heapq.heappop(self._delayed)[2])
        if self._held and self._hurried():
            self._ready.extend(self._held)
            self._held.clear()

    def _wait(self, patience: float) -> float:
        if not self._delayed:
            return patience
        return max(0.0, min(patience, self._delayed[0][0] - time.monotonic()))
