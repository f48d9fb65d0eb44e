"""Values as objects, each named by its digest, sent once and verified whenever they are read."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from flowra.exceptions import StoreDeniedError, StoreError
from flowra.storage.codec.encoded import Buffer
from flowra.storage.local.errors import store_error
from flowra.storage.local.file_digests import pieces_of
from flowra.storage.refs import BlobRef, digest_of
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectStore

__all__ = ["RemoteBlobs"]

#: Values from this size on are read through a file that is mapped, and not into memory.
_MAPPED_FROM = 4 << 20
#: Seconds for which a value that was seen counts as there without a look. A later one that finds it gone is a miss.
_BELIEVED = 60.0
#: Two: bytes that came wrong may be right at the second reading; then nothing is damaged but the transfer.
_ATTEMPTS = 2

#: What is found where a value should be.
_State = Literal["whole", "nothing", "another size", "damaged"]


class RemoteBlobs:
    """The values of a store. Any thread may call it.

    Args:
        objects: Where they lie.
        layout: The names.
        notices: What there is to say.
        read_only: Leave what is damaged where it lies.
    """

    def __init__(self, objects: ObjectStore, layout: Layout, notices: Notices, *, read_only: bool) -> None:
        self._objects = objects
        self._layout = layout
        self._notices = notices
        self._read_only = read_only
        self._seen: dict[bytes, float] = {}
        # Damaged values that could not be removed: they count as missing, and are written over.
        self._damaged: set[bytes] = set()

    def stored(self, ref: BlobRef) -> bool:
        """Look whether an object of the right size is there, that was not found to be damaged."""
        found = self._objects.head(self._layout.blob(ref))
        there = found is not None and found.size == ref.size and ref.digest not in self._damaged
        if there:
            self._seen[ref.digest] = time.monotonic()
        else:
            self._seen.pop(ref.digest, None)
        return there

    def has(self, ref: BlobRef) -> bool:
        """Tell whether a value is there, or was a moment ago."""
        return self._was_seen(ref) or self.stored(ref)

    def missing(self, refs: Iterable[BlobRef], pool: Executor, *, believing: bool = True) -> set[bytes]:
        """Return the digests of those that are not there; they are looked for side by side.

        Args:
            refs: The values.
            pool: On whose threads.
            believing: Take for there what was seen a moment ago.
        """
        unknown = {ref.digest: ref for ref in refs if not (believing and self._was_seen(ref))}
        if len(unknown) == 1:
            return {digest for digest, ref in unknown.items() if not self.stored(ref)}
        there = zip(unknown, pool.map(self.stored, unknown.values()), strict=True)
        return {digest for digest, is_there in there if not is_there}

    def write(self, ref: BlobRef, parts: tuple[Buffer, ...]) -> None:
        """Send a value, unless it is there already."""
        if not self.stored(ref):
            self._objects.put(self._layout.blob(ref), parts)
            self._damaged.discard(ref.digest)
            self._seen[ref.digest] = time.monotonic()

    def write_file(self, ref: BlobRef, path: Path) -> None:
        """Send a file's contents, unless they are there already.

        Raises:
            StoreError: They are not what the digest says: the file changed.
        """
        if self.stored(ref):
            return
        try:
            before = _looks(path)
            self._objects.upload(self._layout.blob(ref), path)
            unchanged = _looks(path) == before and before[0] == ref.size
        except OSError as error:
            raise store_error("a file can't be read", path, error) from error
        if not unchanged:
            self._objects.delete([self._layout.blob(ref)])
            raise StoreError(
                "a file changes while it is read", where=str(path), fix="wait until whatever writes it is done"
            )
        self._damaged.discard(ref.digest)
        self._seen[ref.digest] = time.monotonic()

    def read(self, ref: BlobRef) -> memoryview | None:
        """Return a value's bytes, verified and read-only; None if it is missing or was damaged."""
        content, state = self._looked_at(ref)
        if state == "another size":
            self._of_another_size(ref)
        elif state == "damaged":
            self._discard(ref)
        return content

    def _looked_at(self, ref: BlobRef) -> tuple[memoryview | None, _State]:
        """Return a value's bytes, if they are there and right, and what is there."""
        for attempt in range(_ATTEMPTS):
            content = self._mapped(ref) if ref.size >= _MAPPED_FROM else self._in_memory(ref)
            if content is None:
                self._seen.pop(ref.digest, None)
                return None, "nothing"
            if content.nbytes == ref.size and digest_of(ref.codec, content) == ref.digest:
                self._note_transfer(attempt)
                return content, "whole"
            if content.nbytes != ref.size:
                return None, "another size"
        return None, "damaged"

    def copy_to(self, ref: BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file, in pieces, verified; tell whether they were there and whole."""
        for attempt in range(_ATTEMPTS):
            found = self._objects.head(self._layout.blob(ref))
            if found is None:
                self._seen.pop(ref.digest, None)
                return False
            if found.size != ref.size:
                self._of_another_size(ref)
                return False
            with _temporary_beside(target) as temporary:
                if not self._objects.download(self._layout.blob(ref), temporary):
                    return False
                if _digest_of_file(ref.codec, temporary) == ref.digest:
                    self._note_transfer(attempt)
                    temporary.replace(target)
                    return True
        self._discard(ref)
        return False

    def all(self) -> Iterator[BlobRef]:
        """Yield every value that there is; other objects are left alone."""
        for found in self._objects.list(self._layout.blobs):
            ref = self._layout.blob_called(found.name, found.size)
            if ref is not None:
                yield ref

    def is_damaged(self, ref: BlobRef) -> bool:
        """Read a value that was listed, and tell whether it is damaged; then it is removed.

        One that was removed, or written anew, since it was listed is not damaged.
        """
        _, state = self._looked_at(ref)
        if state == "another size" and (found := self._objects.head(self._layout.blob(ref))) is not None:
            _, state = self._looked_at(replace(ref, size=found.size))
        if state == "damaged":
            self._discard(ref)
        return state == "damaged"

    def forget(self, refs: Iterable[BlobRef]) -> None:
        """Believe no more that some values are there."""
        for ref in refs:
            self._seen.pop(ref.digest, None)

    def _was_seen(self, ref: BlobRef) -> bool:
        seen = self._seen.get(ref.digest)
        return seen is not None and time.monotonic() - seen < _BELIEVED

    def _in_memory(self, ref: BlobRef) -> memoryview | None:
        # One byte more than it has: what is larger is not read to its end, and does not fit.
        content = self._objects.get(self._layout.blob(ref), length=ref.size + 1)
        return None if content is None else memoryview(content)

    def _mapped(self, ref: BlobRef) -> memoryview | None:
        name = self._layout.blob(ref)
        found = self._objects.head(name)
        if found is None:
            return None
        if found.size != ref.size:
            return memoryview(b"")
        descriptor, path = tempfile.mkstemp(prefix="flowra-")
        try:
            if not self._objects.download(name, Path(path)):
                return None
            if os.fstat(descriptor).st_size != ref.size:
                return memoryview(b"")
            # The mapping keeps the contents after the name is gone.
            return memoryview(mmap.mmap(descriptor, ref.size, access=mmap.ACCESS_READ))
        except OSError as error:
            raise store_error("a value can't be read through a file", path, error) from error
        finally:
            os.close(descriptor)
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - given as a string

    def _of_another_size(self, ref: BlobRef) -> None:
        """Note that an object is larger or smaller than a record says: either was damaged, or the record was made up.

        It is left alone, since it may be whole and others' records right; who puts the value writes over it if not.
        """
        self._seen.pop(ref.digest, None)
        self._notices.count(
            "damaged", f"a value of another size than its record says is not used: {self._layout.blob(ref)}"
        )

    def _discard(self, ref: BlobRef) -> None:
        """Remove a damaged value: objects can't be renamed, and what is no value's bytes is of no use."""
        self._seen.pop(ref.digest, None)
        removed = False
        if not self._read_only:
            with suppress(StoreDeniedError):  # whoever may remove nothing can go on all the same
                self._objects.delete([self._layout.blob(ref)])
                removed = True
        if not removed:
            self._damaged.add(ref.digest)
        how = "and was removed" if removed else "and left where it is"
        self._notices.count("damaged", f"a damaged value is not used, {how}: {self._layout.blob(ref)}")

    def _note_transfer(self, attempt: int) -> None:
        if attempt:
            self._notices.count("transfer", "bytes came wrong over the network, and right when they were read again")


def _looks(path: Path) -> tuple[int, int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _digest_of_file(codec: str, path: Path) -> bytes:
    hashing = sha256(codec.encode() + b"\0")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for piece in pieces_of(descriptor):
            hashing.update(piece)
    finally:
        os.close(descriptor)
    return hashing.digest()


@contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    """Give a name beside a file, and remove what is still there afterwards."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(b"")  # what is wrong with the folder is no fault of the service
        yield temporary
    except OSError as error:
        raise store_error("a file can't be written", target, error) from error
    finally:
        temporary.unlink(missing_ok=True)
