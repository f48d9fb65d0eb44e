"""Counting and checking all that is in a namespace."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice

from flowra.storage.refs import BlobRef
from flowra.storage.remote.blobs import RemoteBlobs
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.records import RemoteRecords
from flowra.storage.reports import StoreStats, Verified

__all__ = ["count_all", "verify_all"]

#: Values that are read side by side.
_AT_ONCE = 8


def count_all(
    objects: ObjectStore, layout: Layout, blobs: RemoteBlobs, *, location: str, own_session: int
) -> StoreStats:
    """Count what there is, by listing it; nothing is read.

    Args:
        objects: Where it lies.
        layout: The names.
        blobs: The values.
        location: The store's address.
        own_session: 1 if this session is open without being among the objects.
    """
    records = [found.size for found in objects.list(layout.records)]
    sizes = [ref.size for ref in blobs.all()]
    sessions = sum("." not in found.name.removeprefix(layout.sessions) for found in objects.list(layout.sessions))
    return StoreStats(location, len(records), len(sizes), sum(sizes), sum(records), 0, sessions + own_session)


def verify_all(layout: Layout, blobs: RemoteBlobs, records: RemoteRecords, pool: Executor) -> Verified:
    """Read every byte; remove what is damaged, and the records that are none or that need it."""
    count, size = 0, 0
    damaged: list[str] = []
    values = blobs.all()
    while refs := list(islice(values, _AT_ONCE)):
        count += len(refs)
        size += sum(ref.size for ref in refs)
        damaged += _damaged(refs, layout, blobs, pool)
    read, unreadable, incomplete = 0, 0, 0
    for page in records.everything(pool):
        lacking = records.incomplete((record for record, _ in page.records), pool)
        read += len(page.records)
        # What others write meanwhile may have been seen half-way: only what is no better at a second look is told.
        with ThreadPoolExecutor(_AT_ONCE) as droppers:  # not on the threads that they need themselves
            unreadable += sum(droppers.map(lambda key: records.drop_unusable(key, pool), page.broken))
            incomplete += sum(droppers.map(lambda key: records.drop_unusable(key, pool), lacking))
    return Verified(count, size, tuple(damaged), read, unreadable, incomplete)


def _damaged(refs: Sequence[BlobRef], layout: Layout, blobs: RemoteBlobs, pool: Executor) -> list[str]:
    damaged = pool.map(blobs.is_damaged, refs)
    return [f"{layout.blob(ref)} (removed)" for ref, is_damaged in zip(refs, damaged, strict=True) if is_damaged]
