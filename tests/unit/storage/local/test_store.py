import json
import os
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from flowra.exceptions import StoreError
from flowra.storage.address import open_store
from flowra.storage.codec import canonical, npy
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef, EndedRef, InlineRef, ListRef


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size=10_000):
    return Encoded("bytes", (b"%08d" % number * (size // 8),))


@pytest.fixture
def store(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        yield store


def test_a_small_value_needs_no_file(store):
    ref = store.put(canonical.encoded({"a": 1}))
    assert isinstance(ref, InlineRef)
    assert canonical.decode(store.get(ref)) == {"a": 1}
    assert store.has(ref)
    assert store.stats().blobs == 0


@pytest.mark.parametrize("size", [4097, 100_000, 3_000_000])
def test_a_large_value_comes_back_from_another_session(tmp_path, size):
    array = np.random.default_rng(0).integers(0, 255, size, np.uint8)
    with LocalStore(tmp_path / "store") as store:
        ref = store.put(npy.encode(array))
    assert isinstance(ref, BlobRef)
    with LocalStore(tmp_path / "store") as store:
        assert store.has(ref)
        content = store.get(ref)
        assert content.readonly
        assert np.array_equal(npy.decode(content), array)


def test_a_view_outlives_the_store_and_what_is_done_to_it(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        content = store.get(store.put(blob(1, 1_000_000)))
    with LocalStore(tmp_path / "store") as store:
        store.clear()
    assert bytes(content[:8]) == b"00000001"


def test_parts_of_any_shape_are_written(store):
    matrix = np.arange(10_000, dtype="f4").reshape(100, 100)
    ref = store.put(Encoded("bytes", (b"head", memoryview(matrix), memoryview(np.zeros((0, 3))), bytearray(b"tail"))))
    assert bytes(store.get(ref)) == b"head" + matrix.tobytes() + b"tail"


def test_a_value_that_is_there_is_not_written_again(store):
    ref = store.put(blob(1))
    path = Path(store._blobs.path(ref))
    inode = path.stat().st_ino
    assert store.put(blob(1)) == ref
    assert path.stat().st_ino == inode
    assert store.stats().blobs == 1


def test_a_missing_value_is_a_miss(store):
    ref = BlobRef("bytes", bytes(32), 5000)
    assert store.get(ref) is None
    assert not store.has(ref)
    assert not store.has(ListRef((InlineRef("json", b"1"), ListRef((ref,)))))
    assert store.has(ListRef((EndedRef("x"), InlineRef("json", b"1"))))


def test_records_are_there_for_other_sessions_at_once(tmp_path, store):
    record = Record(key(1), "t/N", {"out": store.put(blob(1)), "none": EndedRef("no face")}, 0.5, b'{"a":1}', 12.5)
    with LocalStore(tmp_path / "store") as other:
        assert other.lookup(key(1)) is None
        assert store.publish(record) == record
        assert other.lookup(key(1)) == record
        assert other.lookup_many([key(1), key(2)]) == {key(1): record}


def test_the_first_record_for_a_key_counts(tmp_path, store):
    first, second = (Record(key(1), "t/N", {"out": InlineRef("json", b"%d" % each)}) for each in (1, 2))
    with LocalStore(tmp_path / "store") as other:
        store.publish(first)
        assert other.publish(second) == first
        assert other.publish(second, replace=True) == second
        assert store.lookup(key(1)) == second


def test_a_record_whose_value_is_gone_does_not_count(store):
    first = Record(key(1), "t/N", {"out": store.put(blob(1))})
    second = Record(key(1), "t/N", {"out": store.put(blob(2))})
    store.publish(first)
    assert store.publish(second) == first
    Path(store._blobs.path(first.outputs["out"])).unlink()
    assert store.publish(second) == second
    assert store.lookup(key(1)) == second


def test_the_contents_of_files_are_kept_and_written_back(tmp_path, store):
    for content in (b"", b"small", b"large" * 1_000_000):
        source, target = tmp_path / "source.bin", tmp_path / "target.bin"
        source.write_bytes(content)
        ref = store.put_file(source)
        assert ref.digest == store.file_digest(source)
        assert store.copy_to(ref, target)
        assert target.read_bytes() == content
    assert not store.copy_to(BlobRef("file", bytes(32), 9000), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.bin", "store", "target.bin"]


def test_a_folder_of_ones_own_is_closed_to_others(tmp_path):
    before = os.umask(0)
    try:
        with LocalStore(tmp_path / "store") as store:
            ref = store.put(blob(1))
            store.publish(Record(key(1), "t/N", {"out": ref}))
            assert stat.S_IMODE(store.path.stat().st_mode) == 0o700
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.rglob("*") if path.is_file()}
            assert modes.pop(Path(store._blobs.path(ref)).name) == 0o400
            assert set(modes.values()) == {0o600}
    finally:
        os.umask(before)


def test_in_a_folder_of_a_group_everything_is_the_groups(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o770)
    with LocalStore(tmp_path / "store", index_bytes=1) as store:
        ref = store.put(blob(1))
        store.publish(Record(key(1), "t/N", {"out": ref}))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in store.path.rglob("*")}
    assert modes <= {0o770, 0o660, 0o440}


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="no store, and is not empty"):
        LocalStore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_store_of_another_format_is_refused(tmp_path):
    (tmp_path / "flowra-store.json").write_text(json.dumps({"format": "flowra-store/9"}))
    with pytest.raises(StoreError, match="flowra-store/9"):
        LocalStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        LocalStore(tmp_path / "file" / "store")
    assert "can't be opened" in str(caught.value)
    assert str(tmp_path / "file") in str(caught.value)


def test_a_closed_store_says_so(tmp_path):
    store = LocalStore(tmp_path / "store")
    ref = store.put(blob(1))
    store.close()
    store.close()
    for use in (
        lambda: store.put(blob(2)),
        lambda: store.get(ref),
        lambda: store.has(ref),
        lambda: store.lookup(key(1)),
        lambda: store.lookup_many([key(1)]),
        lambda: store.publish(Record(key(1), "t/N", {})),
        lambda: store.put_file(tmp_path / "x"),
        store.stats,
        store.verify,
        store.clear,
    ):
        with pytest.raises(StoreError, match="closed"):
            use()


@pytest.mark.parametrize("durability", ["off", "batched", "on"])
def test_every_durability_gives_the_same_store(tmp_path, durability):
    with open_store(tmp_path / "store", durability=durability) as store:
        record = Record(key(1), "t/N", {"out": store.put(blob(1)), "file": store.put_file(Path(__file__))})
        store.publish(record)
        store.flush()
    with open_store(tmp_path / "store") as store:
        assert store.lookup(key(1)) == record
        assert store.has(ListRef(tuple(record.outputs.values())))


def test_a_store_whose_folders_were_removed_while_open_goes_on(tmp_path, store):
    store.put(blob(1))
    for shard in store._folder.blobs.iterdir():
        for path in shard.iterdir():
            path.unlink()
        shard.rmdir()
    store._folder.blobs.rmdir()
    ref = store.put(blob(1))
    assert store.get(ref) is not None


FORK = """
import os, sys
from pathlib import Path
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef

store = LocalStore(Path(sys.argv[1]), index_bytes=2000)
keys = [bytes([number]) * 32 for number in range(200)]
def publish(keys, text):
    for key in keys:
        with store.lock(key) as taken:
            assert taken
            store.publish(Record(key, "t/N", {"out": InlineRef("bytes", text)}, preimage=bytes(200)))
publish(keys[:50], b"parent")
connection = store._records._index._connection
lock = store.lock(keys[60])
lock.__enter__()
child = os.fork()
if child == 0:
    # SQLite's files must not be used by parent and child together.
    assert store._records._index._connection is not connection
    with store.lock(keys[60], timeout=0) as taken:
        assert not taken
    publish(keys[70:150], b"child")
    store.close()
    os._exit(0)
publish(keys[100:], b"parent")
assert os.waitpid(child, 0)[1] == 0
lock.__exit__(None, None, None)
found = store.lookup_many(keys)
assert len(found) == 180, len(found)
store.close()
with LocalStore(Path(sys.argv[1]), index_bytes=2000) as again:
    assert again.lookup_many(keys) == found
    assert again.verify().sound
"""


def test_a_forked_child_goes_on_with_files_and_locks_of_its_own(tmp_path):
    subprocess.run([sys.executable, "-W", "error", "-c", FORK, str(tmp_path / "store")], check=True)


LIGHT = """
import sys
from pathlib import Path
import flowra.storage.store, flowra.storage.address, flowra.storage.codec.registry
before = {"numpy", "sqlite3", "pydantic", "platformdirs"} & set(sys.modules)
store = flowra.storage.address.open_store(Path(sys.argv[1]))
store.close()
print(before | ({"numpy", "sqlite3", "pydantic"} & set(sys.modules)))
"""


def test_importing_and_opening_a_small_store_loads_nothing_heavy(tmp_path):
    # Whoever measures coverage in the process loads modules of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    printed = subprocess.run(
        [sys.executable, "-c", LIGHT, str(tmp_path / "store")],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout == "set()\n"
