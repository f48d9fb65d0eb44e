"""How long work reports how far it is, and ends when the run is cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["watching"]

#: Seconds between two reports: more often nobody looks, and each is an event in the journal.
_EVERY = 0.5


def watching(context: RunContext) -> Callable[[float, float], None]:
    """Return what is told how many seconds of a video are done, and of how many; it raises if the run is cancelled."""
    told = time.monotonic()

    def watch(done: float, total: float) -> None:
        nonlocal told
        context.check_cancelled()
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            context.progress(done, total if total > 0 else None, "seconds")

    return watch
