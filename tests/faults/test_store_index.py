"""Row 26 of the faults: the local index deleted, garbage, locked. Nothing is lost, and it is rebuilt."""

import sqlite3
import subprocess
import sys
from hashlib import sha256

import pytest

from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef

KEYS = [sha256(b"%d" % number).digest() for number in range(300)]
SMALL = 1000  # bytes of records that are put up with behind an index


def record(number):
    return Record(KEYS[number], "t/N", {"out": InlineRef("json", b"%d" % number)}, preimage=bytes(100))


@pytest.fixture
def path(tmp_path):
    with LocalStore(tmp_path / "store", index_bytes=SMALL) as store:
        for number in range(200):
            store.publish(record(number))
    assert list((tmp_path / "store").glob("index-*.sqlite"))
    return tmp_path / "store"


def check(path):
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.lookup_many(KEYS) == {KEYS[number]: record(number) for number in range(200)}
        for number in range(200):
            assert store.lookup(KEYS[number]) == record(number)
        store.publish(record(200))
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.stats().records == 201
        assert store._records._index is not None, "the index was not rebuilt"
        assert store._records._index.get(KEYS[0]) is not None


def test_a_deleted_index_is_rebuilt(path):
    for file in path.glob("index-*"):
        file.unlink()
    check(path)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + bytes(8000)])
def test_a_garbage_index_is_rebuilt(path, content):
    for file in path.glob("index-*.sqlite"):
        file.write_bytes(content)
    check(path)


@pytest.mark.parametrize("at", range(0, 16_000, 501))
def test_an_index_with_flipped_bytes_gives_no_wrong_record(path, at):
    (file,) = path.glob("index-*.sqlite")
    content = bytearray(file.read_bytes())
    for offset in range(at % len(content), min(at % len(content) + 8, len(content))):
        content[offset] ^= 0xFF
    file.write_bytes(content)
    with LocalStore(path, index_bytes=SMALL) as store:
        for number in range(200):
            # At worst a miss: the log decides whether it is the record of this key.
            assert store.lookup(KEYS[number]) in (None, record(number))
            assert store.publish(record(number)) == record(number)
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.lookup_many(KEYS) == {KEYS[number]: record(number) for number in range(200)}


def test_an_index_of_another_log_is_not_believed(path, tmp_path):
    with LocalStore(tmp_path / "other", index_bytes=SMALL) as other:
        for number in range(250, 300):
            other.publish(record(number))
    (theirs,) = (tmp_path / "other").glob("index-*.sqlite")
    (ours,) = path.glob("index-*.sqlite")
    ours.write_bytes(theirs.read_bytes())
    check(path)


def test_an_index_with_other_tables_is_rebuilt(path):
    (file,) = path.glob("index-*.sqlite")
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE log (unknown)")
    connection.close()
    check(path)


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("CREATE TABLE IF NOT EXISTS held (x)")
print("locked", flush=True)
sys.stdin.read()
"""


def test_an_index_that_another_process_keeps_locked_is_done_without(path):
    (file,) = path.glob("index-*.sqlite")
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "locked\n"
        check(path)
        process.stdin.close()
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.stats().records == 201


def test_an_index_deleted_under_a_session_is_not_missed(path):
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.lookup(KEYS[0]) is not None
        for file in path.glob("index-*"):
            file.unlink()
        for number in range(200, 300):
            store.publish(record(number))
        assert store.lookup_many(KEYS) == {KEYS[number]: record(number) for number in range(300)}
    with LocalStore(path, index_bytes=SMALL) as store:
        assert store.stats().records == 300


def test_an_index_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with LocalStore(tmp_path / "store", index_bytes=SMALL) as store:
        for number in range(100):
            store.publish(record(number))
    with LocalStore(tmp_path / "store", index_bytes=SMALL) as store:
        assert len(store.lookup_many(KEYS)) == 100
