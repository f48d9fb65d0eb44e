"""The right to compute a key, held by one at a time: a row that only one can insert."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

from flowra.storage.store import KeyLock

from {{ cookiecutter.package }}.database import Database

__all__ = ["DatabaseKey"]

#: Seconds between two looks at a key that somebody else has.
_WAIT = 0.02


class DatabaseKey(KeyLock):
    """The right to compute one key.

    Args:
        database: Where it is held.
        key: The action key.
        timeout: Seconds to wait for another holder; None waits as long as it takes.
        give_up: Asked while waiting; True ends the wait.
    """

    def __init__(
        self, database: Database, key: bytes, timeout: float | None, give_up: Callable[[], bool] | None
    ) -> None:
        """Make the right, still to be taken."""
        self._database = database
        self._key = key
        self._timeout = timeout
        self._give_up = give_up
        self._held = False

    def acquire(self) -> bool:
        """Wait for the right, and return whether it is held now."""
        until = None if self._timeout is None else time.monotonic() + self._timeout
        while not self._take():
            if (self._give_up is not None and self._give_up()) or (until is not None and time.monotonic() >= until):
                return False
            time.sleep(_WAIT)
        self._held = True
        return True

    def release(self) -> None:
        """Give the right back, if it is held."""
        if self._held:
            self._held = False
            self._database.run("DELETE FROM held WHERE key = ?", self._key)

    def _take(self) -> bool:
        with self._database.transaction():
            for (process,) in self._database.rows("SELECT process FROM held WHERE key = ?", self._key):
                if _is_alive(process):
                    return False
            self._database.run("INSERT OR REPLACE INTO held VALUES (?, ?)", self._key, os.getpid())
            return True


def _is_alive(process: int) -> bool:
    with suppress(PermissionError):  # it is somebody else's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
