"""How many bytes are in memory at once, over all threads that send or read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

__all__ = ["BytesInFlight"]


class BytesInFlight:
    """Room for some bytes. What is larger than all of it goes by itself.

    Args:
        most: The bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = Condition()
        self._taken = 0

    @contextmanager
    def room_for(self, size: int) -> Iterator[None]:
        """Wait until some bytes fit beside the others, and hold the room for them while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + size <= self._most)
            self._taken += size
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()
