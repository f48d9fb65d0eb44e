"""A store over a service that keeps objects: the same for every service, and for any number of machines at once.

Values are objects named by their digests, records are objects named by their keys, and the first record for a key
counts. `layout.py` shows what is called what, `session.py` and `collecting.py` how a collection spares what is in use,
`leases.py` how one machine at a time computes a key.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.errors import store_error
from flowra.storage.local.file_digests import FILE_CODEC, FileDigests
from flowra.storage.record import Record
from flowra.storage.refs import INLINE_LIMIT, BlobRef, InlineRef, Ref, blobs_of, digest_of
from flowra.storage.remote.blobs import RemoteBlobs
from flowra.storage.remote.collecting import Collector
from flowra.storage.remote.inventory import count_all, verify_all
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.leases import Leases
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.options import RemoteOptions
from flowra.storage.remote.records import RemoteRecords
from flowra.storage.remote.session import RemoteSession
from flowra.storage.remote.signing import RecordKeys
from flowra.storage.remote.threads import Threads
from flowra.storage.remote.uses import Uses
from flowra.storage.reports import Collected, StoreStats, Verified
from flowra.storage.store import KeyLock, Store

__all__ = ["RemoteStore"]

#: Seconds after which a session that goes on says which records it has used.
_USES_EVERY = 3600.0


class RemoteStore(Store):
    """A store over an object store; get it with `open_remote`.

    Args:
        objects: The service. It is closed with the store.
        options: What the address says.
        keys: Who signs, and who is trusted.

    Attributes:
        objects: The service.
        place: Where the results are, however its address is spelled.
        notices: What it had to say, counted.
        read_only: Whether nothing is ever written.
    """

    def __init__(self, objects: ObjectStore, options: RemoteOptions, keys: RecordKeys) -> None:
        self.objects = objects
        self.location = options.on(objects.location)
        self.place = f"{objects.place} {options.namespace}"
        self.read_only = options.read_only
        self.notices = Notices(self.location)
        self._options = options
        self._closed = False
        self._threads = Threads(options.connections)
        self._files = FileDigests(None)
        layout = self._layout = Layout(options.namespace)
        self._session = None if options.read_only else RemoteSession(objects, layout, options.heartbeat, self.notices)
        self._leases = Leases(objects, layout, self._session, self.notices)
        self._blobs = RemoteBlobs(objects, layout, self.notices, read_only=options.read_only)
        self._records = RemoteRecords(objects, layout, self._blobs, self._leases, keys, self.notices)
        self._uses = Uses(objects, layout)
        self._used_keys: set[bytes] = set()
        self._left_at = time.monotonic()
        if self._session is not None:
            self._session.chores.append(self._leave_uses_now_and_then)

    # ---- values

    def put(self, encoded: Encoded) -> InlineRef | BlobRef:
        """Keep a value; see `Store.put`."""
        self._check_open()
        size = encoded.size
        if size <= INLINE_LIMIT:
            return InlineRef(encoded.codec, encoded.to_bytes())
        ref = BlobRef(encoded.codec, digest_of(encoded.codec, *encoded.parts), size)
        if not self._refuses_to_write():
            self._touch_to_write(ref.digest)
            self._blobs.write(ref, encoded.parts)
        return ref

    def put_file(self, path: Path) -> InlineRef | BlobRef:
        """Keep the contents of a file; see `Store.put_file`."""
        self._check_open()
        digest = self._files.digest(path)
        try:
            size = path.stat().st_size
            if size <= INLINE_LIMIT:
                return InlineRef(FILE_CODEC, path.read_bytes())
        except OSError as error:
            raise store_error("a file can't be read", path, error) from error
        ref = BlobRef(FILE_CODEC, digest, size)
        if not self._refuses_to_write():
            self._touch_to_write(digest)
            self._blobs.write_file(ref, path)
        return ref

    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes; see `Store.get`."""
        if isinstance(ref, InlineRef):
            return memoryview(ref.data)
        self._check_open()
        self._touch(ref.digest)
        return self._blobs.read(ref)

    def copy_to(self, ref: InlineRef | BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file; see `Store.copy_to`."""
        self._check_open()
        if isinstance(ref, InlineRef):
            temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
            try:
                try:
                    temporary.write_bytes(ref.data)
                    temporary.replace(target)
                finally:
                    temporary.unlink(missing_ok=True)
            except OSError as error:
                raise store_error("a file can't be written", target, error) from error
            return True
        self._touch(ref.digest)
        return self._blobs.copy_to(ref, target)

    def has(self, ref: Ref) -> bool:
        """Return whether every blob of a ref is there; see `Store.has`.

        One that was seen within the last minute is not looked for again.
        """
        self._check_open()
        blobs = list(blobs_of(ref))
        if not blobs:
            return True
        if self._touch(*(blob.digest for blob in blobs)):
            return False
        return not self._blobs.missing(blobs, self._threads.pool())

    # ---- records

    def lookup(self, key: bytes) -> Record | None:
        """Return the record for a key; see `Store.lookup`."""
        return self.lookup_many([key]).get(key)

    def lookup_many(self, keys: Iterable[bytes]) -> dict[bytes, Record]:
        """Return the records there are for some keys, asked for side by side."""
        self._check_open()
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        condemned = self._touch(*wanted)
        try:
            found = self._records.find([key for key in wanted if key not in condemned], self._threads.pool())
        except StoreUnavailableError:
            self._threads.leave()
            raise
        self._used_keys.update(found)
        return found

    def publish(self, record: Record, *, replace: bool = False) -> Record:
        """Make a record known; see `Store.publish`."""
        self._check_open()
        if self._refuses_to_write():
            return record if replace else self._records.find([record.key], self._threads.pool()).get(record.key, record)
        self._touch_to_write(record.key)
        self._used_keys.add(record.key)
        return self._records.publish(record, self._threads.pool(), replace=replace)

    def lock(self, key: bytes, *, timeout: float | None = None, give_up: Callable[[], bool] | None = None) -> KeyLock:
        """Return the right to compute a key; see `Store.lock`.

        It is a lease: whoever dies loses it after four missed signs of life. On a store that is only read it keeps
        this process's threads apart.
        """
        return self._leases.lock(key, timeout, give_up)

    # ---- files from outside

    def file_digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents; see `Store.file_digest`. It is remembered while the store is open."""
        return self._files.digest(path)

    # ---- the store itself

    def flush(self) -> None:
        """Do nothing: what was put is with the service already."""

    def gc(self, max_bytes: int) -> Collected:
        """Drop results until the rest fits; see `Store.gc`.

        Other sessions are waited for until they have said what they use, which takes them one sign of life.
        """
        return self._collector("collected").collect(max_bytes, self._threads.pool())

    def clear(self) -> Collected:
        """Drop everything that no open session uses."""
        return self.gc(0)

    def records(self) -> Iterator[Record]:
        """Yield every record, whoever signed it."""
        self._check_open()
        for page in self._records.everything(self._threads.pool()):
            yield from (record for record, _ in page.records)

    def stats(self) -> StoreStats:
        """Count what there is. Nothing is ever put aside: damaged values are removed."""
        self._check_open()
        own = 0 if self._session is not None and self._session.registered else 1
        return count_all(self.objects, self._layout, self._blobs, location=self.location, own_session=own)

    def verify(self) -> Verified:
        """Read every byte; see `Store.verify`. What is damaged is removed, since objects can't be renamed."""
        with self._collector("checked").alone():
            return verify_all(self._layout, self._blobs, self._records, self._threads.pool())

    def note_not_written(self) -> None:
        """Say, once, that something is not written to a store that is only read."""
        self.notices.count("read-only", "the store is only read: what is computed is not kept in it")

    def close(self) -> None:
        """Say what was used, and let go."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._session is not None and self._session.registered:
                self._leave_uses()
        except StoreError as error:
            # What was used counts as older than it is; nothing else is lost.
            self.notices.count("unprotected", f"what this session used could not be said: {error.what}")
        finally:
            if self._session is not None:
                self._session.close()
            self._threads.close()
            self.objects.close()

    def _leave_uses_now_and_then(self) -> None:
        if time.monotonic() - self._left_at > _USES_EVERY:
            self._leave_uses()

    def _leave_uses(self) -> None:
        """Say which records were used since that was last said."""
        used, self._used_keys = self._used_keys, set()
        self._left_at = time.monotonic()
        self._uses.leave(used)

    def _touch(self, *digests: bytes) -> frozenset[bytes]:
        """Say that keys or values are used; return those that are about to be collected."""
        return frozenset() if self._session is None else self._session.touch(*digests)

    def _touch_to_write(self, digest: bytes) -> None:
        """Say that a key or value is used, and wait for the end of a collection that is about to remove it."""
        if self._session is not None and self._session.touch(digest):
            self._session.wait_for_collection()

    def _refuses_to_write(self) -> bool:
        if self.read_only:
            self.note_not_written()
        return self.read_only

    def _collector(self, verb: str) -> Collector:
        self._check_open()
        if self._session is None:
            raise StoreError(
                f"the store can't be {verb}",
                where=self.location,
                why="it was opened only to be read",
                fix="leave read_only=true out of the address",
            )
        return Collector(
            self.objects,
            self._layout,
            self._session,
            self._leases,
            self._blobs,
            self._records,
            self._uses,
            self.notices,
            self._options.heartbeat,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed", where=self.location, fix="open it anew: open_store(…)")
