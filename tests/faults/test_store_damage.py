"""Rows 18 to 20 and 34 of the faults: damaged values and records, and a pickle where a value should be.

That only what is damaged runs again is shown with whole runs.
"""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from flowra.storage.codec import npy
from flowra.storage.codec.registry import CODECS
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record

KEY = sha256(b"key").digest()
ARRAY = np.random.default_rng(1).integers(0, 255, (100, 100, 3), np.uint8)


@pytest.fixture
def store(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        yield store


def overwrite(path, content):
    """Write into the file itself, as a failing disk does."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.truncate(len(content))
        file.write(content)
    path.chmod(0o400)


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("read_before", [False, True])
def test_one_flipped_byte_is_found_put_aside_and_healed(store, place, read_before):
    ref = store.put(npy.encode(ARRAY))
    path = Path(store._blobs.path(ref))
    whole = path.read_bytes()
    if read_before:
        # Even if this process has read and verified it, and let some time pass.
        os.utime(path, (0, 0))
        assert store.get(ref) is not None
    damaged = flipped(whole, {"first": 0, "middle": len(whole) // 2, "last": len(whole) - 1}[place])
    overwrite(path, damaged)
    assert store.get(ref) is None
    assert not store.has(ref)
    (aside,) = store._folder.quarantine.iterdir()
    assert aside.read_bytes() == damaged
    assert store.put(npy.encode(ARRAY)) == ref
    assert np.array_equal(npy.decode(store.get(ref)), ARRAY)


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_truncated_or_empty_value_is_a_miss_and_is_healed(store, size):
    ref = store.put(npy.encode(ARRAY))
    path = Path(store._blobs.path(ref))
    overwrite(path, path.read_bytes()[:size])
    assert not store.has(ref)
    assert store.get(ref) is None
    store.put(npy.encode(ARRAY))
    assert np.array_equal(npy.decode(store.get(ref)), ARRAY)


def test_a_value_that_is_too_short_is_written_again_without_being_read_first(store):
    ref = store.put(npy.encode(ARRAY))
    overwrite(Path(store._blobs.path(ref)), b"")
    store.put(npy.encode(ARRAY))
    assert store.get(ref) is not None


def test_a_record_cut_off_anywhere_is_a_miss_and_is_healed(tmp_path):
    path = tmp_path / "store"
    with LocalStore(path) as store:
        record = Record(KEY, "t/N", {"out": store.put(npy.encode(ARRAY))})
        store.publish(record)
    log = path / "records.log"
    whole = log.read_bytes()
    for cut in range(32, len(whole)):
        log.write_bytes(whole[:cut])
        with LocalStore(path) as store:
            assert store.lookup(KEY) is None
            assert store.publish(record) == record
        with LocalStore(path) as store:
            assert store.lookup(KEY) == record


def test_a_record_with_any_byte_flipped_is_a_miss_and_is_healed(tmp_path):
    path = tmp_path / "store"
    with LocalStore(path) as store:
        record = Record(KEY, "t/N", {"out": store.put(npy.encode(ARRAY))})
        store.publish(record)
    log = path / "records.log"
    whole = log.read_bytes()
    for at in range(len(whole)):
        log.write_bytes(flipped(whole, at))
        with LocalStore(path) as store:
            # The random part of the log's name for itself is the one place where nothing depends on a bit.
            assert store.lookup(KEY) in (None, record)
            assert store.publish(record) == record
        with LocalStore(path) as store:
            assert store.lookup(KEY) == record


def test_an_empty_log_is_begun_anew(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        store.publish(Record(KEY, "t/N", {}))
    (tmp_path / "store" / "records.log").write_bytes(b"")
    with LocalStore(tmp_path / "store") as store:
        assert store.lookup(KEY) is None
        store.publish(Record(KEY, "t/N", {}))
        assert store.lookup(KEY) is not None


def test_a_record_whose_value_is_gone_is_seen_as_such_and_replaced(store):
    record = Record(KEY, "t/N", {"out": store.put(npy.encode(ARRAY))})
    store.publish(record)
    Path(store._blobs.path(record.outputs["out"])).unlink()
    # The record still says what would come out, so that what follows it is found; its value is missing.
    assert store.lookup(KEY) == record
    assert not store.has(record.outputs["out"])
    assert store.get(record.outputs["out"]) is None
    other = Record(KEY, "t/N", {"out": store.put(npy.encode(ARRAY + 1))})
    assert store.publish(other) == other


def test_no_codec_reads_a_pickle(tmp_path):
    import pickle  # noqa: TID251 - to show that it is never read

    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    evil = pickle.dumps(Malicious())
    array = npy.encode(np.zeros(3)).to_bytes().replace(b"'<f8'", b"'|O' ")[:128] + evil
    for codec in CODECS.values():
        for data in (evil, array):
            try:
                codec.decode(data)
            except ValueError:
                continue
    assert not (tmp_path / "executed").exists()
