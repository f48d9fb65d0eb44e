"""Who is told what a store has to say while a run goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Protocol

from flowra.exceptions import printable

__all__ = ["Bulletin", "StoreListener"]


#: Characters of a line.
_LONGEST = 1000


class StoreListener(Protocol):
    """Told what people should know of a store, from any thread."""

    def log(self, node: str, text: str, level: str) -> None:
        """Take a line; the node is empty, the level `info` or `warning`."""

    def uploading(self, results: int, size: int) -> None:
        """Take how many results are still to be uploaded, and how many bytes they have."""


class Bulletin:
    """What a store has to say: told to everyone who listens, and kept for the first who does where nobody listens."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._listeners: list[StoreListener] = []
        self._unheard: list[tuple[str, str]] = []
        self._once: set[str] = set()

    @contextmanager
    def heard_by(self, listener: StoreListener) -> Iterator[None]:
        """Have somebody told, what nobody has heard yet included."""
        with self._lock:
            self._listeners.append(listener)
            unheard, self._unheard = self._unheard, []
            for text, level in unheard:
                listener.log("", text, level)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def say(self, text: str, level: str = "warning", *, once: str = "") -> None:
        """Tell something, in a line that a terminal shows as it is: others may have written a part of it.

        Args:
            text: What there is to say.
            level: `info` or `warning`.
            once: What it is about; of what is about the same only the first is told. Empty to tell each.
        """
        text = printable(text, _LONGEST)
        with self._lock:
            if once in self._once:
                return
            if once:
                self._once.add(once)
            if not self._listeners:
                self._unheard.append((text, level))
            for listener in self._listeners:
                listener.log("", text, level)

    def uploading(self, results: int, size: int) -> None:
        """Tell how much is still to be uploaded."""
        with self._lock:
            for listener in self._listeners:
                listener.uploading(results, size)
