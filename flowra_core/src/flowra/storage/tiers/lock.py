"""The right to compute a key on all machines: first among the processes of this one, then among machines."""

from __future__ import annotations

import time
from collections.abc import Callable

from flowra.storage.store import KeyLock

__all__ = ["TieredLock"]


class TieredLock(KeyLock):
    """What `TieredStore.lock` returns.

    Only one process of a machine asks the remote store, and where that does not answer, or lets us not write, the local
    right is enough: then two machines may compute the same, and the first to publish counts.

    Args:
        local: The right on this machine.
        lease: Makes the right among machines, for the seconds that are left to wait; None where there is none to be
            had.
        give_back: Gives a lease back, now or once others can find the result.
        timeout: Seconds to wait in all, or None.
    """

    __slots__ = ("_give_back", "_held", "_lease", "_local", "_timeout")

    def __init__(
        self,
        local: KeyLock,
        lease: Callable[[float | None], tuple[KeyLock | None, bool]],
        give_back: Callable[[KeyLock], None],
        timeout: float | None,
    ) -> None:
        self._local = local
        self._lease = lease
        self._give_back = give_back
        self._timeout = timeout
        self._held: KeyLock | None = None

    def acquire(self) -> bool:
        """Take the key here, then among machines."""
        began = time.monotonic()
        if not self._local.acquire():
            return False
        left = None if self._timeout is None else max(0.0, self._timeout - (time.monotonic() - began))
        try:
            self._held, free = self._lease(left)
        except BaseException:
            self._local.release()
            raise
        if not free:
            self._local.release()
        return free

    def release(self) -> None:
        """Give the key back."""
        held, self._held = self._held, None
        if held is not None:
            self._give_back(held)
        self._local.release()
