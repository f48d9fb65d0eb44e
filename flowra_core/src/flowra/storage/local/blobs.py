"""Values in files of their own, each named by its digest."""

from __future__ import annotations

import itertools
import mmap
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flowra.storage.codec.encoded import Buffer
from flowra.storage.local.errors import store_error
from flowra.storage.local.folder import StoreFolder
from flowra.storage.refs import BlobRef, digest_of

__all__ = ["BlobFile", "BlobFolder"]

#: Values from this size on are mapped; below, reading is quicker than setting a mapping up.
_MAPPED_FROM = 128 << 10
#: Nanoseconds after which two changes of a file surely have two time stamps.
_SETTLED_NS = 2_000_000_000
_NAME = re.compile(r"([0-9a-f]{62})\.([a-z][a-z0-9-]{0,31})")
_SHARD = re.compile(r"[0-9a-f]{2}")
#: What is written in one system call: Linux takes at most 2 GiB.
_MOST_WRITTEN = 1 << 30


class BlobFile(NamedTuple):
    """A value's file, as found in the folder."""

    path: Path
    digest: bytes
    codec: str
    size: int


class BlobFolder:
    """The values of a store. Any thread may call it.

    Args:
        folder: The store's folder.
        session: The name of this session; the files that it is writing carry it.
        durable: Write each value to the disk before it is published.
    """

    def __init__(self, folder: StoreFolder, session: str, *, durable: bool) -> None:
        self._folder = folder
        self._blobs = str(folder.blobs)
        self._session = session
        self._durable = durable
        self._numbers = itertools.count()
        # Values that were verified, by what their file looked like: reading one twice must not hash it twice.
        self._verified: dict[bytes, tuple[int, int, int]] = {}

    def path(self, ref: BlobRef) -> str:
        """Return where a value is, or would be."""
        name = ref.digest.hex()
        return f"{self._blobs}/{name[:2]}/{name[2:]}.{ref.codec}"

    def has(self, ref: BlobRef) -> bool:
        """Return whether a file of the right size is there, the one being collected included."""
        path = self.path(ref)
        for candidate in (path, self._trash_path(ref), path):
            try:
                return os.stat(candidate).st_size == ref.size  # noqa: PTH116 - a Path costs more than the call
            except FileNotFoundError:
                continue
        return False

    def stored(self, ref: BlobRef) -> bool:
        """Return whether a value need not be written."""
        try:
            return os.stat(self.path(ref)).st_size == ref.size  # noqa: PTH116 - as above
        except FileNotFoundError:
            return False

    def write(self, ref: BlobRef, parts: Iterator[Buffer] | tuple[Buffer, ...]) -> None:
        """Write a value under a temporary name and publish it whole.

        Raises:
            StoreError: It can't be written; nothing of it is left.
        """
        target = self.path(ref)
        temporary = f"{self._folder.tmp}/{self._session}-{os.getpid()}-{next(self._numbers)}"
        try:
            try:
                self._write_temporary(temporary, parts)
                self._publish(temporary, target)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)  # noqa: PTH108 - as above
                raise
        except OSError as error:
            raise store_error(f"a value of {ref.size:,} bytes can't be stored", self._folder.path, error) from error

    def read(self, ref: BlobRef) -> memoryview | None:
        """Return a value's bytes, verified, or None if it is missing; a damaged one is put aside.

        Raises:
            StoreError: The file is there and can't be opened.
        """
        return self._load(ref)[0]

    def all(self) -> Iterator[BlobFile]:
        """Yield every value's file; what else lies there is left alone."""
        for shard in sorted(self._folder.blobs.iterdir()):
            if _SHARD.fullmatch(shard.name):
                yield from self._files_of(shard)

    def check(self, file: BlobFile) -> Path | None:
        """Read a value anew; return where it lies now if it was damaged."""
        self._verified.pop(file.digest, None)
        return self._load(BlobRef(file.codec, file.digest, file.size))[1]

    def sync(self, refs: list[BlobRef]) -> None:
        """Have the system write values to the disk."""
        folders = set()
        for ref in refs:
            path = self.path(ref)
            with suppress(FileNotFoundError):  # collected or put aside meanwhile
                _sync(path)
                folders.add(os.path.dirname(path))  # noqa: PTH120 - as above
        for folder in folders:
            _sync(folder)

    def throw_away(self, file: BlobFile) -> None:
        """Move a value to where it is still found, and can be taken back from."""
        with suppress(FileNotFoundError):
            file.path.rename(self._folder.trash / f"{file.digest.hex()}.{file.codec}")

    def thrown_away(self) -> Iterator[BlobFile]:
        """Yield what is being collected, by this or by a collection that was interrupted."""
        for path in self._folder.trash.iterdir():
            name = _NAME.fullmatch(path.name[2:])
            if name and _SHARD.fullmatch(path.name[:2]):
                yield BlobFile(path, bytes.fromhex(path.name[:2] + name[1]), name[2], path.stat().st_size)

    def take_back(self, file: BlobFile) -> None:
        """Move a value back."""
        os.replace(file.path, self.path(BlobRef(file.codec, file.digest, file.size)))  # noqa: PTH105 - as above

    def _trash_path(self, ref: BlobRef) -> str:
        return f"{self._folder.trash}/{ref.digest.hex()}.{ref.codec}"

    def _load(self, ref: BlobRef) -> tuple[memoryview | None, Path | None]:
        """Return a value's bytes, if they are there and whole; and where they lie now if they were damaged."""
        try:
            descriptor = self._open(ref)
        except OSError as error:
            raise store_error("a value can't be read", self.path(ref), error) from error
        if descriptor is None:
            return None, None
        try:
            status = os.fstat(descriptor)
            with suppress(OSError):  # the disk can't read it any more: as bad as damaged
                content = _content(descriptor, status.st_size) if status.st_size == ref.size else None
                if content is not None and self._is_verified(ref, status, content):
                    return content, None
        finally:
            os.close(descriptor)
        return None, self._put_aside(ref, status.st_ino)

    def _open(self, ref: BlobRef) -> int | None:
        # A collection moves a value to the trash and may move it back: whichever way it goes, one of these finds it.
        path = self.path(ref)
        for candidate in (path, self._trash_path(ref), path):
            with suppress(FileNotFoundError):
                return os.open(candidate, os.O_RDONLY | os.O_CLOEXEC)
        return None

    def _write_temporary(self, temporary: str, parts: Iterator[Buffer] | tuple[Buffer, ...]) -> None:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self._folder.blob_mode | 0o200
        )
        try:
            for part in parts:
                view = memoryview(part)
                rest = view.cast("B") if view.nbytes else view[:0]
                while rest:
                    rest = rest[os.write(descriptor, rest[:_MOST_WRITTEN]) :]
            os.fchmod(descriptor, self._folder.blob_mode)
            if self._durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _publish(self, temporary: str, target: str) -> None:
        try:
            os.replace(temporary, target)  # noqa: PTH105 - as above
        except FileNotFoundError:
            # The first value of this folder, or someone removed the folders of a store in use.
            parent = Path(target).parent
            parent.parent.mkdir(exist_ok=True)
            self._folder.make_folder(parent)
            os.replace(temporary, target)  # noqa: PTH105 - as above
        if self._durable:
            _sync(os.path.dirname(target))  # noqa: PTH120 - as above

    def _is_verified(self, ref: BlobRef, status: os.stat_result, content: memoryview) -> bool:
        looks = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        if self._verified.get(ref.digest) == looks:
            return True
        if digest_of(ref.codec, content) != ref.digest:
            return False
        # A change within the same tick of the clock would go unseen: only what has settled is remembered.
        if 0 <= status.st_ctime_ns < time.time_ns() - _SETTLED_NS:
            self._verified[ref.digest] = looks
        return True

    def _put_aside(self, ref: BlobRef, inode: int) -> Path:
        path = Path(self.path(ref))
        aside = self._folder.quarantine / f"{ref.digest.hex()}-{secrets.token_hex(4)}.{ref.codec}"
        with suppress(OSError):
            if path.stat().st_ino == inode:  # unless somebody has just written it anew
                return path.rename(aside)
        return path

    def _files_of(self, shard: Path) -> Iterator[BlobFile]:
        with os.scandir(shard) as entries:
            for entry in entries:
                name = _NAME.fullmatch(entry.name)
                if name:
                    with suppress(FileNotFoundError):
                        size = entry.stat(follow_symlinks=False).st_size
                        yield BlobFile(Path(entry.path), bytes.fromhex(shard.name + name[1]), name[2], size)


def _content(descriptor: int, size: int) -> memoryview:
    if size >= _MAPPED_FROM:
        return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
    content = b""
    while len(content) < size and (more := os.read(descriptor, size - len(content))):
        content += more
    return memoryview(content)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
