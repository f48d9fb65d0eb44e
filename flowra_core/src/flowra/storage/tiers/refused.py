"""What the remote store did not take, though it answered: it is full, or the result is not to its liking."""

from __future__ import annotations

from threading import Lock

from flowra.exceptions import StoreError
from flowra.storage.tiers.pending import Pending
from flowra.storage.tiers.queue import Left, Queued
from flowra.storage.tiers.remote_tier import in_words

__all__ = ["Refused"]


class Refused:
    """Results that were tried once and not taken. They wait for the next run, and are not tried again in this one.

    Attributes:
        why: What the store said last, in a line; empty while it takes everything.
        fix: What to do about it, if it said so.
    """

    def __init__(self) -> None:
        self.why = ""
        self.fix: str | None = None
        self._lock = Lock()
        self._results: dict[Pending, Queued] = {}

    def add(self, queued: Queued, error: StoreError) -> None:
        """Note a result that was not taken, and why."""
        with self._lock:
            self._results[queued.pending] = queued
            # In words: the error itself would hold on to the value that was being sent.
            self.why, self.fix = in_words(error), error.fix

    def discard(self, pending: Pending) -> None:
        """Forget a result: it is tried again."""
        with self._lock:
            self._results.pop(pending, None)

    def take_all(self) -> list[Queued]:
        """Forget all, and return them."""
        with self._lock:
            results, self._results = self._results, {}
            return list(results.values())

    def results(self) -> set[Pending]:
        """Return which results these are."""
        with self._lock:
            return set(self._results)

    @property
    def left(self) -> Left:
        """How many results these are."""
        with self._lock:
            return Left(len(self._results), sum(queued.size for queued in self._results.values()))
