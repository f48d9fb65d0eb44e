"""Collection over objects: what sessions on other machines use stays, whatever happens to them or to who collects."""

from __future__ import annotations

import os
import threading
import time
from hashlib import sha256

import pytest

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.record import Record
from flowra.storage.refs import INLINE_LIMIT
from flowra.storage.remote.pulses import pulse
from flowra.storage.remote.session import Round


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size=2 * INLINE_LIMIT):
    return Encoded("bytes", ((b"%08d" % number) * (size // 8),))


def fill(store, *numbers):
    """Publish records with one value each, and return the refs."""
    refs = [store.put(blob(number)) for number in numbers]
    for number, ref in zip(numbers, refs, strict=True):
        store.publish(Record(key(number), "t/N", {"out": ref}))
    return refs


def names(store, folder):
    return [found.name.removeprefix(folder) for found in store.objects.list(folder)]


def waiting_writer(store):
    """Begin to write what is about to be removed, and return the thread once it is seen to wait for that."""
    writer = threading.Thread(target=fill, args=(store, 1))
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    return writer


def test_what_was_used_last_stays_by_the_service_s_own_clock(stores):
    store = stores()
    fill(store, 1, 2, 3)
    store.close()
    # A machine whose clock is days ahead says so in its record; that decides nothing.
    later = stores()
    later.publish(Record(key(4), "t/N", {"out": later.put(blob(4))}, created=time.time() + 1e6))
    later.close()
    reader = stores()
    assert reader.lookup(key(1)) is not None
    reader.close()
    collecting = stores()
    collected = collecting.gc(18_000)
    assert collected.records == collected.blobs == 2
    assert collecting.lookup_many(map(key, range(5))).keys() == {key(1), key(4)}
    # The times were brought together in one list, and still count.
    assert len(names(collecting, collecting._layout.uses)) == 1
    collecting.close()
    collecting = stores()
    assert collecting.gc(9_000).records == 1


def test_a_session_that_was_lost_keeps_nothing_and_is_swept(stores):
    store = stores()
    fill(store, 1)
    lost = store._session
    # As if the process had been killed: it says nothing more, and takes nothing back.
    lost._closing.set()
    lost._thread.join()
    store.objects.put(store._layout.lock(key(1)), [f"{lost.id} 0123".encode()])
    store.objects.put(f"{store._layout.sessions}{lost.id}.0123.0", [key(1)])
    collecting = stores()
    collected = collecting.gc(0)
    assert (collected.records, collected.blobs, collected.leftovers) == (1, 1, 3)
    assert names(collecting, collecting._layout.sessions) == [collecting._session.id]
    assert names(collecting, collecting._layout.locks) == []
    assert names(collecting, collecting._layout.collections) == []


def test_a_session_that_begins_during_a_collection_is_heard(stores):
    """It finds the announcement, and says what it uses before it relies on that."""
    store = stores()
    [ref] = fill(store, 1)
    store.close()
    collecting, other = stores(), stores()
    found = []

    def come(method, arguments, call):
        # Just before it is said what is to be removed.
        going_on = collecting._session._round
        if method == "put" and going_on is not None and arguments[0].endswith(f"/gc/{going_on.id}"):
            found.append(other.lookup(key(1)))
        return call()

    collecting.objects.meddle = come
    collected = collecting.gc(0)
    assert found[0] is not None
    assert (collected.records, collected.blobs) == (0, 0)
    assert collected.in_use_bytes == ref.size
    assert other.get(ref) is not None


def test_what_is_about_to_be_removed_is_a_miss_and_is_written_anew_afterwards(stores):
    """Whoever comes after it was said finds a miss, waits with writing until it is removed, and then writes it."""
    store = stores()
    [ref] = fill(store, 1)
    store.close()
    collecting, other = stores(), stores()
    writing, said = [], []

    def come(method, arguments, call):
        # Just before the first removal.
        if method == "delete" and any("/records/" in name for name in arguments[0]) and not said:
            said.append(other.lookup(key(1)))
            assert not other.has(ref)
            writing.append(waiting_writer(other))
        return call()

    collecting.objects.meddle = come
    collected = collecting.gc(0)
    assert said == [None]
    assert (collected.records, collected.blobs) == (1, 1)
    writing[0].join(10)
    assert stores().lookup(key(1)) is not None
    assert other.get(ref) is not None


def test_a_broken_record_is_condemned_as_others_are(stores):
    """Whoever replaces it meanwhile waits: what is whole by then must not be removed in its place."""
    collecting, other = stores(), stores()
    collecting.objects.put(collecting._layout.record(key(1)), [b"no record"])
    other.lookup(key(2))
    writing = []

    def come(method, arguments, call):
        if method == "delete" and any("/records/" in name for name in arguments[0]):
            writing.append(waiting_writer(other))
        return call()

    collecting.objects.meddle = come
    collecting.gc(10**9)
    writing[0].join(10)
    assert stores().lookup(key(1)) is not None


def test_threads_of_the_one_who_collects_are_as_careful_as_others(stores):
    store = stores()
    [ref] = fill(store, 1)
    store.close()
    collecting = stores()
    found = []

    def come(method, arguments, call):
        going_on = collecting._session._round
        if method == "put" and going_on is not None and arguments[0].endswith(f"/gc/{going_on.id}"):
            found.append(collecting.has(ref))
        return call()

    collecting.objects.meddle = come
    assert collecting.gc(0).blobs == 0
    assert found == [True]


def test_a_collection_whose_owner_died_keeps_nobody_from_working_or_collecting(stores):
    store = stores()
    [ref] = fill(store, 1)
    store.close()
    watcher = stores()
    watcher.objects.put(watcher._layout.sessions + "1-2-dead", [pulse(1, 0.25)])
    watcher.objects.put(watcher._layout.round, [Round("abcd", "1-2-dead").to_bytes()])
    watcher.objects.put(watcher._layout.collections + "abcd", [key(1) + ref.digest])
    watcher.objects.put(watcher._layout.collections + "collector", [b"1-2-dead 0123"])
    # Condemned, as long as the one who said so may live.
    assert watcher.lookup(key(1)) is None
    began = time.monotonic()
    fill(watcher, 1)
    assert time.monotonic() - began < 10
    assert watcher.lookup(key(1)) is not None
    assert stores().gc(0).in_use_bytes == ref.size


def test_one_who_may_have_been_taken_for_lost_stops_collecting(stores):
    store = stores()
    fill(store, 1)
    store.close()
    collecting = stores()

    def hang(method, arguments, call):
        if method == "put" and "/sessions/" in arguments[0] and "." not in arguments[0].rpartition("/")[2]:
            raise StoreUnavailableError("no answer")
        if method == "list" and arguments[0] == collecting._layout.records:
            time.sleep(1.0)
        return call()

    collecting.lookup(key(5))
    collecting.objects.meddle = hang
    with pytest.raises(StoreError, match="stopped half-way"):
        collecting.gc(0)
    collecting.objects.meddle = lambda method, arguments, call: call()
    assert stores().lookup(key(1)) is not None


def test_two_don_t_collect_at_once(stores, monkeypatch):
    monkeypatch.setattr("flowra.storage.remote.collecting._MARGIN", 0.1)
    store, other = stores(heartbeat=0.1), stores(heartbeat=0.1)
    store.lookup(key(1))
    with (
        store._collector("collected").alone(),
        pytest.raises(StoreError, match="collected or checked already"),
    ):
        other.gc(0)


def test_a_session_that_lives_and_never_answers_is_said(stores, monkeypatch):
    monkeypatch.setattr("flowra.storage.remote.collecting._PATIENCE", 1.5)
    store = stores()
    stop = threading.Event()

    def beat():
        number = 0
        while not stop.wait(0.02):
            number += 1
            store.objects.put(store._layout.sessions + "1-2-odd", [pulse(number, 0.25)])

    store.objects.put(store._layout.sessions + "1-2-odd", [pulse(0, 0.25)])
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(StoreError, match="1 sessions are alive and don't say what they use"):
            store.gc(0)
    finally:
        stop.set()
        thread.join()
    assert names(store, store._layout.collections) == []


def test_a_session_that_goes_on_for_hours_says_what_it_used(stores, monkeypatch):
    monkeypatch.setattr("flowra.storage.remote.store._USES_EVERY", 0.0)
    store = stores(heartbeat=0.05)
    fill(store, 1)
    deadline = time.monotonic() + 10
    while not names(store, store._layout.uses):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    store.close()
    assert len(names(stores(), store._layout.uses)) == 1


@pytest.mark.parametrize("moved", [-1e8, 1e8])
def test_clocks_that_were_moved_take_nothing_from_a_session(stores, monkeypatch, moved):
    """Row 31: neither this machine's clock, nor the times of what the service keeps, say who is alive."""
    store = stores()
    [ref] = fill(store, 1)
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + moved)
    for path in stores.folder.rglob("*"):
        os.utime(path, (clock() + moved, clock() + moved))
    collecting = stores()
    assert collecting.gc(0).in_use_bytes == ref.size
    with store.lock(key(1)), collecting.lock(key(1), timeout=0.5) as held:
        assert not held
    assert store.get(ref) is not None
    assert collecting.lookup(key(1)) is not None


def test_a_forked_child_is_a_session_of_its_own(stores):
    store = stores()
    fill(store, 1, 2, 3)
    store.lookup_many([key(1), key(2)])
    child = os.fork()
    if not child:
        found = store.lookup_many([key(1), key(2), key(3), key(4)])
        with store.lock(key(1), timeout=0) as held:
            os._exit(0 if len(found) == 3 and held and len(names(store, store._layout.sessions)) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
