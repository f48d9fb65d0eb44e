"""What every store must do, as tests.

Whoever writes a storage backend subclasses the suite in a test module and opens stores:

```python
from flowra.testing import StoreSuite
from my_pack.store import MyStore


class TestMyStore(StoreSuite):
    def open(self, folder):
        return MyStore(f"my-scheme://localhost/{folder.name}")
```

Each test is one promise of `flowra.storage.store.Store`, and its docstring says it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from flowra.storage.codec import canonical
from flowra.storage.codec.encoded import Encoded
from flowra.storage.record import Record
from flowra.storage.refs import INLINE_LIMIT, BlobRef, EndedRef, InlineRef, ListRef
from flowra.storage.store import Store

__all__ = ["StoreSuite"]


def _key(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def _blob(number: int, size: int = 2 * INLINE_LIMIT) -> Encoded:
    return Encoded("bytes", ((b"%08d" % number) * (size // 8),))


class StoreSuite:
    """The conformance suite for storage backends."""

    def open(self, folder: Path) -> Store:
        """Open the store that belongs to a folder of the test's own; the same one for the same folder.

        Called several times in a test: each call is another session, as of another process.
        """
        raise NotImplementedError("the class that subclasses the suite opens the store")

    def damage(self, store: Store, ref: BlobRef) -> None:
        """Change a byte of a stored value behind the store's back."""
        pytest.skip("the suite is not told how a value in this store could be damaged (override damage)")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """An open store."""
        with self.open(tmp_path) as store:
            yield store

    @pytest.fixture
    def other(self, tmp_path: Path, store: Store) -> Iterator[Store]:
        """Another session on the same store."""
        with self.open(tmp_path) as other:
            yield other

    # ---- values

    @pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT, INLINE_LIMIT + 1, 3_000_000])
    def test_a_value_comes_back_from_another_session(self, store: Store, other: Store, size: int) -> None:
        """What was put is read back byte for byte, read-only, whatever its size."""
        content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        ref = store.put(Encoded("bytes", (content,)))
        assert isinstance(ref, InlineRef if size <= INLINE_LIMIT else BlobRef)
        assert ref.size == size
        assert other.has(ref)
        found = other.get(ref)
        assert found is not None
        assert bytes(found) == content
        assert found.readonly

    def test_the_parts_of_a_value_are_kept_as_one(self, store: Store) -> None:
        """A value of several buffers is the same as that of their bytes in one."""
        content = b"x" * INLINE_LIMIT
        parts = Encoded("bytes", (b"head", bytearray(content), memoryview(b"tail")))
        assert store.put(parts) == store.put(Encoded("bytes", (b"head" + content + b"tail",)))

    def test_the_codec_is_part_of_what_a_value_is(self, store: Store) -> None:
        """The same bytes under another codec are another value."""
        content = b"x" * (INLINE_LIMIT + 1)
        first, second = (store.put(Encoded(codec, (content,))) for codec in ("bytes", "other"))
        assert first.digest != second.digest
        assert store.has(first)
        assert store.has(second)

    def test_what_is_not_there_is_a_miss(self, store: Store, tmp_path: Path) -> None:
        """A value or record that is missing is None or False, never an error: it is computed again."""
        ref = BlobRef("bytes", bytes(32), 5000)
        assert store.get(ref) is None
        assert not store.has(ref)
        assert not store.has(ListRef((InlineRef("json", b"1"), ref)))
        assert not store.copy_to(ref, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        assert store.lookup(_key(1)) is None
        assert store.lookup_many([_key(1), _key(2)]) == {}

    def test_a_damaged_value_is_never_returned(self, store: Store, other: Store, tmp_path: Path) -> None:
        """What is read is verified; a damaged value counts as missing, and can be put again."""
        ref = store.put(_blob(1))
        assert isinstance(ref, BlobRef)
        self.damage(store, ref)
        assert other.get(ref) is None
        assert not other.copy_to(ref, tmp_path / "copy")
        assert store.put(_blob(1)) == ref
        assert other.get(ref) is not None

    @pytest.mark.parametrize("size", [0, 5, 2_000_000])
    def test_a_file_is_kept_and_written_back(self, store: Store, tmp_path: Path, size: int) -> None:
        """The contents of a file have one digest, however they are asked for."""
        source, target = tmp_path / "source.bin", tmp_path / "target.bin"
        source.write_bytes(b"z" * size)
        ref = store.put_file(source)
        assert ref.codec == "file"
        assert ref.digest == store.file_digest(source)
        assert store.copy_to(ref, target)
        assert target.read_bytes() == source.read_bytes()

    def test_threads_put_values_at_once(self, store: Store, other: Store) -> None:
        """Many threads put the same and different values; each is there afterwards."""

        def put(which: Store) -> None:
            for number in range(20):
                which.put(_blob(number))

        _at_once(*(lambda which=which: put(which) for which in (store, other, store, other)))
        for number in range(20):
            found = other.get(store.put(_blob(number)))
            assert found is not None
            assert bytes(found) == _blob(number).to_bytes()

    # ---- records

    def test_a_record_is_there_for_other_sessions_at_once(self, store: Store, other: Store) -> None:
        """Whoever looks a key up after `publish` finds the record, whole."""
        small, large = store.put(canonical.encoded({"a": 1})), store.put(_blob(1))
        outputs = {"small": small, "list": ListRef((large, small, EndedRef("no face"))), "none": EndedRef("nothing")}
        record = Record(_key(1), "t/N", outputs, 0.5, b'{"a":1}', 12.5)
        assert other.lookup(_key(1)) is None
        assert store.publish(record) == record
        assert other.lookup(_key(1)) == record
        assert other.lookup_many([_key(1), _key(2)]) == {_key(1): record}

    def test_the_first_record_for_a_key_counts(self, store: Store, other: Store) -> None:
        """The second to publish is given the first record, unless it replaces it."""
        first, second = (Record(_key(1), "t/N", {"out": InlineRef("json", b"%d" % number)}) for number in (1, 2))
        store.publish(first)
        assert other.publish(second) == first
        assert store.lookup(_key(1)) == first
        assert other.publish(second, replace=True) == second
        assert store.lookup(_key(1)) == second

    def test_of_many_that_publish_at_once_one_counts_for_all(self, store: Store, other: Store) -> None:
        """However many compute one key at the same time, all go on with one result."""
        for key in map(_key, range(10)):  # a wrong order of steps shows only now and then
            counted = _published_at_once(key, [store, other] * 4)
            assert len(counted) == 8
            assert all(record == counted[0] for record in counted)
            assert store.lookup(key) == other.lookup(key) == counted[0]

    def test_a_record_whose_value_is_damaged_does_not_count(self, store: Store, other: Store) -> None:
        """Once its value is known to be damaged, another result may take its place."""
        ref = store.put(_blob(1))
        assert isinstance(ref, BlobRef)
        first = store.publish(Record(_key(1), "t/N", {"out": ref}))
        second = Record(_key(1), "t/N", {"out": store.put(_blob(2))})
        assert other.publish(second) == first
        self.damage(store, ref)
        assert other.get(ref) is None
        assert other.publish(second) == second

    # ---- the right to compute

    def test_one_at_a_time_holds_a_key(self, store: Store, other: Store) -> None:
        """Threads of two sessions compute a key one after the other."""
        inside: list[int] = []
        most: list[int] = []

        def work(which: Store) -> None:
            for _ in range(10):
                with which.lock(_key(1)) as held:
                    assert held
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0)
                    inside.pop()

        _at_once(*(lambda which=which: work(which) for which in (store, other, store, other)))
        assert len(most) == 40
        assert max(most) == 1

    def test_who_does_not_want_to_wait_does_not(self, store: Store, other: Store) -> None:
        """A timeout of 0 gives up at once; another key is free."""
        with store.lock(_key(1)):
            with other.lock(_key(1), timeout=0) as held:
                assert not held
            with other.lock(_key(2), timeout=0) as held:
                assert held
        with other.lock(_key(1), timeout=0) as held:
            assert held

    def test_waiting_ends_when_the_run_is_cancelled(self, store: Store, other: Store) -> None:
        """Whoever waits is asked again and again whether it still wants to."""
        asked = itertools.count()
        with store.lock(_key(1)), other.lock(_key(1), give_up=lambda: next(asked) >= 2) as held:
            assert not held
        assert next(asked) == 3

    def test_a_node_that_raises_lets_go(self, store: Store) -> None:
        """The right to compute ends with the block, however it ends."""
        with pytest.raises(ZeroDivisionError), store.lock(_key(1)):
            raise ZeroDivisionError
        with store.lock(_key(1), timeout=0) as held:
            assert held

    # ---- the store itself

    def test_what_is_in_use_is_not_collected(self, store: Store, other: Store) -> None:
        """A collection keeps what an open session has put or looked up, whoever collects."""
        ref = store.put(_blob(1))
        record = store.publish(Record(_key(1), "t/N", {"out": ref}))
        other.gc(0)
        assert store.lookup(_key(1)) == record
        assert store.get(ref) is not None

    def test_what_nobody_uses_is_collected(self, tmp_path: Path) -> None:
        """A collection to nothing leaves nothing that no session uses."""
        with self.open(tmp_path) as store:
            ref = store.put(_blob(1))
            store.publish(Record(_key(1), "t/N", {"out": ref}))
        with self.open(tmp_path) as store:
            assert store.stats().blobs == 1
            collected = store.gc(0)
            assert collected.blobs == 1
            assert collected.bytes == ref.size
        with self.open(tmp_path) as store:
            assert store.lookup(_key(1)) is None
            assert store.get(ref) is None

    def test_clearing_leaves_an_empty_store(self, tmp_path: Path) -> None:
        """After `clear` there is no result, and the store goes on."""
        with self.open(tmp_path) as store:
            store.publish(Record(_key(1), "t/N", {"out": store.put(_blob(1))}))
        with self.open(tmp_path) as store:
            store.clear()
            stats = store.stats()
            assert (stats.records, stats.blobs) == (0, 0)
            assert store.get(store.put(_blob(2))) is not None

    def test_it_counts_what_there_is(self, store: Store) -> None:
        """`stats` names the store, its records and its values."""
        ref = store.put(_blob(1))
        store.publish(Record(_key(1), "t/N", {"out": ref}))
        store.flush()
        stats = store.stats()
        assert stats.location == store.location
        assert (stats.records, stats.blobs, stats.blob_bytes) == (1, 1, ref.size)

    def test_a_check_finds_what_is_damaged(self, store: Store, other: Store) -> None:
        """`verify` reads everything, puts aside what is damaged, and drops the records that need it."""
        ref = store.put(_blob(1))
        store.publish(Record(_key(1), "t/N", {"out": ref}))
        store.flush()
        assert other.verify().sound
        assert isinstance(ref, BlobRef)
        self.damage(store, ref)
        found = other.verify()
        assert not found.sound
        assert found.incomplete_records == 1
        assert other.get(ref) is None

    def test_closing_twice_is_no_mistake(self, tmp_path: Path) -> None:
        """A second `close` does nothing."""
        store = self.open(tmp_path)
        store.close()
        store.close()


def _published_at_once(key: bytes, stores: list[Store]) -> list[Record]:
    """Publish another result through each store at the same time, and return what each was told to go on with."""
    counted: list[Record] = []

    def publish(number: int) -> None:
        result = Record(key, "t/N", {"out": InlineRef("json", b"%d" % number)})
        counted.append(stores[number].publish(result))

    _at_once(*(lambda each=each: publish(each) for each in range(len(stores))))
    return counted


def _at_once(*work: Callable[[], None]) -> None:
    """Do things on threads of their own, and raise what one of them raised."""
    failures: list[BaseException] = []

    def guarded(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:  # noqa: BLE001  raised again below, where pytest sees it
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
