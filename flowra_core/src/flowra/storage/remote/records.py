"""Records as objects: looked up side by side, published so that the first one counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import NamedTuple, TypeVar

from flowra.exceptions import StoreError
from flowra.storage.in_flight import BytesInFlight
from flowra.storage.record import Record
from flowra.storage.remote.blobs import RemoteBlobs
from flowra.storage.remote.envelope import RECORD_LIMIT, Envelope, record_in, seal, unwrap
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.leases import Leases, settle
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectInfo, ObjectStore
from flowra.storage.remote.signing import RecordKeys

__all__ = ["Page", "RemoteRecords"]

T = TypeVar("T")

#: Seconds that one who replaces a record waits for another who does so.
_PATIENCE = 10.0
#: Records, and bytes of them, that are in memory at once while all are read.
_PAGE, _PAGE_BYTES = 1000, 32 << 20
#: Nearly all records have fewer bytes, and come with the first request.
_SHORT = 64 << 10
#: Short records that are read at once, before they are looked into: 32 MiB at most.
_SHORT_AT_ONCE = 512
#: Bytes of longer records that are read at once.
_LONG_BYTES_AT_ONCE = 64 << 20


class Page(NamedTuple):
    """Some of the records that there are.

    Attributes:
        records: Records, each with what the service says of its object.
        broken: The keys whose objects should be records, and are none.
    """

    records: Sequence[tuple[Record, ObjectInfo]]
    broken: Sequence[bytes]


class RemoteRecords:
    """The records of a store. Any thread may call it.

    Args:
        objects: Where they lie.
        layout: The names.
        blobs: The values that they name.
        leases: What keeps two from replacing one record at once.
        keys: Who signs, and who is trusted.
        notices: What there is to say.
    """

    def __init__(
        self,
        objects: ObjectStore,
        layout: Layout,
        blobs: RemoteBlobs,
        leases: Leases,
        keys: RecordKeys,
        notices: Notices,
    ) -> None:
        self._objects = objects
        self._layout = layout
        self._blobs = blobs
        self._leases = leases
        self._keys = keys
        self._notices = notices
        self._in_flight = BytesInFlight(_LONG_BYTES_AT_ONCE)

    def find(self, keys: Sequence[bytes], pool: Executor) -> dict[bytes, Record]:
        """Return the records that count for some keys: well-formed, by someone trusted, and with all their values."""

        def keep(key: bytes, envelope: Envelope) -> Record | None:
            # Trusted first: what is made of a record takes far more memory than its bytes.
            return record_in(key, envelope) if self._is_trusted(key, envelope) else None

        read = self._read(keys, pool, keep)
        whole = self._complete(read, pool, believing=True)
        for _ in range(len(read) - len(whole)):
            self._notices.count("incomplete", "a record whose value is gone is not used, and is computed again")
        return whole

    def publish(self, record: Record, pool: Executor, *, replace: bool) -> Record:
        """Write a record, and return the one that counts for its key; see `Store.publish`."""
        name = self._layout.record(record.key)
        content = seal(record, self._keys.sign)
        if len(content) > RECORD_LIMIT:
            raise StoreError(
                "a result is too large to be recorded",
                where=self._objects.location,
                why=f"its record has {len(content):,} bytes, of {RECORD_LIMIT:,} at most",
                fix="give fewer items in one list, or put them into one value",
            )
        if replace:
            began = time.monotonic()
            self._objects.put(name, [content])
            return record if self._objects.conditional_put else self._agreed(record, content, began, pool)
        began = time.monotonic()
        if self._objects.put(name, [content], if_absent=True):
            return record if self._objects.conditional_put else self._agreed(record, content, began, pool)
        if not self._objects.conditional_put:
            # What is there may have been written just now, and others that saw nothing yet will write over it.
            settle(began)
        earlier, replaceable = self._judge(record.key, pool)
        if earlier is not None:
            return earlier
        return self._replace(record, content, pool) if replaceable else record

    def everything(self, pool: Executor) -> Iterator[Page]:
        """Read every record, whoever signed it, page by page."""
        page: dict[bytes, ObjectInfo] = {}
        size = 0
        for each in self._objects.list(self._layout.records):
            key = self._layout.key_called(each.name)
            if key is None:
                continue
            if len(page) == _PAGE or (page and size + each.size > _PAGE_BYTES):
                yield self._page(page, pool)
                page, size = {}, 0
            page[key] = each
            size += each.size
        if page:
            yield self._page(page, pool)

    def incomplete(self, records: Iterable[Record], pool: Executor) -> list[bytes]:
        """Return the keys of those whose values are not all there."""
        by_key = {record.key: record for record in records}
        return sorted(by_key.keys() - self._complete(by_key, pool, believing=False).keys())

    def drop_unusable(self, key: bytes, pool: Executor) -> bool:
        """Look again at a record that could not be used; remove it, and tell whether that was so, if it still can't.

        It is left alone if it is gone, or if another has just taken its place or is about to.
        """
        right = self._replacing(key)
        if not self._leases.take(right, _PATIENCE):
            return False
        try:
            name = self._layout.record(key)
            if self._objects.head(name) is None or self._is_usable(key, pool):
                return False
            self._objects.delete([name])
            return True
        finally:
            self._leases.give(right)

    def _is_usable(self, key: bytes, pool: Executor) -> bool:
        return bool(self._complete(self._read([key], pool, record_in), pool, believing=False))

    def _replacing(self, key: bytes) -> str:
        """Return the name of the right to put another record in the place of one."""
        return self._layout.lock(key) + ".replace"

    def _page(self, listed: Mapping[bytes, ObjectInfo], pool: Executor) -> Page:
        read = self._read(listed, pool, record_in)
        broken = [key for key in listed if key not in read]
        return Page([(read[key], each) for key, each in listed.items() if key in read], broken)

    def _read(
        self, keys: Iterable[bytes], pool: Executor, keep: Callable[[bytes, Envelope], T | None]
    ) -> dict[bytes, T]:
        """Return what is made of the records there are; what nothing is made of is not held.

        Args:
            keys: The keys.
            pool: On whose threads they are asked for.
            keep: What to make of a key and its envelope; None to leave it out. ValueError says that it is no record.
        """
        names = {self._layout.record(key): key for key in keys}
        found: dict[bytes, T] = {}

        def take(name: str, content: bytes) -> None:
            key = names[name]
            try:
                kept = keep(key, unwrap(key, content))
            except ValueError as error:
                self._notices.count("malformed", f"what is no record is not used: {name} ({error})")
            else:
                if kept is not None:
                    found[key] = kept

        def read_long(name: str) -> None:
            about = self._objects.head(name)
            if about is None:
                return
            most = min(about.size, RECORD_LIMIT)
            with self._in_flight.room_for(most):
                content = self._objects.get(name, length=most + 1)
                if content is not None:
                    take(name, content)

        rest = iter(names)
        while some := list(islice(rest, _SHORT_AT_ONCE)):
            beginnings = self._beginnings(some, pool)
            long = []
            while beginnings:
                name, content = beginnings.popitem()
                if len(content) <= _SHORT:
                    take(name, content)
                else:
                    long.append(name)
            for _ in map(read_long, long) if len(long) == 1 else pool.map(read_long, long):
                pass
        return found

    def _beginnings(self, names: Sequence[str], pool: Executor) -> dict[str, bytes]:
        if len(names) > 1:
            return self._objects.get_many(names, pool, length=_SHORT + 1)
        [name] = names
        content = self._objects.get(name, length=_SHORT + 1)
        return {} if content is None else {name: content}

    def _is_trusted(self, key: bytes, envelope: Envelope) -> bool:
        if self._keys.trust(key, envelope):
            return True
        who = "nobody" if envelope.signature is None else "somebody whom you don't trust"
        self._notices.count(
            "untrusted",
            f"records that are not signed by a key in result_signers are not used; this one is "
            f"signed by {who}: {self._layout.record(key)}",
        )
        return False

    def _complete(self, records: Mapping[bytes, Record], pool: Executor, *, believing: bool) -> dict[bytes, Record]:
        blobs = {key: list(record.blobs()) for key, record in records.items()}
        gone = self._blobs.missing((blob for each in blobs.values() for blob in each), pool, believing=believing)
        if not gone:
            return dict(records)
        whole = {key for key, each in blobs.items() if gone.isdisjoint(blob.digest for blob in each)}
        return {key: record for key, record in records.items() if key in whole}

    def _judge(self, key: bytes, pool: Executor) -> tuple[Record | None, bool]:
        """Return the record that is there, if it counts; and whether another may take its place if it doesn't."""
        read = self._read([key], pool, lambda key, envelope: (record_in(key, envelope), envelope)).get(key)
        if read is None:
            return None, True
        record, envelope = read
        if not self._complete({key: record}, pool, believing=False):
            return None, True
        # Only who signs takes the place of what is whole: otherwise two that trust no one would go on forever.
        return (record, False) if self._is_trusted(key, envelope) else (None, self._keys.sign is not None)

    def _replace(self, record: Record, content: bytes, pool: Executor) -> Record:
        """Put a record in the place of one that does not count, unless another does so first."""
        right = self._replacing(record.key)
        held = self._leases.take(right, _PATIENCE)
        try:
            earlier, _ = self._judge(record.key, pool)
            if earlier is not None:
                return earlier
            began = time.monotonic()
            self._objects.put(self._layout.record(record.key), [content])
            return record if held else self._agreed(record, content, began, pool)
        finally:
            if held:
                self._leases.give(right)

    def _agreed(self, record: Record, content: bytes, began: float, pool: Executor) -> Record:
        """Return what counts after several may have written: what is there once all have."""
        settle(began)
        if self._objects.get(self._layout.record(record.key), length=len(content) + 1) == content:
            return record
        return self.find([record.key], pool).get(record.key, record)
