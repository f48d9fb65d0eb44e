"""The local store: a folder that any number of processes on this machine use at once.

No server and no lock on the way of a value or a record: values are files that are moved into place, records are lines
appended to a log, and what happens at the same time is decided by the order of that log. `folder.py` shows what lies
where.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TypeVar

from flowra.exceptions import StoreError
from flowra.storage.address import Durability
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.blobs import BlobFolder
from flowra.storage.local.errors import store_error
from flowra.storage.local.file_digests import FILE_CODEC, FileDigests, pieces_of
from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.keeping import StoreKeeper
from flowra.storage.local.leases import Lease
from flowra.storage.local.locks import HeldKey, KeyLocks
from flowra.storage.local.log import NOTHING
from flowra.storage.local.presence import Presence
from flowra.storage.local.records import RecordTable
from flowra.storage.record import Record
from flowra.storage.record_bytes import encode_record
from flowra.storage.refs import INLINE_LIMIT, BlobRef, InlineRef, Ref, blobs_of, digest_of
from flowra.storage.reports import Collected, StoreStats, Verified
from flowra.storage.store import KeyLock, Store

__all__ = ["LocalStore"]

Report = TypeVar("Report")


class LocalStore(Store):
    """A store in a folder.

    The folder has to be on a disk of this machine: appending by several machines at once is not atomic on network
    file systems.

    Args:
        folder: The folder; made if it is not there, for its owner alone.
        durability: What a loss of power may take; see `open_store`.
        index_bytes: Bytes of records that are read at opening rather than indexed.

    Attributes:
        path: The folder.
    """

    def __init__(self, folder: Path, *, durability: Durability = "off", index_bytes: int = 4 << 20) -> None:
        self._folder = StoreFolder(Path(folder))
        self.path = self._folder.path
        self.location = str(self.path)
        self._durability = durability
        self._mutex = Lock()
        self._closed = False
        # Blobs since the last flush, for batched durability.
        self._unsynced: list[BlobRef] = []
        try:
            self._presence = Presence(self._folder)
            self._lease = Lease(self._folder)
            self._locks = KeyLocks.of(self._folder)
        except OSError as error:
            raise store_error("the store can't be opened", self.path, error) from error
        self._blobs = BlobFolder(self._folder, self._lease.session, durable=durability == "on")
        self._records = RecordTable(self._folder, index_bytes=index_bytes)
        self._files = FileDigests(self._folder)
        self._keeper = StoreKeeper(self._folder, self._blobs, self._records, self._mutex, self._presence)
        _open_stores.add(self)

    def put(self, encoded: Encoded) -> InlineRef | BlobRef:
        """Keep a value; see `Store.put`."""
        self._check_open()
        size = encoded.size
        if size <= INLINE_LIMIT:
            return InlineRef(encoded.codec, encoded.to_bytes())
        ref = BlobRef(encoded.codec, digest_of(encoded.codec, *encoded.parts), size)
        self._lease.touch(ref.digest)
        if not self._blobs.stored(ref):
            self._blobs.write(ref, encoded.parts)
            if self._durability == "batched":
                self._unsynced.append(ref)
        return ref

    def put_file(self, path: Path) -> InlineRef | BlobRef:
        """Keep the contents of a file; see `Store.put_file`."""
        self._check_open()
        digest = self._files.digest(path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise store_error("a file can't be read", path, error) from error
        try:
            size = os.fstat(descriptor).st_size
            if size <= INLINE_LIMIT:
                return InlineRef(FILE_CODEC, os.read(descriptor, INLINE_LIMIT))
            ref = BlobRef(FILE_CODEC, digest, size)
            self._lease.touch(digest)
            if not self._blobs.stored(ref):
                self._blobs.write(ref, _checked(pieces_of(descriptor), digest, path))
                if self._durability == "batched":
                    self._unsynced.append(ref)
        finally:
            os.close(descriptor)
        return ref

    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes; see `Store.get`."""
        if isinstance(ref, InlineRef):
            return memoryview(ref.data)
        self._check_open()
        self._lease.touch(ref.digest)
        return self._blobs.read(ref)

    def copy_to(self, ref: InlineRef | BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file; see `Store.copy_to`."""
        content = self.get(ref)
        if content is None:
            return False
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            try:
                temporary.write_bytes(content)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise store_error("a file can't be written", target, error) from error
        return True

    def has(self, ref: Ref) -> bool:
        """Return whether every blob of a ref is there; see `Store.has`."""
        self._check_open()
        for blob in blobs_of(ref):
            self._lease.touch(blob.digest)
            if not self._blobs.has(blob):
                return False
        return True

    def is_near(self, ref: BlobRef) -> bool:
        """Return that every value is: see `Store.is_near`."""
        return True

    def lookup(self, key: bytes) -> Record | None:
        """Return the record for a key; see `Store.lookup`."""
        self._check_open()
        with self._mutex:
            self._records.read_on()
            if self._records.place(key).at == NOTHING:
                return None
            # First said, then looked: whoever collects sees the one or makes the other a miss.
            self._lease.touch(key)
            self._records.read_on()
            return self._records.find(key)

    def lookup_many(self, keys: Iterable[bytes]) -> dict[bytes, Record]:
        """Return the records there are for some keys."""
        self._check_open()
        with self._mutex:
            self._records.read_on()
            there = self._records.among(list(keys))
            self._lease.touch(*there)
            self._records.read_on()
            return self._records.find_many(there)

    def publish(self, record: Record, *, replace: bool = False) -> Record:
        """Make a record known; see `Store.publish`."""
        key = record.key
        content = encode_record(record)
        self._check_open()
        with self._mutex:
            self._lease.touch(key)
            self._records.read_on()
            earlier = None if replace else self._records.find(key)
            if earlier is not None and all(map(self._blobs.has, earlier.blobs())):
                return earlier
            winner = self._records.write(record, content, self._records.place(key).at)
            if self._durability == "on":
                self._records.log.sync()
        return record if winner is None else winner

    def lock(self, key: bytes, *, timeout: float | None = None, give_up: Callable[[], bool] | None = None) -> KeyLock:
        """Return the right to compute a key; see `Store.lock`."""
        return HeldKey(self._locks, key, timeout, give_up)

    def file_digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents; see `Store.file_digest`."""
        return self._files.digest(path)

    def flush(self) -> None:
        """Write to the disk what batched durability has put off."""
        if self._durability != "batched":
            return
        with self._mutex:
            pending, self._unsynced = self._unsynced, []
        try:
            self._blobs.sync(pending)
            self._records.log.sync()
        except OSError as error:
            raise store_error("the store can't be written to the disk", self.path, error) from error

    def gc(self, max_bytes: int) -> Collected:
        """Drop results until the rest fits; see `Store.gc`."""
        return self._keep(lambda: self._keeper.collect(max_bytes))

    def clear(self) -> Collected:
        """Drop everything that no open session uses, what was put aside included."""
        self._keep(self._keeper.empty_quarantine)
        return self.gc(0)

    def records(self) -> Iterator[Record]:
        """Yield every record."""
        yield from self._keep(self._keeper.records)

    def stats(self) -> StoreStats:
        """Count what there is."""
        return self._keep(lambda: self._keeper.stats(self.location))

    def verify(self) -> Verified:
        """Read every byte; see `Store.verify`."""
        return self._keep(self._keeper.verify)

    def close(self) -> None:
        """Flush and let go."""
        if self._closed:
            return
        self._closed = True
        _open_stores.discard(self)
        try:
            self.flush()
        finally:
            with self._mutex:
                self._records.close()
            self._locks.close()
            self._lease.close()
            self._presence.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed", where=self.location, fix="open it anew: open_store(…)")

    def _keep(self, work: Callable[[], Report]) -> Report:
        self._check_open()
        try:
            return work()
        except OSError as error:
            raise store_error("the store can't be read or written", self.path, error) from error

    def _go_on_in_child(self) -> None:
        """Take files and locks of its own in a forked child."""
        self._mutex = Lock()
        self._records.reopen(forked=True)
        self._keeper = StoreKeeper(self._folder, self._blobs, self._records, self._mutex, self._presence)


def _checked(pieces: Iterator[memoryview], digest: bytes, path: Path) -> Iterator[memoryview]:
    """Pass on a file's contents; raise before the end if they are not those that were hashed."""
    hashing = sha256(FILE_CODEC.encode() + b"\0")
    for piece in pieces:
        hashing.update(piece)
        yield piece
    if hashing.digest() != digest:
        raise StoreError(
            "a file changes while it is read", where=str(path), fix="wait until whatever writes it is done"
        )


_open_stores: weakref.WeakSet[LocalStore] = weakref.WeakSet()


def _go_on_in_child() -> None:
    for store in list(_open_stores):
        store._go_on_in_child()  # noqa: SLF001 - this module's own


os.register_at_fork(after_in_child=_go_on_in_child)
