"""Row 30 of the faults: the service says 409 or 412, or its answer is lost after it had done what it was asked.

A real shared folder keeps the objects. That an answer is lost after the deed is made up: no service can be made to.
"""

from __future__ import annotations

from hashlib import sha256

import pytest
from fixtures.faulty_stores import UNAVAILABLE, FaultyObjects

from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef
from flowra.storage.remote.guarded import GuardedObjects
from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import RemoteOptions
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.storage.tiers.store import TieredStore

KEY = sha256(b"key").digest()
BLOB = Encoded("bytes", (b"x" * 10_000,))


class Losing(FaultyObjects):
    """Objects that write and remove as they are asked to; the first answer is lost, and each second one after it."""

    def __init__(self, folder):
        super().__init__(SharedFolder(folder))
        self._lost = True
        self.after = self._lose

    def _lose(self, name):
        if name not in ("put", "delete"):
            return
        lost, self._lost = self._lost, not self._lost
        if lost:
            raise UNAVAILABLE


@pytest.fixture
def share(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


def remote(objects):
    return open_remote(GuardedObjects(objects), RemoteOptions(heartbeat=60))


def record(text=b"1", **outputs):
    return Record(KEY, "t/N", {"out": InlineRef("json", text), **outputs}, 0.5, b"{}", 1.0)


def test_what_was_done_is_not_done_otherwise(share, tmp_path):
    with TieredStore(LocalStore(tmp_path / "a"), remote(Losing(share)), choice="all") as store:
        with store.lock(KEY) as held:
            assert held
            published = store.publish(record(value=store.put(BLOB)))
        assert not store.uploads.wait()
    with remote(SharedFolder(share)) as other:
        assert other.lookup(KEY) == published
        assert bytes(other.get(published.outputs["value"])) == BLOB.to_bytes()
        assert other.stats().records == other.stats().blobs == 1


def test_the_right_to_compute_is_neither_lost_nor_kept(share):
    with remote(Losing(share)) as store, remote(SharedFolder(share)) as other:
        with store.lock(KEY, timeout=10) as held:
            assert held
            with other.lock(KEY, timeout=0) as also:
                assert not also
        with other.lock(KEY, timeout=0) as held:
            assert held


def test_the_second_to_publish_adopts_the_first(share, tmp_path):
    with remote(SharedFolder(share)) as other:
        first = other.publish(record(b"1"))
    with TieredStore(LocalStore(tmp_path / "a"), remote(Losing(share)), choice="all") as store:
        store.publish(record(b"2"))
        assert not store.uploads.wait()
        assert store.lookup(KEY) == first


def test_a_record_that_was_published_is_not_taken_for_anothers(share):
    with remote(Losing(share)) as store:
        assert store.publish(record(b"1")) == record(b"1")
        assert store.publish(record(b"2")) == record(b"1")
        assert store.publish(record(b"2"), replace=True) == record(b"2")
