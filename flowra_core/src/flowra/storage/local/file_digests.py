"""Digests of files from outside, remembered for as long as a file looks the same.

A file looks the same if its name, size, times of change (of contents and of attributes), inode and device are the same.
That is only believed of a file that had been left alone for two seconds when it was hashed: within the tick of a clock,
a second change would leave no trace. The time of the attributes can't be set by programs, so an edit that puts size and
time of contents back is still seen.

The memory is a file of fixed rows: digest of what the file looks like, digest of its contents, check.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from flowra.exceptions import StoreError
from flowra.storage.local.errors import store_error
from flowra.storage.local.folder import StoreFolder
from flowra.storage.refs import DIGEST_SIZE

__all__ = ["FILE_CODEC", "FileDigests", "pieces_of"]

#: The codec under which contents of files are kept.
FILE_CODEC = "file"
_SETTLED_NS = 2_000_000_000
_CHECK_SIZE = 8
_ROW_SIZE = 2 * DIGEST_SIZE + _CHECK_SIZE
#: Beyond this many rows the memory begins anew: reading it must stay quicker than hashing.
_MOST_ROWS = 200_000
_PIECE = 1 << 20
_ATTEMPTS = 3


class FileDigests:
    """Digests of files from outside. Any thread may call it.

    Args:
        folder: The store's folder; None to remember for as long as this object lives.
        clock: The time of the system that stamps the files, in nanoseconds.
    """

    def __init__(self, folder: StoreFolder | None, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._clock = clock
        self._known: dict[bytes, bytes] | None = None if folder is not None else {}

    def digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents, as `digest_of("file", contents)` gives it.

        Raises:
            StoreError: It can't be read, or keeps changing while it is read.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - resolving links costs more than hashing a small file
        try:
            looks = _looks(path, path.stat())
            known = self._remembered().get(looks)
            if known is not None:
                return known
            for _ in range(_ATTEMPTS):
                content, before, after = _hash(path)
                if before == after:
                    self._remember(path, after, content)
                    return content
        except OSError as error:
            raise store_error("a file can't be read", path, error) from error
        raise StoreError(
            "a file changes while it is read", where=str(path), fix="wait until whatever writes it is done"
        )

    def _remember(self, path: Path, status: os.stat_result, content: bytes) -> None:
        # Taken after hashing: a change that came later than this clock leaves another time behind.
        if max(status.st_mtime_ns, status.st_ctime_ns) > self._clock() - _SETTLED_NS:
            return
        looks = _looks(path, status)
        self._remembered()[looks] = content
        if self._folder is None:
            return
        row = looks + content + _check(looks, content)
        with suppress(OSError):  # it is then hashed again by the next process
            descriptor = self._folder.create(self._folder.files, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, row)
            finally:
                os.close(descriptor)

    def _remembered(self) -> dict[bytes, bytes]:
        if self._known is None:
            assert self._folder is not None
            self._known = dict(self._rows(self._folder.files))
        return self._known

    def _rows(self, path: Path) -> Iterator[tuple[bytes, bytes]]:
        try:
            content = path.read_bytes()
        except OSError:
            return
        if len(content) % _ROW_SIZE or len(content) > _MOST_ROWS * _ROW_SIZE:
            # Cut off by a full disk, so that all that follows would be askew; or too long.
            with suppress(OSError):
                path.unlink()
            return
        for at in range(0, len(content), _ROW_SIZE):
            looks = content[at : at + DIGEST_SIZE]
            digest = content[at + DIGEST_SIZE : at + 2 * DIGEST_SIZE]
            if content[at + 2 * DIGEST_SIZE : at + _ROW_SIZE] == _check(looks, digest):
                yield looks, digest


def pieces_of(descriptor: int) -> Iterator[memoryview]:
    """Yield a file's contents in pieces, each valid until the next is asked for."""
    buffer = bytearray(_PIECE)
    view = memoryview(buffer)
    while count := os.readv(descriptor, [buffer]):
        yield view[:count]


def _hash(path: Path) -> tuple[bytes, os.stat_result | None, os.stat_result]:
    """Return the digest of a file's contents, and what it looked like before and after."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = os.fstat(descriptor)
        hashing = sha256(FILE_CODEC.encode() + b"\0")
        for piece in pieces_of(descriptor):
            hashing.update(piece)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    same = _looks(path, before) == _looks(path, after)
    return hashing.digest(), after if same else None, after


def _looks(path: Path, status: os.stat_result) -> bytes:
    parts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return sha256(os.fsencode(path) + b"\0" + repr(parts).encode()).digest()


def _check(looks: bytes, content: bytes) -> bytes:
    return sha256(looks + content).digest()[:_CHECK_SIZE]
