"""The queue of uploads: what waits is named, not held; a few threads take it up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Condition, Thread

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.in_flight import BytesInFlight
from flowra.storage.reports import size_in_words
from flowra.storage.tiers.pending import Pending

__all__ = ["BYTES_IN_FLIGHT", "THREADS", "Left", "Queued", "UploadQueue"]

#: Threads that upload, and bytes of values that they send at once. A larger value is sent by itself.
THREADS = 8
BYTES_IN_FLIGHT = 64 * 1024**2
#: Seconds after which a thread looks again whether the remote store answers.
_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Left:
    """What is still to be uploaded.

    Attributes:
        results: How many results.
        bytes: How many bytes their values have.
    """

    results: int = 0
    bytes: int = 0

    def __bool__(self) -> bool:
        return self.results > 0

    def __add__(self, other: Left) -> Left:
        return Left(self.results + other.results, self.bytes + other.bytes)

    def in_words(self) -> str:
        """Return it as the beginning of a sentence: `12 results (34.1 MB) are`."""
        counted = "1 result" if self.results == 1 else f"{self.results:,} results"
        size = f" ({size_in_words(self.bytes)})" if self.bytes else ""
        return f"{counted}{size} {'is' if self.results == 1 else 'are'}"


@dataclass(slots=True)
class Queued:
    """A result in the queue.

    Attributes:
        pending: Which.
        size: The bytes of its values.
    """

    pending: Pending
    size: int


class UploadQueue:
    """Uploads results in the background.

    Args:
        upload: Uploads one; raises StoreUnavailableError where it may be tried again later.
        ended: Told the key of each that is no longer in the queue.
        answers: Says whether the remote store answers; while it does not, nothing is tried.
    """

    def __init__(
        self, upload: Callable[[Queued], None], ended: Callable[[bytes], None], answers: Callable[[], bool]
    ) -> None:
        self._upload = upload
        self._ended = ended
        self._answers = answers
        self._changed = Condition()
        self._waiting: deque[Queued] = deque()
        self._errands: deque[Callable[[], object]] = deque()
        self._known: dict[Pending, Queued] = {}
        self._left_bytes = 0
        self._in_flight = BytesInFlight(BYTES_IN_FLIGHT)
        self._threads = 0
        self._idle = 0
        self._running_errands = 0
        self._closed = False

    @property
    def left(self) -> Left:
        """What is still to be uploaded."""
        with self._changed:
            return Left(len(self._known), self._left_bytes)

    @property
    def busy(self) -> bool:
        """Whether anything is still to be done."""
        with self._changed:
            return not self._is_done()

    def _is_done(self) -> bool:
        return not (self._known or self._errands or self._running_errands)

    def add(self, queued: Queued) -> bool:
        """Have a result uploaded; return False if it is in the queue already, or the queue is closed."""
        with self._changed:
            if self._closed or queued.pending in self._known:
                return False
            self._known[queued.pending] = queued
            self._left_bytes += queued.size
            self._waiting.append(queued)
            self._need_thread()
            return True

    def run(self, errand: Callable[[], object]) -> None:
        """Have something small done in the background, before what waits."""
        with self._changed:
            if not self._closed:
                self._errands.append(errand)
                self._need_thread()
                return
        _do(errand)

    def holds(self, key: bytes) -> bool:
        """Tell whether a result is in the queue, or on its way."""
        with self._changed:
            return Pending(key) in self._known or Pending(key, replace=True) in self._known

    def room_for(self, size: int) -> AbstractContextManager[None]:
        """Wait until some bytes may be sent beside the others that are being sent."""
        return self._in_flight.room_for(size)

    def wait(self, seconds: float, *, give_up: Callable[[], bool], tell: Callable[[Left], None]) -> Left:
        """Wait until everything is uploaded.

        Args:
            seconds: The longest wait.
            give_up: Ends the wait; asked every half second.
            tell: Told what is left, at the beginning if it takes a while and then every half second.

        Returns:
            What is left.
        """
        ends = time.monotonic() + seconds
        told = False
        while True:
            with self._changed:
                pause = min(_LOOK, ends - time.monotonic())
                self._changed.wait_for(self._is_done, max(0.0, pause))
                done = self._is_done()
            left = self.left
            if left or told:
                tell(left)
                told = True
            if done or time.monotonic() >= ends or give_up():
                return left

    def drop_all(self) -> None:
        """Give up what waits."""
        with self._changed:
            dropped = list(self._waiting)
            self._waiting.clear()
        for queued in dropped:
            self._end(queued)

    def close(self, seconds: float) -> None:
        """Take up nothing more, and wait so long for what is being sent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._errands:
                self._need_thread()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._threads, seconds)

    # ---- on the threads ----------------------------------------------------------------------------------------------

    def _need_thread(self) -> None:
        if self._idle:
            self._changed.notify_all()
        elif self._threads < THREADS:
            self._threads += 1
            # A daemon: what is left is on disk, and a transfer that hangs must not keep the process from ending.
            Thread(target=self._work, name="flowra-upload", daemon=True).start()

    def _work(self) -> None:
        try:
            while (work := self._next()) is not None:
                if isinstance(work, Queued):
                    self._take(work)
                else:
                    _do(work)
                    with self._changed:
                        self._running_errands -= 1
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._threads -= 1
                if self._waiting and not self._closed:
                    self._need_thread()  # this one has failed in a way that nobody foresaw: others go on
                self._changed.notify_all()

    def _next(self) -> Queued | Callable[[], object] | None:
        with self._changed:
            while True:
                if self._errands:
                    self._running_errands += 1
                    return self._errands.popleft()
                if self._closed:
                    return None
                if self._waiting and self._answers():
                    return self._waiting.popleft()
                self._idle += 1
                self._changed.wait(_LOOK if self._waiting else None)
                self._idle -= 1

    def _take(self, queued: Queued) -> None:
        again = False
        try:
            self._upload(queued)
        except StoreUnavailableError:
            with self._changed:
                again = not self._closed
                if again:
                    self._waiting.append(queued)
        finally:
            if not again:
                self._end(queued)

    def _end(self, queued: Queued) -> None:
        with self._changed:
            self._known.pop(queued.pending, None)
            self._left_bytes -= queued.size
            self._changed.notify_all()
        self._ended(queued.pending.key)


def _do(errand: Callable[[], object]) -> None:
    try:
        errand()
    except StoreError:
        return  # said where it matters; a right that can't be given back runs out
