"""What is still to be uploaded, on disk: it outlives the process, and the next session goes on with it.

```
uploads/<remote>/<session>/lock       held by the session for as long as it lives
uploads/<remote>/<session>/<key>      a result to be uploaded; `<key>-r` where it is to replace an earlier one
```

The files are empty: the results themselves are in the local tier.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import NamedTuple

__all__ = ["Pending", "PendingList"]

_LOCK = "lock"
_REPLACES = "-r"


class Pending(NamedTuple):
    """A result that is to be uploaded.

    Attributes:
        key: Its key.
        replace: Whether it replaces what is there.
    """

    key: bytes
    replace: bool = False


class PendingList:
    """The results that one session is to upload to one remote store, kept in a folder.

    A disk that takes no file is no reason to fail: then what is left at the end is not taken up by another session.

    Args:
        folder: The local tier's folder of such lists.
        place: Where the remote store is, see `RemoteTier.place`.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self._remote = folder / sha256(place.encode()).hexdigest()[:16]
        self._making = Lock()
        self._own: Path | None = None
        self._descriptor = -1

    def add(self, pending: Pending) -> None:
        """Note that a result is to be uploaded."""
        with suppress(OSError):
            os.close(os.open(self._folder() / _name(pending), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    def done(self, pending: Pending) -> None:
        """Note that a result needs no uploading any more."""
        if self._own is not None:
            with suppress(OSError):
                (self._own / _name(pending)).unlink(missing_ok=True)

    def taken_over(self) -> Iterator[Pending]:
        """Take over what sessions that ended have left; yield it."""
        if not self._remote.is_dir():
            return
        with suppress(OSError):  # what can't be taken over now is left for another time
            for folder in sorted(self._remote.iterdir()):
                if folder == self._own or (descriptor := _lock(folder)) is None:
                    continue
                try:
                    yield from self._take_over(folder)
                finally:
                    os.close(descriptor)

    def close(self) -> None:
        """Let go; what is still noted is another session's to take over."""
        if self._own is None:
            return
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):  # somebody has removed the local tier
            if all(entry.name == _LOCK for entry in self._own.iterdir()):
                _remove(self._own)
        self._own = None
        os.close(descriptor)

    def _folder(self) -> Path:
        """Return this session's folder, made when it is first needed."""
        with self._making:
            if self._own is None:
                self._own = self._made()
            return self._own

    def _made(self) -> Path:
        own = self._remote / f"{os.getpid()}-{secrets.token_hex(4)}"
        unborn = own.with_name(f"{own.name}.new")  # not to be taken for a dead session's before it is locked
        unborn.mkdir(parents=True, mode=0o700)
        self._descriptor = os.open(unborn / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks: whoever comes takes over too much, and uploads twice
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unborn.rename(own)
        return own

    def _take_over(self, folder: Path) -> Iterator[Pending]:
        own = self._folder()
        for entry in sorted(folder.iterdir()):
            pending = _parsed(entry.name)
            if pending is None:
                continue
            try:
                entry.rename(own / entry.name)
            except OSError:
                continue
            yield pending
        _remove(folder)


def _name(pending: Pending) -> str:
    return pending.key.hex() + (_REPLACES if pending.replace else "")


def _parsed(name: str) -> Pending | None:
    try:
        return Pending(bytes.fromhex(name.removesuffix(_REPLACES)), name.endswith(_REPLACES))
    except ValueError:
        return None


def _lock(folder: Path) -> int | None:
    """Return a descriptor that holds the lock of a session that has ended; None for one that lives."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(folder: Path) -> None:
    with suppress(OSError):
        (folder / _LOCK).unlink()
        folder.rmdir()
