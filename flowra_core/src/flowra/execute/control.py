"""How a run is told to stop."""

from __future__ import annotations

import threading

__all__ = ["RunControl"]


class RunControl:
    """Asks a run to stop; shared between whoever runs it and whoever stops it. Thread-safe."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._now = threading.Event()

    def cancel(self, *, now: bool = False) -> None:
        """Stop the run after the nodes that are running; with `now`, an interrupt of a node ends the run at once."""
        self._cancelled.set()
        if now:
            self._now.set()

    @property
    def cancelled(self) -> bool:
        """Whether the run is to start no further nodes."""
        return self._cancelled.is_set()

    @property
    def immediate(self) -> bool:
        """Whether a node that is interrupted is not to be waited for."""
        return self._now.is_set()
