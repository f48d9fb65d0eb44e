import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local import keeping
from flowra.storage.local.presence import alone
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef

SIZE = 10_000


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size=SIZE):
    return Encoded("bytes", (b"%08d" % number * (size // 8),))


def fill(path, numbers):
    """Publish a record with a value for each number, from a session that ends."""
    with LocalStore(path) as store:
        for number in numbers:
            store.publish(Record(key(number), "t/N", {"out": store.put(blob(number))}, created=1000.0 + number))


def found(path, numbers):
    """The numbers whose record and value are there, as seen by a session that leaves no trace of use."""
    with LocalStore(path) as store:
        store._lease.touch = lambda *digests: None
        records = store.lookup_many(map(key, numbers))
        return [
            number for number in numbers if key(number) in records and store.has(records[key(number)].outputs["out"])
        ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


def age_sessions(path, seconds):
    """Let it be that sessions ended some time ago: what they say of times lies that far back."""
    for file in (path / "sessions").iterdir():
        rows = file.read_bytes()
        at = int.from_bytes(rows[24:32], "big") - seconds
        file.write_bytes(rows[:24] + at.to_bytes(8, "big") + rows[32:])


def test_what_was_used_longest_ago_goes_first(path):
    fill(path, range(5))
    age_sessions(path, 1000)
    fill(path, range(5, 10))
    age_sessions(path, 1000)
    with LocalStore(path) as store:
        store.lookup(key(2))
    with LocalStore(path) as store:
        collected = store.gc(6 * (SIZE + 200))
    assert found(path, range(10)) == [2, 5, 6, 7, 8, 9]
    assert (collected.records, collected.blobs, collected.bytes) == (4, 4, 4 * SIZE)
    assert (collected.kept_bytes, collected.in_use_bytes) == (6 * SIZE, 0)


def test_use_is_remembered_from_one_collection_to_the_next(path):
    fill(path, range(4))
    age_sessions(path, 5000)
    with LocalStore(path) as store:
        store.lookup(key(0))
    for room in (4, 2, 1):
        with LocalStore(path) as store:
            store.gc(room * (SIZE + 200))
    assert found(path, range(4)) == [0]
    assert len(list((path / "sessions").iterdir())) < 4


def test_what_this_session_uses_is_kept(path):
    fill(path, range(4))
    with LocalStore(path) as store:
        store.lookup(key(1))
        put = store.put(blob(77))
        collected = store.gc(0)
        assert store.get(put) is not None
        assert collected.in_use_bytes == collected.kept_bytes == 2 * SIZE
    assert found(path, range(4)) == [1]


def test_a_value_that_two_records_share_stays_as_long_as_one_of_them(path):
    with LocalStore(path) as store:
        ref = store.put(blob(0))
        for number in range(2):
            store.publish(Record(key(number), "t/N", {"out": ref}))
    with LocalStore(path) as store:
        store.lookup(key(1))
        assert store.gc(0).records == 1
    assert found(path, range(2)) == [1]


def read_all(store, record):
    return store.lookup(record.key) == record and store.get(record.outputs["out"]) is not None


def test_a_collection_between_the_look_and_the_answer_takes_nothing(path, monkeypatch):
    fill(path, range(2))
    with LocalStore(path) as store, LocalStore(path) as collector:
        find = store._records.find
        monkeypatch.setattr(store._records, "find", lambda key: (find(key), collector.gc(0))[0])
        record = store.lookup(key(1))
        monkeypatch.undo()
        assert read_all(store, record)
        assert store.lookup(key(0)) is None


def test_a_collection_right_after_a_value_was_found_to_be_there_takes_nothing(path, monkeypatch):
    fill(path, [1])
    with LocalStore(path) as store, LocalStore(path) as collector:
        stored = store._blobs.stored
        monkeypatch.setattr(store._blobs, "stored", lambda ref: (stored(ref), collector.gc(0))[0])
        assert store.get(store.put(blob(1))) is not None


def test_what_is_looked_up_while_a_collection_chooses_is_given_back(path, monkeypatch):
    fill(path, range(3))
    with LocalStore(path) as store, LocalStore(path) as collector:
        seen = []
        remove = keeping.StoreKeeper._remove

        def look_up_and_remove(keeper, places):
            seen.append(store.lookup(key(1)))
            remove(keeper, places)

        monkeypatch.setattr(keeping.StoreKeeper, "_remove", look_up_and_remove)
        collected = collector.gc(0)
        assert read_all(store, seen[0])
        assert (collected.records, collected.blobs) == (2, 2)


def test_what_is_put_while_a_collection_throws_away_is_taken_back(path, monkeypatch):
    fill(path, range(3))
    with LocalStore(path) as store, LocalStore(path) as collector:
        throw_away = collector._blobs.throw_away

        def put_and_throw_away(file):
            # The value is there, so it is not written; then it is gone.
            store.put(blob(1))
            throw_away(file)

        monkeypatch.setattr(collector._blobs, "throw_away", put_and_throw_away)
        collector.gc(0)
        assert store.get(store.put(blob(1))) is not None
        assert store.stats().blobs == 1


def test_what_a_session_published_that_ended_meanwhile_is_kept(path, monkeypatch):
    fill(path, range(3))
    with LocalStore(path) as collector:
        remove = keeping.StoreKeeper._remove

        def publish_and_remove(keeper, places):
            fill(path, [7])
            remove(keeper, places)

        monkeypatch.setattr(keeping.StoreKeeper, "_remove", publish_and_remove)
        collector.gc(0)
    assert found(path, [*range(3), 7]) == [7]


def test_what_a_crash_left_behind_is_swept(path):
    fill(path, [1])
    with LocalStore(path) as store:
        store.put(blob(5))  # a value that no record came to need
        dead, young, old = (store._folder.tmp / name for name in (f"{'a' * 16}-1-{'b' * 8}-1-0", "uses-1", "uses-2"))
        mine = store._folder.tmp / f"{store._lease.session}-1-0"
        for file in (dead, young, old, mine):
            file.write_bytes(b"")
        os.utime(old, (time.time() - 7200,) * 2)
        assert store.gc(10**9).leftovers == 2
        assert sorted(path.name for path in store._folder.tmp.iterdir()) == sorted([young.name, mine.name])
        assert store.stats().blobs == 2
    with LocalStore(path) as store:
        store.gc(10**9)
        assert store.stats().blobs == 1


def test_what_a_session_writes_that_has_just_begun_is_not_swept(path, monkeypatch):
    fill(path, [1])
    born = []
    read_uses = keeping.read_uses

    def read_and_begin(folder, **options):
        uses = read_uses(folder, **options)
        if not born:
            born.append(LocalStore(path))
            (born[0]._folder.tmp / f"{born[0]._lease.session}-1-0").write_bytes(b"")
        return uses

    monkeypatch.setattr(keeping, "read_uses", read_and_begin)
    with LocalStore(path) as store:
        assert store.gc(10**9).leftovers == 0
    born[0].close()


def test_a_collection_that_was_interrupted_is_finished_and_loses_nothing(path):
    fill(path, range(4))
    with LocalStore(path) as store:
        files = list(store._blobs.all())
        for file in files:
            store._blobs.throw_away(file)
        for number in range(4):
            # Still found where they wait.
            assert store.get(store.lookup(key(number)).outputs["out"]) is not None
        store.gc(10**9)
        assert store.stats().blobs == 4
        assert not list(store._folder.trash.iterdir())


def test_the_log_is_compacted_once_nobody_else_is_there(path, monkeypatch):
    monkeypatch.setattr(keeping, "_COMPACTED_FROM", 1000)
    fill(path, range(20))
    with LocalStore(path) as other:
        with LocalStore(path) as store:
            store.gc(3 * (SIZE + 200))
            long = store.stats().record_bytes
        assert other.lookup(key(19)) is not None
    with LocalStore(path, index_bytes=1) as store:
        store.gc(3 * (SIZE + 200))
        assert store.stats().record_bytes < long / 4
        fill(path, [30])
        assert store.lookup(key(30)) is not None
    assert found(path, [*range(20), 30]) == [17, 18, 19, 30]


def test_clearing_leaves_nothing_but_an_empty_store(path):
    fill(path, range(4))
    with LocalStore(path) as store:
        (store._folder.quarantine / "x").write_bytes(b"")
        collected = store.clear()
        assert (collected.records, collected.blobs) == (4, 4)
        stats = store.stats()
        assert (stats.records, stats.blobs, stats.blob_bytes, stats.quarantined) == (0, 0, 0, 0)


def test_statistics_count_what_is_there(path):
    fill(path, range(3))
    with LocalStore(path) as store, LocalStore(path):
        store.publish(Record(key(9), "t/N", {"out": InlineRef("json", b"1")}))
        stats = store.stats()
        assert (stats.records, stats.blobs, stats.blob_bytes, stats.sessions) == (4, 3, 3 * SIZE, 2)
        assert stats.to_json()["location"] == str(path)


def test_only_one_collects_at_a_time(path):
    with LocalStore(path) as store, alone(store._folder):
        with pytest.raises(StoreError, match="being collected or checked already"):
            store.gc(0)
        with pytest.raises(StoreError, match="being collected or checked already"):
            store.verify()


def test_without_locks_nothing_is_collected(path, monkeypatch):
    import errno
    import fcntl

    fill(path, [1])

    def refuse(*_):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with LocalStore(path) as store, pytest.raises(StoreError, match="has no locks"):
        store.gc(0)
    assert found(path, [1]) == [1]


def test_a_check_of_a_sound_store_finds_nothing(path):
    fill(path, range(3))
    with LocalStore(path) as store:
        verified = store.verify()
        assert verified.sound
        assert (verified.blobs, verified.bytes, verified.records) == (3, 3 * SIZE, 3)


def test_a_check_puts_aside_what_is_damaged_and_drops_what_needs_it(path):
    fill(path, range(4))
    with LocalStore(path) as store:
        damaged, missing = (Path(store._blobs.path(store.put(blob(number)))) for number in range(2))
        damaged.chmod(0o600)
        damaged.write_bytes(b"x" * SIZE)
        missing.unlink()
        verified = store.verify()
        assert not verified.sound
        assert (len(verified.quarantined), verified.incomplete_records) == (1, 2)
        assert Path(verified.quarantined[0]).read_bytes() == b"x" * SIZE
        assert verified.to_json()["sound"] is False
        assert store.verify().sound
    assert found(path, range(4)) == [2, 3]


def test_a_check_finds_damaged_records_and_heals_the_log(path):
    fill(path, range(4))
    with (path / "records.log").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\xff")
    with LocalStore(path) as store:
        verified = store.verify()
        assert (verified.records, verified.damaged_records) == (3, 1)
        assert store.verify().sound
