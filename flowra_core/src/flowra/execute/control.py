"""How a run is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["RunControl", "interruptible"]


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


@contextmanager
def interruptible(control: RunControl) -> Iterator[None]:
    """Let Ctrl-C end a run at once, where the program leaves Ctrl-C to Python.

    Without it a node that is interrupted would fail like one that raises KeyboardInterrupt by itself, and the run
    would go on with the others.
    """

    def interrupt(signum: int, frame: FrameType | None) -> None:
        control.cancel(now=True)
        signal.default_int_handler(signum, frame)

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
