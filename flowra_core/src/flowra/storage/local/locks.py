"""One computation for each key at a time, across threads and processes.

A key is one byte of the range of one file, locked with a POSIX record lock: that costs a system call and nothing on
disk, and the system lets go when the process dies, however it dies. Such a lock belongs to the process and is lost
when the process closes *any* descriptor of the file, so there is one descriptor for each file in a process, shared by
all stores on it, and a table that keeps the threads apart. Where the file system has no such locks, threads are kept
apart and processes are not; publishing still lets the first win.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import time
from collections.abc import Callable
from threading import Condition, Lock

from flowra.storage.local.folder import StoreFolder
from flowra.storage.store import KeyLock

__all__ = ["HeldKey", "KeyLocks"]

#: Seconds between looks at another process's lock: first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.0005, 0.05
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN})


class KeyLocks:
    """The locks on one file; get it with `KeyLocks.of`, and `close` it once for each time."""

    def __init__(self, descriptor: int, identity: tuple[int, int]) -> None:
        self._descriptor = descriptor
        self._identity = identity
        self._users = 0
        # False once the file system turns out to have no such locks.
        self._across_processes = True
        self.forget_after_fork()

    @classmethod
    def of(cls, folder: StoreFolder) -> KeyLocks:
        """Return this process's locks for a store."""
        with _registry_lock:
            try:
                found = _registry.get(_identity(folder.keys_lock.stat()))
            except FileNotFoundError:
                found = None
            if found is None:
                descriptor = folder.create(folder.keys_lock, os.O_RDWR)
                identity = _identity(os.fstat(descriptor))
                found = _registry[identity] = cls(descriptor, identity)
            found._users += 1
            return found

    def close(self) -> None:
        """Let go of the file, once nobody uses it."""
        with _registry_lock:
            self._users -= 1
            if self._users == 0:
                del _registry[self._identity]
                os.close(self._descriptor)

    def take(self, place: int) -> bool:
        """Take a key if nobody has it."""
        with self._mutex:
            if place in self._held:
                return False
            try:
                if self._across_processes:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError as error:
                if error.errno in _TAKEN:
                    return False
                self._across_processes = False
            self._held.add(place)
            return True

    def give(self, place: int) -> None:
        """Give back a key."""
        with self._mutex:
            self._held.remove(place)
            if self._across_processes:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)
            if self._waiting:
                self._given.notify_all()

    def take_when_free(self, place: int, timeout: float | None, give_up: Callable[[], bool] | None) -> bool:
        """Wait for a key; return whether it was taken."""
        ends = None if timeout is None else time.monotonic() + timeout
        wait = _FIRST_WAIT
        while not self.take(place):
            # Jitter: processes that wait for one key must not ask all at once.
            pause = wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if ends is not None:
                pause = min(pause, ends - time.monotonic())
                if pause <= 0:
                    return False
            if give_up is not None and give_up():
                return False
            with self._mutex:
                self._waiting += 1
                self._given.wait(pause)
                self._waiting -= 1
            wait = min(2 * wait, _LONGEST_WAIT)
        return True

    def forget_after_fork(self) -> None:
        """Start with nothing held: a forked child does not have its parent's locks."""
        self._held: set[int] = set()
        self._waiting = 0
        self._mutex = Lock()
        self._given = Condition(self._mutex)


class HeldKey(KeyLock):
    """What `LocalStore.lock` returns."""

    __slots__ = ("_give_up", "_locks", "_place", "_taken", "_timeout")

    def __init__(self, locks: KeyLocks, key: bytes, timeout: float | None, give_up: Callable[[], bool] | None) -> None:
        self._locks = locks
        # Offsets go up to 2**63; two keys that share the 62 bits would merely wait for each other.
        self._place = int.from_bytes(key[:8], "big") >> 2
        self._timeout = timeout
        self._give_up = give_up
        self._taken = False

    def acquire(self) -> bool:
        """Take the key, waiting for whoever has it."""
        self._taken = self._locks.take(self._place) or self._locks.take_when_free(
            self._place, self._timeout, self._give_up
        )
        return self._taken

    def release(self) -> None:
        """Give the key back."""
        if self._taken:
            self._taken = False
            self._locks.give(self._place)


_registry: dict[tuple[int, int], KeyLocks] = {}
_registry_lock = Lock()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _forget_all() -> None:
    global _registry_lock  # noqa: PLW0603 - another thread may have held it when the process was forked
    _registry_lock = Lock()
    for locks in _registry.values():
        locks.forget_after_fork()


os.register_at_fork(after_in_child=_forget_all)
