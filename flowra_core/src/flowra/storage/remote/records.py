"""Records as objects: looked up side by side, published so that the first one counts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from flowra.exceptions import StoreError
from flowra.storage.record import Record
from flowra.storage.remote.blobs import RemoteBlobs
from flowra.storage.remote.envelope import Sealed, open_envelope, seal
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.leases import Leases, settle
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import SMALL_OBJECT, ObjectInfo, ObjectStore
from flowra.storage.remote.signing import RecordKeys

__all__ = ["Page", "RemoteRecords"]

#: Seconds that one who replaces a record waits for another who does so.
_PATIENCE = 10.0
#: Records that are in memory at once while all are read.
_PAGE = 1000


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

    def find(self, keys: Sequence[bytes], pool: Executor) -> dict[bytes, Record]:
        """Return the records that count for some keys: well-formed, by someone trusted, and with all their values."""
        read = self._read(keys, pool)
        found = {key: sealed.record for key, sealed in read.items() if self._is_trusted(key, sealed)}
        return self._complete(found, pool, believing=True)

    def publish(self, record: Record, pool: Executor, *, replace: bool) -> Record:
        """Write a record, and return the one that counts for its key; see `Store.publish`."""
        name = self._layout.record(record.key)
        content = seal(record, self._keys.sign)
        if len(content) > SMALL_OBJECT:
            raise StoreError(
                "a result is too large to be recorded",
                where=self._objects.location,
                why=f"its record has {len(content):,} bytes, of {SMALL_OBJECT:,} at most",
                fix="give fewer items in one list, or put them into one value",
            )
        if replace:
            began = time.monotonic()
            self._objects.put(name, [content])
            return record if self._objects.conditional_put else self._agreed(record, content, began, pool)
        began = time.monotonic()
        if self._objects.put(name, [content], if_absent=True):
            return record if self._objects.conditional_put else self._agreed(record, content, began, pool)
        earlier, replaceable = self._judge(record.key, pool)
        if earlier is not None:
            return earlier
        return self._replace(record, content, pool) if replaceable else record

    def everything(self, pool: Executor) -> Iterator[Page]:
        """Read every record, whoever signed it, page by page."""
        page: dict[bytes, ObjectInfo] = {}
        for each in self._objects.list(self._layout.records):
            key = self._layout.key_called(each.name)
            if key is None:
                continue
            page[key] = each
            if len(page) == _PAGE:
                yield self._page(page, pool)
                page = {}
        if page:
            yield self._page(page, pool)

    def incomplete(self, records: Iterable[Record], pool: Executor) -> list[bytes]:
        """Return the keys of those whose values are not all there."""
        by_key = {record.key: record for record in records}
        return sorted(by_key.keys() - self._complete(by_key, pool, believing=False).keys())

    def _page(self, listed: Mapping[bytes, ObjectInfo], pool: Executor) -> Page:
        read = self._read(list(listed), pool)
        broken = [key for key in listed if key not in read]
        return Page([(read[key].record, each) for key, each in listed.items() if key in read], broken)

    def _read(self, keys: Iterable[bytes], pool: Executor) -> dict[bytes, Sealed]:
        names = {self._layout.record(key): key for key in keys}
        if len(names) == 1:
            [name] = names
            content = self._objects.get(name, length=SMALL_OBJECT + 1)
            contents: Mapping[str, bytes] = {} if content is None else {name: content}
        else:
            contents = self._objects.get_many(list(names), pool)
        found = {}
        for name, content in contents.items():
            try:
                found[names[name]] = open_envelope(names[name], content)
            except ValueError as error:
                self._notices.count("malformed", f"what is no record is not used: {name} ({error})")
        return found

    def _is_trusted(self, key: bytes, sealed: Sealed) -> bool:
        if self._keys.trust(key, sealed):
            return True
        who = "nobody" if sealed.signature is None else "somebody whom you don't trust"
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
        for _ in range(len(records) - len(whole)):
            self._notices.count("incomplete", "a record whose value is gone is not used, and is computed again")
        return {key: record for key, record in records.items() if key in whole}

    def _judge(self, key: bytes, pool: Executor) -> tuple[Record | None, bool]:
        """Return the record that is there, if it counts; and whether another may take its place if it doesn't."""
        sealed = self._read([key], pool).get(key)
        if sealed is None:
            return None, True
        record = sealed.record
        if not self._complete({key: record}, pool, believing=False):
            return None, True
        # Only who signs takes the place of what is whole: otherwise two that trust no one would go on forever.
        return (record, False) if self._is_trusted(key, sealed) else (None, self._keys.sign is not None)

    def _replace(self, record: Record, content: bytes, pool: Executor) -> Record:
        """Put a record in the place of one that does not count, unless another does so first."""
        right = self._layout.lock(record.key) + ".replace"
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
