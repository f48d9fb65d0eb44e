"""Who has the store open: a shared lock for each session, and an exclusive one for who must be the only one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flowra.exceptions import StoreError
from flowra.storage.local.folder import StoreFolder

__all__ = ["Presence", "alone"]

#: Seconds that an opening session waits for one that compacts the log.
_PATIENCE = 30.0


class Presence:
    """This session's share of the store.

    Raises:
        StoreError: Another session keeps the store to itself, and does not let go.
    """

    def __init__(self, folder: StoreFolder) -> None:
        self._folder = folder
        self._descriptor = folder.create(folder.open_lock, os.O_RDWR)
        self._supported = True
        self._share()

    @contextmanager
    def only_one(self) -> Iterator[bool]:
        """Give True if no other session has the store open; none can open it while the block runs."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # The shared lock may be lost by the attempt.
            self._share()
            yield False
            return
        try:
            yield True
        finally:
            self._share()

    def close(self) -> None:
        """Give the share back."""
        os.close(self._descriptor)

    def _share(self) -> None:
        ends = time.monotonic() + _PATIENCE
        while self._supported:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > ends:
                    raise StoreError(
                        "the store can't be opened",
                        where=str(self._folder.path),
                        why=f"another process has kept it to itself for {_PATIENCE:.0f} s, to compact it",
                        fix="wait for that process, or end it; or use another folder: --store FOLDER",
                    ) from error
                time.sleep(0.01)
            except OSError:
                # A file system without locks: nobody ever becomes the only one there.
                self._supported = False
        return None


@contextmanager
def alone(folder: StoreFolder) -> Iterator[None]:
    """Be the only one that collects or checks while the block runs; other sessions go on.

    Raises:
        StoreError: Another process does so, or the file system has no locks.
    """
    descriptor = folder.create(folder.gc_lock, os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                "the store is being collected or checked already",
                where=str(folder.path),
                why="another process does it",
                fix="wait until it is done",
            ) from error
        except OSError as error:
            raise StoreError(
                "the store can't be collected or checked",
                where=str(folder.path),
                why=f"its file system has no locks ({error.strerror}), so nobody can tell what is in use",
                fix="keep the store on a disk of this machine",
            ) from error
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)
