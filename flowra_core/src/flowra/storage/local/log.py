"""The log of records: one file that is only ever appended to, and the truth of what has been computed.

Every process appends with O_APPEND, so all of them agree on the order, and that order decides which of two records for
one key counts. Each frame says what it takes the place of: nothing (a first record), or the frame that counted when it
was written (a replacement, or, without contents, a removal). A frame that takes the place of something that does not
count any more is without effect. So to publish is to append and then to read what the log says.

A frame begins with eight bytes that are drawn for each log and carries a checksum. What is damaged, or cut off by a
full disk, is skipped: the next whole frame is found by those eight bytes, which no value can contain on purpose.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from flowra.exceptions import StoreError
from flowra.storage.local.errors import store_error
from flowra.storage.local.folder import StoreFolder

__all__ = ["NOTHING", "Frame", "RecordLog", "write_log"]

_TITLE = b"flowra-records/1"
_HEADER_SIZE = 32
#: mark, length of the contents, checksum of all that follows, what it takes the place of, key
_FRAME = Struct("<8sIIQ32s")
_UNCHECKED, _CHECKED = Struct("<8sII"), Struct("<Q32s")
_CHECKED_FROM = _UNCHECKED.size
_CHUNK = 4 << 20

#: What a first record takes the place of; no frame is at this offset.
NOTHING = 0


class Frame(NamedTuple):
    """One frame of the log, without its contents.

    Attributes:
        at: Its offset.
        size: Its bytes.
        replaces: The offset of the frame that it takes the place of, or `NOTHING`.
        key: The key that it speaks of.
        removes: Whether it takes a record away.
    """

    at: int
    size: int
    replaces: int
    key: bytes
    removes: bool


class RecordLog:
    """The log of a store, open for reading and appending. Not thread-safe by itself.

    Attributes:
        id: What this log calls itself; a compacted one has another.
        end: How far it has been read.
        damaged: Places that were skipped so far, because no whole frame is there, nor what is left of one that did not
            fit on the disk.
    """

    def __init__(self, folder: StoreFolder) -> None:
        self._folder = folder
        self._path = folder.log
        self.damaged = 0
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise store_error("the log of records can't be opened", self._path, error) from error
        header = os.pread(self._descriptor, _HEADER_SIZE, 0)
        if not header.startswith(_TITLE) or len(header) != _HEADER_SIZE:
            os.close(self._descriptor)
            self._descriptor = self._begin_again()
            header = os.pread(self._descriptor, _HEADER_SIZE, 0)
        self.id = header[len(_TITLE) :]
        self._mark = self.id[:8]
        self.start = self.end = _HEADER_SIZE
        self._seen = self.end

    def size(self) -> int:
        """Return the bytes of the log, read or not."""
        return os.lseek(self._descriptor, 0, os.SEEK_END)

    def has_grown(self) -> bool:
        """Return whether there is something that was not read yet. Asked at every lookup, so it is one system call."""
        return os.lseek(self._descriptor, 0, os.SEEK_END) != self._seen

    def append(self, key: bytes, replaces: int, content: bytes) -> tuple[bytes, Frame | None]:
        """Append a frame.

        Returns:
            Its bytes; and where it is, if nobody else has written since the log was read to its end. Otherwise it is
            among the frames that `read_on` gives.

        Raises:
            StoreError: It can't be written; what was written of it is without effect.
        """
        frame = _frame(self._mark, replaces, key, content)
        self._write(frame)
        at = self.end
        if os.lseek(self._descriptor, 0, os.SEEK_END) != at + len(frame):
            return frame, None
        self.end = self._seen = at + len(frame)
        return frame, Frame(at, len(frame), replaces, key, not content)

    def read_on(self) -> Iterator[Frame]:
        """Yield the frames behind `end`, whoever wrote them, and move `end` on."""
        self._seen = self.size()
        for frames, end, damaged in self._pieces(self.end, self._seen):
            self.end = end
            self.damaged += damaged
            yield from frames

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        """Yield the frames of a range, whether it was read before or not."""
        for frames, _, _ in self._pieces(start, stop):
            yield from frames

    def count_damaged(self) -> int:
        """Return in how many places of the whole log no frame can be read."""
        end, damaged = self.start, 0
        for _, end, skipped in self._pieces(self.start, self.size()):  # noqa: B007 - the last end counts
            damaged += skipped
        rest = os.pread(self._descriptor, self.size() - end, end)
        return damaged + (bool(rest) and not self._is_cut_off(rest))

    def rewind(self, end: int) -> None:
        """Read on from an offset, the beginning of a frame, the next time."""
        self.end = self._seen = end

    def read(self, at: int, size: int, key: bytes) -> bytes | None:
        """Return the contents of a frame, or None if that is not where it is, or it is damaged."""
        return self.content(os.pread(self._descriptor, size, at), key)

    def content(self, frame: bytes, key: bytes) -> bytes | None:
        """Return the contents of a frame's bytes, or None if they are not the frame of this key."""
        if len(frame) < _FRAME.size:
            return None
        mark, length, checksum, _, found = _FRAME.unpack_from(frame)
        if mark != self._mark or found != key or _FRAME.size + length != len(frame):
            return None
        return frame[_FRAME.size :] if crc32(memoryview(frame)[_CHECKED_FROM:]) == checksum else None

    def frame_at(self, at: int, size: int) -> bytes:
        """Return the bytes of a frame as they are."""
        return os.pread(self._descriptor, size, at)

    def sync(self) -> None:
        """Have the system write the log to the disk."""
        os.fdatasync(self._descriptor)

    def is_current(self) -> bool:
        """Return whether this is still the store's log, and not one that was compacted away or removed."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _write(self, frame: bytes) -> None:
        try:
            written = os.write(self._descriptor, frame)
        except OSError as error:
            raise store_error("a record can't be written", self._path, error) from error
        if written != len(frame):
            # The system says so instead of failing when there was room for a part; the part is skipped as damaged.
            raise StoreError(
                "a record can't be written",
                where=str(self._path),
                why=f"only {written} of {len(frame)} bytes were taken: the disk is full",
                fix="free some space there, or `flowra cache gc`; or use another folder: --store FOLDER",
            )

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[list[Frame], int, int]]:
        """Yield whole frames, where they end, and how many damaged places were skipped, piece by piece."""
        size = _CHUNK
        while start < stop:
            data = os.pread(self._descriptor, min(size, stop - start), start)
            frames, used, damaged = self._scan(data, start, stop)
            if used:
                start += used
                size = _CHUNK
                yield frames, start, damaged
            elif len(data) == size:
                size *= 4  # a frame that is longer than a piece
            else:
                return

    def _scan(self, data: bytes, base: int, stop: int) -> tuple[list[Frame], int, int]:
        frames: list[Frame] = []
        view = memoryview(data)
        at, end, head, damaged = 0, len(data), _FRAME.size, 0
        mark, unpack = self._mark, _FRAME.unpack_from
        while end - at >= head:
            found, length, checksum, replaces, key = unpack(data, at)
            after = at + head + length
            if found == mark and after <= end and crc32(view[at + _CHECKED_FROM : after]) == checksum:
                frames.append(Frame(base + at, after - at, replaces, key, length == 0))
                at = after
                continue
            if found == mark and end < after <= stop - base:
                break  # it goes on behind this piece
            following = self._next_whole(data, at + 1)
            if following is None:
                break  # cut off, or still being written: nothing behind it yet
            damaged += not self._is_cut_off(data[at:following])
            at = following
        return frames, at, damaged

    def _is_cut_off(self, data: bytes) -> bool:
        """Tell whether bytes are what is left of frames that did not fit on the disk: the beginnings of some, no more.

        Who wrote them was told, and nobody counts on them.
        """
        at = 0
        while at < len(data):
            if data.startswith(self._mark, at):
                following = data.find(self._mark, at + 1)
                size = (following if following > 0 else len(data)) - at
                if size >= _UNCHECKED.size and _FRAME.size + _UNCHECKED.unpack_from(data, at)[1] <= size:
                    return False
            else:
                # Of some there is not even the whole mark.
                size = next(
                    (size for size in range(len(self._mark) - 1, 0, -1) if data.startswith(self._mark[:size], at)), 0
                )
                if not size:
                    return False
            at += size
        return True

    def _next_whole(self, data: bytes, at: int) -> int | None:
        view = memoryview(data)
        while (at := data.find(self._mark, at)) >= 0 and len(data) - at >= _FRAME.size:
            _, length, checksum, _, _ = _FRAME.unpack_from(data, at)
            after = at + _FRAME.size + length
            if after <= len(data) and crc32(view[at + _CHECKED_FROM : after]) == checksum:
                return at
            at += 1
        return None

    def _open(self) -> int:
        while True:
            try:
                return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            except FileNotFoundError:
                _make_log(self._folder, self._path)

    def _begin_again(self) -> int:
        """Put a log whose beginning is damaged aside; what it held is computed again."""
        aside = self._folder.quarantine / f"records-{secrets.token_hex(4)}.log"
        try:
            self._path.replace(aside)
            return self._open()
        except OSError as error:
            raise store_error("the log of records is damaged and can't be replaced", self._path, error) from error


def write_log(folder: StoreFolder, path: Path, records: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Write a new log with some records: keys and contents."""
    identity = secrets.token_bytes(_HEADER_SIZE - len(_TITLE))
    with os.fdopen(folder.create(path, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(_TITLE + identity)
        for key, content in records:
            file.write(_frame(identity[:8], NOTHING, key, content))
        file.flush()
        os.fsync(file.fileno())


def _frame(mark: bytes, replaces: int, key: bytes, content: bytes) -> bytes:
    checked = _CHECKED.pack(replaces, key) + content
    return _UNCHECKED.pack(mark, len(content), crc32(checked)) + checked


def _make_log(folder: StoreFolder, path: Path) -> None:
    """Make an empty log if there is none; of two processes that do so at once, one wins."""
    temporary = folder.tmp / f"log-{secrets.token_hex(8)}"
    try:
        write_log(folder, temporary)
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
