"""How far a batch is, in words: totals, rate and time left."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from flowra.cli.run_view.view import duration

if TYPE_CHECKING:
    from flowra.execute.batch.item import Totals

__all__ = ["Rate", "totals_in_words"]

#: Seconds over which the rate is taken: what was cached at the beginning says nothing of what is left.
_SPAN = 20.0
#: Seconds between two looks at the clock that are kept.
_STEP = 0.5


class Rate:
    """How many items come to an end in a second, lately.

    It counts from when the first has come: until then workers start and models are loaded, and that says nothing of
    the rest.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """Take note of how many items are done."""
        now = time.monotonic()
        if not self._seen or now - self._seen[-1][0] >= _STEP:
            self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _SPAN:
            self._seen.popleft()

    def a_second(self, done: int) -> float:
        """Return how many items a second there were lately; 0 where that can't be said yet."""
        if not self._seen or time.monotonic() - self._seen[0][0] < _STEP:
            return 0.0
        began, before = self._seen[0]
        seconds = time.monotonic() - began
        return (done - before) / seconds

    def in_words(self, totals: Totals) -> str:
        """Return the rate, and the time left where it is known how much there is to do."""
        rate = self.a_second(totals.done)
        if rate <= 0:
            return ""
        said = f"{rate:.3g} items/s" if rate < 1000 else f"{rate:,.0f} items/s"
        if totals.total is None or totals.total <= totals.done:
            return said
        return f"{said}, {duration((totals.total - totals.done) / rate)} left"


def totals_in_words(totals: Totals) -> str:
    """Return what came of the items so far, in words."""
    parts = [f"{totals.cached:,} cached" if totals.cached else "", f"{totals.failed:,} failed" if totals.failed else ""]
    return ", ".join(part for part in parts if part)
