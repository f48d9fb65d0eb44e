"""The store of two tiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace as changed
from pathlib import Path
from threading import Lock

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.listener import Bulletin, StoreListener
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef, InlineRef, Ref, blobs_of
from flowra.storage.remote.breaker import CircuitBreaker
from flowra.storage.remote.store import RemoteStore
from flowra.storage.reports import Collected, StoreStats, Verified
from flowra.storage.store import KeyLock, Store
from flowra.storage.tiers.home import home_of
from flowra.storage.tiers.lock import TieredLock
from flowra.storage.tiers.remote_tier import RemoteTier
from flowra.storage.tiers.uploads import Uploads
from flowra.storage.tiers.worth import UploadChoice

__all__ = ["TieredStore"]

#: Values that are fetched side by side: as many as there are locks for them.
_AT_ONCE = 16


class TieredStore(Store):
    """A local store that answers first, and a remote one behind it.

    What is asked for is looked up here, then there, and kept here when it has come; the values of a remote result come
    only when they are asked for. What is put and published is here at once, and is uploaded in the background: see
    `Uploads`. While the remote store does not answer, the local one is all there is.

    What stays is counted, collected, cleared and checked in the local store alone: the remote one is others' too.

    Args:
        local: The local store; it is closed with this one, as is the remote one.
        remote: The remote store.
        choice: Which results go there.
        breaker: What knows whether the remote store's service answers.
        location: The address of both together; that of the remote store if None.

    Attributes:
        local: The local store.
        remote: The remote store, asked as long as it answers.
        uploads: What is on its way there.

    Raises:
        StoreDeniedError: The remote store lets us not even read.
    """

    tiered = True

    def __init__(
        self,
        local: LocalStore,
        remote: Store,
        *,
        choice: UploadChoice = "auto",
        breaker: CircuitBreaker | None = None,
        location: str | None = None,
    ) -> None:
        self.local = local
        self._bulletin = Bulletin()
        if isinstance(remote, RemoteStore):
            remote.notices.tell = self._bulletin.say
        self.remote = RemoteTier(remote, self._bulletin, breaker)
        self.location = location or remote.location
        self.uploads = Uploads(local, self.remote, self._bulletin, choice)
        # Values that remote results name: they are there, as far as is known.
        self._promised: set[bytes] = set()
        # Values that the remote store was asked for and did not have: what stands for them has to go there again.
        self._missed: set[bytes] = set()
        self._fetching = [Lock() for _ in range(_AT_ONCE)]
        self._through = False
        self._closed = False
        self.remote.check()

    # ---- values

    def put(self, encoded: Encoded) -> InlineRef | BlobRef:
        """Keep a value here; it goes to the remote store with the result that names it."""
        ref = self.local.put(encoded)
        if self._through:
            self.share(ref)
        return ref

    def put_file(self, path: Path) -> InlineRef | BlobRef:
        """Keep the contents of a file here; see `put`."""
        ref = self.local.put_file(path)
        if self._through:
            self.share(ref)
        return ref

    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes, fetched if they are not here."""
        found = self.local.get(ref)
        if found is not None or isinstance(ref, InlineRef):
            return found
        with self._fetching[ref.digest[0] % len(self._fetching)]:
            # Another thread may have fetched it meanwhile.
            return self.local.get(ref) if self.local.has(ref) else self._fetched(ref)

    def copy_to(self, ref: InlineRef | BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file."""
        if self.local.has(ref) and self.local.copy_to(ref, target):
            return True
        if self.get(ref) is None:
            return False
        return self.local.copy_to(ref, target) or self.remote.ask(lambda store: store.copy_to(ref, target), False)

    def has(self, ref: Ref) -> bool:
        """Return whether every blob of a ref is here or there."""
        missing = [blob for blob in blobs_of(ref) if blob.digest not in self._promised and not self.local.has(blob)]
        return not missing or self.remote.ask(lambda store: all(map(store.has, missing)), False)

    def is_near(self, ref: BlobRef) -> bool:
        """Return whether a value is here; see `Store.is_near`."""
        return self.local.has(ref)

    def prepare(self, refs: Iterable[BlobRef]) -> None:
        """Fetch those of some values that are not here, side by side."""
        with suppress(StoreError):  # whoever reads the value is told
            missing = [ref for ref in dict.fromkeys(refs) if not self.local.has(ref)]
            if len(missing) > 1:
                with ThreadPoolExecutor(min(_AT_ONCE, len(missing)), thread_name_prefix="flowra-fetch") as pool:
                    for _ in pool.map(self.get, missing):
                        pass

    def _fetched(self, ref: BlobRef) -> memoryview | None:
        content = self.remote.ask(lambda store: store.get(ref), None)
        if content is None:
            self._promised.discard(ref.digest)
            self._missed.add(ref.digest)
            return None
        with suppress(StoreError):  # a full disk is no reason to do without a value that is at hand
            self.local.put(Encoded(ref.codec, (content,)))
            return self.local.get(ref) or content
        return content

    # ---- records

    def lookup(self, key: bytes) -> Record | None:
        """Return the record for a key."""
        return self.lookup_many((key,)).get(key)

    def lookup_many(self, keys: Iterable[bytes]) -> dict[bytes, Record]:
        """Return the records there are for some keys: those that are not here, or not whole, are asked for at once."""
        keys = list(keys)
        found = self.local.lookup_many(keys)
        wanted = [key for key in keys if key not in found or not self._is_whole(found[key])]
        if wanted and self.remote.readable:
            nothing: dict[bytes, Record] = {}
            there = self.remote.ask(lambda store: store.lookup_many(wanted), nothing)
            for key, record in there.items():
                self._promised.update(blob.digest for blob in record.blobs())
                found[key] = record
                self._keep(record)
        return found

    def publish(self, record: Record, *, replace: bool = False) -> Record:
        """Make a record known here, and to everyone when it has been uploaded."""
        if self._through:
            return self._publish_through(record, replace)
        winner = self.local.publish(record, replace=replace)
        missed = self._missed.intersection(blob.digest for blob in winner.blobs())
        self._missed -= missed
        if winner is record or missed:
            self.uploads.consider(winner, replace=replace)
        return winner

    def _is_whole(self, record: Record) -> bool:
        return all(blob.digest in self._promised or self.local.has(blob) for blob in record.blobs())

    def _keep(self, record: Record) -> None:
        """Have a remote record count here."""
        with suppress(StoreError):
            keep(self.local, record)

    def _publish_through(self, record: Record, replace: bool) -> Record:
        try:
            winner = self.uploads.published(record, replace=replace)
        except StoreError as error:
            # Its values are there, which is what others wait for.
            self.uploads.postpone(record, error, replace=replace)
            return self.local.publish(record, replace=replace)
        self._promised.update(blob.digest for blob in winner.blobs())
        self._keep(winner)
        return winner

    # ---- the right to compute

    def lock(self, key: bytes, *, timeout: float | None = None, give_up: Callable[[], bool] | None = None) -> KeyLock:
        """Return the right to compute a key, on this machine and on all that use the remote store."""

        def lease_in(left: float | None) -> tuple[KeyLock | None, bool]:
            found = self.local.lookup(key)
            if found is not None and self._is_whole(found):
                return None, True  # computed here meanwhile: whoever holds the right elsewhere is about to upload it
            if (kept := self.uploads.take_back(key)) is not None:
                return kept, True
            if not self.remote.writable or not self.remote.answers():
                return None, True

            def taken(store: Store) -> KeyLock | None:
                wanted = store.lock(key, timeout=left, give_up=give_up)
                return wanted if wanted.acquire() else None

            try:
                lease = self.remote.write(taken)
            except StoreError:
                return None, True
            return lease, lease is not None

        local = self.local.lock(key, timeout=timeout, give_up=give_up)
        return TieredLock(local, lease_in, lambda held: self.uploads.give_back(key, held), timeout)

    # ---- files from outside

    def file_digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents."""
        return self.local.file_digest(path)

    # ---- what stores with tiers do besides

    @property
    def home(self) -> str:
        """The name of the local store."""
        try:
            return home_of(self.local.path)
        except OSError as error:
            raise StoreError("the store can't be used", where=self.local.location, why=str(error)) from error

    def here(self) -> Store:
        """Return the local store; this one where every value has to be seen by other machines."""
        return self if self._through else self.local

    def offer(self, record: Record) -> None:
        """Have a result uploaded, whatever it is worth."""
        if not self._through:
            self.uploads.add(record)

    def share(self, ref: Ref) -> None:
        """Have a value in the remote store, now."""
        for blob in blobs_of(ref):
            self.uploads.send(blob)

    def write_through(self) -> None:
        """Have every value and result in the remote store before whoever gives it goes on."""
        self._through = True

    def serve(self, home: str) -> None:
        """Work for a session elsewhere: on the same local store leave uploads to it, else do without a local tier."""
        if home == self.home:
            self.uploads.leave()
        else:
            self.write_through()

    def found_beside(self, key: bytes, *, always: bool) -> None:
        """Take note of a result that another process has published here; it is uploaded as one of this session's."""
        if not self._through:
            self.uploads.consider_later(key, always=always)

    def heard_by(self, listener: StoreListener) -> AbstractContextManager[None]:
        """Have somebody told what is to be said; what an earlier session has left is uploaded from now on, too."""
        self.uploads.take_over()
        return self._bulletin.heard_by(listener)

    # ---- the store itself

    def flush(self) -> None:
        """Wait until what is here is as durable as the local store was told to make it."""
        self.local.flush()

    def gc(self, max_bytes: int) -> Collected:
        """Drop results of the local store; see `Store.gc`."""
        return self.local.gc(max_bytes)

    def clear(self) -> Collected:
        """Drop everything in the local store that no open session uses."""
        self._promised.clear()
        return self.local.clear()

    def records(self) -> Iterator[Record]:
        """Yield every record of the local store."""
        return self.local.records()

    def stats(self) -> StoreStats:
        """Count what there is in the local store."""
        return changed(self.local.stats(), location=self.location)

    def verify(self) -> Verified:
        """Check the local store."""
        return self.local.verify()

    def close(self) -> None:
        """Wait a little for what is on its way, and let go of both stores."""
        if self._closed:
            return
        self._closed = True
        try:
            self.uploads.close()
        finally:
            with suppress(StoreUnavailableError):
                self.remote.store.close()
            self.local.close()


def keep(local: LocalStore, record: Record) -> None:
    """Have a record count in a local store, instead of an earlier one that says something else.

    Raises:
        StoreError: It can't be written.
    """
    if local.publish(record) != record:
        local.publish(record, replace=True)
