"""Row 25 of the faults: a full disk. A small file system of its own, where the tests may mount one; else limits on the
size of files, which make the same calls fail at the same places with another reason."""

import resource
import signal
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from fixtures.small_disk import fill

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size):
    return Encoded("bytes", (b"%08d" % number * (size // 8),))


def publish(store, number, size):
    record = Record(key(number), "t/N", {"out": store.put(blob(number, size))}, preimage=bytes(300))
    return store.publish(record)


def publish_until_it_fails(store, published):
    for number in range(1000):
        publish(store, number, 100_000)
        published.append(number)


def test_a_full_disk_is_a_clear_error_and_leaves_a_sound_store(small_disk):
    path = small_disk / "store"
    with LocalStore(path) as store:
        published = []
        with pytest.raises(StoreError) as caught:
            publish_until_it_fails(store, published)
        message = str(caught.value)
        assert "No space left on device" in message
        assert "flowra cache gc" in message
        assert str(path) in message
        assert len(published) > 10
        assert not list(store._folder.tmp.iterdir())
        # What is there can still be used, and small results may still fit.
        for number in published:
            assert bytes(store.get(store.lookup(key(number)).outputs["out"])[:8]) == b"%08d" % number
    with LocalStore(path) as store:
        assert store.verify().sound
        assert store.stats().blobs == len(published)


def test_a_record_that_does_not_fit_is_an_error_and_what_follows_is_found(small_disk):
    path = small_disk / "store"
    with LocalStore(path) as store:
        publish(store, 0, 5000)
        ballast = fill(small_disk)
        failed = 0
        for number in range(1, 100):
            try:
                store.publish(Record(key(number), "t/N", {"out": InlineRef("json", b"1")}, preimage=bytes(1000)))
            except StoreError as error:
                assert "a record can't be written" in str(error)  # noqa: PT017 - some of them fit
                failed += 1
        # What was there is still served.
        assert store.lookup(key(0)) is not None
        ballast.unlink()
        publish(store, 1000, 5000)
        known = [number for number in [*range(100), 1000] if store.lookup(key(number))]
    assert failed > 50
    assert {0, 1000} <= set(known)
    with LocalStore(path) as store:
        assert [number for number in [*range(100), 1000] if store.lookup(key(number))] == known
        assert store.verify().sound


def test_a_store_can_be_opened_and_collected_on_a_full_disk(small_disk):
    path = small_disk / "store"
    with LocalStore(path) as store:
        for number in range(8):
            publish(store, number, 100_000)
    fill(small_disk)
    with LocalStore(path) as store:
        assert store.lookup(key(7)) is not None
        collected = store.gc(250_000)
        assert collected.bytes >= 500_000
        # There is room again.
        publish(store, 100, 100_000)
        assert store.get(store.lookup(key(7)).outputs["out"]) is not None
    with LocalStore(path) as store:
        assert store.verify().sound
        assert store.get(store.lookup(key(100)).outputs["out"]) is not None


def test_a_store_that_cannot_be_made_on_a_full_disk_says_so(small_disk):
    fill(small_disk)
    # Not every file system counts folders and empty files.
    try:
        LocalStore(small_disk / "store").close()
    except StoreError as error:
        assert "No space left" in str(error)  # noqa: PT017 - either is right


@contextmanager
def largest_file(size):
    """Let no file grow beyond a size, as a quota does."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_a_value_that_the_system_cuts_off_leaves_nothing(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        with largest_file(50_000), pytest.raises(StoreError, match="can't be stored"):
            store.put(blob(1, 100_000))
        assert not list(store._folder.tmp.iterdir())
        assert store.stats().blobs == 0
        assert store.get(store.put(blob(1, 100_000))) is not None


@pytest.mark.parametrize("extra", [1, 30, 56, 100])
def test_a_record_that_the_system_cuts_off_is_without_effect(tmp_path, extra):
    path = tmp_path / "store"
    with LocalStore(path) as store:
        publish(store, 0, 5000)
        size = Path(path / "records.log").stat().st_size
        with largest_file(size + extra), pytest.raises(StoreError, match="a record can't be written"):
            publish(store, 1, 1000)
        assert store.lookup(key(1)) is None
        assert store.verify().sound, "at the end of the log neither"
        with largest_file(Path(path / "records.log").stat().st_size + extra), pytest.raises(StoreError):
            publish(store, 3, 1000)
        publish(store, 2, 5000)
        assert store.lookup(key(0)) is not None
        assert store.lookup(key(2)) is not None
    with LocalStore(path) as store:
        assert [store.lookup(key(number)) is not None for number in range(3)] == [True, False, True]
        assert store.verify().sound, "what did not fit is no damage"
        assert publish(store, 1, 1000) is not None
        assert store.lookup(key(1)) is not None
