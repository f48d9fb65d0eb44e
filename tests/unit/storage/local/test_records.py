"""The table of records against a model: a dictionary, and two sessions that come and go."""

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.records import RecordTable
from flowra.storage.record import Record
from flowra.storage.record_bytes import encode_record
from flowra.storage.refs import InlineRef

KEYS = [sha256(bytes([number])).digest() for number in range(12)]
keys = st.sampled_from(KEYS)
sessions = st.integers(0, 1)


def record_of(key, number=0):
    return Record(key, "t/N", {"out": InlineRef("json", b"%d" % number)}, preimage=b"x" * 30)


class Sessions(RuleBasedStateMachine):
    """Whatever sessions write, in whatever order, with and without index: all of them see the same."""

    @initialize(index_bytes=st.sampled_from([1, 150, 1000, 1 << 20]))
    def start(self, index_bytes):
        self.root = Path(tempfile.mkdtemp())
        self.folder = StoreFolder(self.root / "store")
        self.index_bytes = index_bytes
        self.gone = []
        self.tables = [self.open(), self.open()]
        self.model = {}
        self.number = 0

    def open(self):
        return RecordTable(self.folder, index_bytes=self.index_bytes)

    @rule(which=sessions, key=keys, replace=st.booleans())
    def publish(self, which, key, replace):
        table = self.tables[which]
        self.number += 1
        record = record_of(key, self.number)
        # Without reading on first: another session may have come before.
        known = table.place(key).at
        winner = table.write(record, encode_record(record), known if replace else 0)
        table.read_on()
        # What it takes the place of is what this session knew; whether that still counted, the log decides.
        current = table.find(key)
        assert winner == current
        if key not in self.model or current == record:
            self.model[key] = current

    @rule(which=sessions, key=keys)
    def remove(self, which, key):
        table = self.tables[which]
        table.read_on()
        if key in self.model:
            table.remove(key, table.place(key))
            del self.model[key]

    @rule(which=sessions)
    def reopen(self, which):
        self.tables[which].close()
        self.tables[which] = self.open()

    @rule(which=sessions)
    def crash(self, which):
        # A process that dies does none of what closing does; its files are closed by the system.
        self.leave(which)

    @rule(which=sessions, damage=st.sampled_from(["remove", "garbage", "truncate"]))
    def damage_index(self, which, damage):
        for path in self.folder.path.glob("index-*"):
            if damage == "remove":
                path.unlink()
            elif path.suffix == ".sqlite" and damage == "garbage":
                # As a whole, by another file: writing into a file that SQLite has open is nobody's promise.
                (self.root / "garbage").write_bytes(os.urandom(5000))
                (self.root / "garbage").replace(path)
            elif path.suffix == ".sqlite":
                (self.root / "cut").write_bytes(path.read_bytes()[:2000])
                (self.root / "cut").replace(path)
        self.leave(which)

    def leave(self, which):
        self.gone.append(self.tables[which])
        self.tables[which] = self.open()

    @rule()
    def compact(self):
        first, second = self.tables
        second.close()
        first.read_on()
        first.compact()
        self.tables[1] = self.open()

    @rule(which=sessions, some=st.lists(keys, max_size=5))
    def find_many(self, which, some):
        table = self.tables[which]
        table.read_on()
        there = table.among(some)
        assert set(there) == set(some) & set(self.model)
        assert table.find_many(there) == {key: self.model[key] for key in there}

    @invariant()
    def all_see_the_same(self):
        for table in self.tables:
            table.read_on()
            assert {key for key, _ in table.all()} == set(self.model)
            for key in KEYS:
                assert table.find(key) == self.model.get(key)

    def teardown(self):
        for table in [*self.gone, *self.tables]:
            if table._index is not None:
                table._index.close()
            table.log.close()
        shutil.rmtree(self.root)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)


@pytest.fixture
def folder(tmp_path):
    return StoreFolder(tmp_path / "store")


def test_a_short_log_is_read_without_an_index(folder):
    table = RecordTable(folder, index_bytes=1 << 20)
    table.write(record_of(KEYS[0]), encode_record(record_of(KEYS[0])), 0)
    table.close()
    assert not list(folder.path.glob("index-*"))


def test_the_second_of_two_that_write_at_once_is_given_the_first_record(folder):
    one, two = (RecordTable(folder, index_bytes=1 << 20) for _ in range(2))
    first, second = record_of(KEYS[0], 1), record_of(KEYS[0], 2)
    assert one.place(KEYS[0]).at == two.place(KEYS[0]).at == 0
    assert one.write(first, encode_record(first), 0) == first
    assert two.write(second, encode_record(second), 0) == first
    for table in (one, two):
        table.close()


def test_of_two_that_replace_one_record_at_once_the_first_counts(folder):
    one, two = (RecordTable(folder, index_bytes=1 << 20) for _ in range(2))
    old, first, second = (record_of(KEYS[0], number) for number in range(3))
    one.write(old, encode_record(old), 0)
    two.read_on()
    place = one.place(KEYS[0]).at
    assert one.write(first, encode_record(first), place) == first
    assert two.write(second, encode_record(second), place) == first
    for table in (one, two):
        table.close()


def test_a_record_that_is_damaged_in_the_log_can_be_published_again_for_everyone(folder):
    table = RecordTable(folder, index_bytes=1)
    for key in KEYS:
        table.write(record_of(key), encode_record(record_of(key)), 0)
    place = table.place(KEYS[3])
    table.close()
    with folder.log.open("r+b") as file:
        file.seek(place.at + 70)
        file.write(b"\xff")
    one, two = (RecordTable(folder, index_bytes=1) for _ in range(2))
    assert one.find(KEYS[3]) is None
    again = record_of(KEYS[3], 7)
    assert one.write(again, encode_record(again), one.place(KEYS[3]).at) == again
    two.read_on()
    assert two.find(KEYS[3]) == again
    for table in (one, two):
        table.close()
    late = RecordTable(folder, index_bytes=1)
    assert late.find(KEYS[3]) == again
    assert all(late.find(key) for key in KEYS)
    assert late._index is not None, "the index still leads to the damaged place, and each look would read the whole log"
    late.close()
