"""What open sessions use, so that a collection never takes it.

Each session has a file in `sessions/` and holds a lock on it for as long as it lives; the system drops the lock when
the process dies. Into it goes, as 32 bytes each and before it is relied on, the digest of every key that the session
finds or publishes and of every value that it puts or takes. A collection first makes what it takes invisible and then
reads these files: either it sees that something is used and gives it back, or the session comes later and finds a miss.

Rows that begin with `_TIME_ROW` carry a time: the rows after it were used then or later. Times decide what is old,
and never what is in use.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from flowra.storage.local.folder import StoreFolder
from flowra.storage.refs import DIGEST_SIZE

__all__ = ["Lease", "Uses", "read_uses", "save_times"]

_SUFFIX = ".use"
_TIME_ROW = sha256(b"flowra: used from here on").digest()[: DIGEST_SIZE - 8]
#: Seconds after which a session that still uses something says so again.
_RENEWAL = 3600.0


class Lease:
    """This session's file. Not thread-safe by itself: `touch` is one append, and the rest is called once."""

    def __init__(self, folder: StoreFolder) -> None:
        self.session = f"{time.time_ns():x}-{os.getpid()}-{secrets.token_hex(4)}"
        # Under its real name only once it is locked: a collection takes an unlocked one for a dead session's.
        unborn = folder.sessions / f"{self.session}.new"
        self._path = unborn.with_suffix(_SUFFIX)
        self._descriptor = folder.create(unborn, os.O_RDWR | os.O_APPEND | os.O_EXCL)
        with suppress(OSError):  # a file system without locks: a collection there refuses to work
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unborn.rename(self._path)
        self._touched: set[bytes] = set()
        self._stamped = 0.0
        self._stamp()

    def touch(self, *digests: bytes) -> None:
        """Say that keys or values are used; do so before looking whether they are there."""
        if self._touched.issuperset(digests):
            return
        if time.monotonic() - self._stamped > _RENEWAL:
            self._stamp()
        if len(digests) > 1:
            digests = tuple(digest for digest in digests if digest not in self._touched)
        self._append(b"".join(digests))
        self._touched.update(digests)

    def close(self) -> None:
        """End the session; the file stays, to tell the next collection what was used when."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _stamp(self) -> None:
        self._touched.clear()
        self._stamped = time.monotonic()
        self._append(_TIME_ROW + int(time.time()).to_bytes(8, "big"))

    def _append(self, rows: bytes) -> None:
        try:
            if os.write(self._descriptor, rows) != len(rows):
                # Cut off by a full disk; the next row must begin where a row begins.
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size // DIGEST_SIZE * DIGEST_SIZE)
        except OSError:
            # Without room for a row nothing is protected, and what is then collected is computed again.
            return


@dataclass(frozen=True, slots=True)
class Uses:
    """What the session files say.

    Attributes:
        live: Digests of keys and values that open sessions use.
        times: When each digest was last used, in seconds since the epoch, by sessions open or ended.
        open_sessions: The names of the open sessions.
        ended: The files of sessions that ended.
    """

    live: frozenset[bytes]
    times: dict[bytes, int]
    open_sessions: frozenset[str]
    ended: frozenset[Path]


def read_uses(folder: StoreFolder, *, since: Uses | None = None) -> Uses:
    """Read the files of all sessions.

    Args:
        folder: The store's folder.
        since: What was read at the beginning of a collection; sessions that were open then, or that have come since,
            count as open even if they have ended.
    """
    live: set[bytes] = set()
    times = {} if since is not None else _saved_times(folder)
    open_sessions, ended = set(), set()
    for path in folder.sessions.glob(f"*{_SUFFIX}"):
        if since is not None and path in since.ended:
            continue
        content = _read_session(path)
        if content is None:
            continue
        rows, is_open = content
        if is_open or since is not None:
            open_sessions.add(path.stem)
            live.update(digest for digest, _ in _rows(rows))
        else:
            ended.add(path)
        for digest, used in _rows(rows):
            if used > times.get(digest, 0):
                times[digest] = used
    return Uses(frozenset(live), times, frozenset(open_sessions), frozenset(ended))


def save_times(folder: StoreFolder, uses: Uses, keys: set[bytes]) -> None:
    """Keep the times of some keys in one file, and remove the files of the sessions that ended."""
    rows = [key + used.to_bytes(8, "big") for key, used in uses.times.items() if key in keys]
    try:
        folder.write_whole(folder.uses, b"".join(rows))
    except OSError:
        return  # the disk is full: the sessions' files still say it
    for path in uses.ended:
        path.unlink(missing_ok=True)


def _saved_times(folder: StoreFolder) -> dict[bytes, int]:
    try:
        content = folder.uses.read_bytes()
    except OSError:
        return {}  # everything is then as old as it is
    size = DIGEST_SIZE + 8
    starts = range(0, len(content) - size + 1, size)
    return {
        content[at : at + DIGEST_SIZE]: int.from_bytes(content[at + DIGEST_SIZE : at + size], "big") for at in starts
    }


def _read_session(path: Path) -> tuple[bytes, bool] | None:
    """Return the rows of a session's file, and whether it is open; None if the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        is_open = _is_locked(descriptor)
        return _read_all(descriptor), is_open
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _rows(content: bytes) -> Iterator[tuple[bytes, int]]:
    used = 0
    for at in range(0, len(content) - DIGEST_SIZE + 1, DIGEST_SIZE):
        row = content[at : at + DIGEST_SIZE]
        if row.startswith(_TIME_ROW):
            used = int.from_bytes(row[-8:], "big")
        else:
            yield row, used
