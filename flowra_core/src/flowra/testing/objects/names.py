"""What an object store promises of objects together: conditions, listings, removal."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from flowra.storage.remote.objects import ObjectInfo, ObjectStore
from flowra.testing.objects.base import RACERS, ObjectStoreTests, at_once

__all__ = ["NameTests"]


class NameTests(ObjectStoreTests):
    """Objects by their names."""

    # ---- conditions

    def test_what_is_there_is_not_replaced_if_absent_is_asked(self, objects: ObjectStore, other: ObjectStore) -> None:
        """`if_absent` writes only where there is no object of that name, and tells which it was."""
        assert objects.put("a", [b"first"], if_absent=True)
        assert not other.put("a", [b"second"], if_absent=True)
        assert not objects.put("a", [b"first"], if_absent=True)
        assert objects.get("a") == b"first"
        objects.delete(["a"])
        assert other.put("a", [b"third"], if_absent=True)

    def test_of_several_writers_one_wins(self, objects: ObjectStore, other: ObjectStore) -> None:
        """With `conditional_put` exactly one of many is told that it wrote; the object is then its own, whole."""
        for turn in range(5):
            name, start = f"race/{turn}", threading.Barrier(RACERS)
            won: list[int] = []

            def write(number: int, name: str = name, won: list[int] = won, start: threading.Barrier = start) -> None:
                start.wait()
                which = objects if number % 2 else other
                if which.put(name, [bytes([number]) * 10_000], if_absent=True):
                    won.append(number)

            at_once(*(lambda number=number, write=write: write(number) for number in range(RACERS)))
            assert won
            content = objects.get(name)
            assert content in [bytes([number]) * 10_000 for number in won]
            if objects.conditional_put:
                assert len(won) == 1

    # ---- what is there

    def test_an_object_is_described(self, objects: ObjectStore, other: ObjectStore) -> None:
        """`head` tells its size and its time by the service's clock, and `list` the same."""
        objects.put("a/b", [b"12345"])
        found = other.head("a/b")
        assert found is not None
        assert (found.name, found.size) == ("a/b", 5)
        assert found.modified > 1e9  # seconds since the epoch, of this century
        assert list(other.list("a/")) == [found]
        objects.put("a/b", [b"1"])
        later = other.head("a/b")
        assert later is not None
        assert later.size == 1
        assert later.modified >= found.modified

    def test_names_are_listed_by_their_beginnings(self, objects: ObjectStore) -> None:
        """A prefix need not end where a segment does, and need not be there."""
        names = {"a", "ab/c", "ab/d/e", "ab-f", "b/a", "b/ab"}
        for name in names:
            objects.put(name, [name.encode()])
        for prefix in ("", "a", "ab", "ab/", "ab/d", "ab/d/e", "b/a", "b/ab", "c", "ab/c/", "a/"):
            found = list(objects.list(prefix))
            assert len(found) == len({each.name for each in found})
            assert {each.name for each in found} == {name for name in names if name.startswith(prefix)}
            assert all(each == ObjectInfo(each.name, len(each.name), each.modified) for each in found)

    def test_many_are_listed_read_and_removed(self, objects: ObjectStore, pool: ThreadPoolExecutor) -> None:
        """More objects than the service does in one request are listed, read side by side, and removed."""
        names = [f"many/{number % 7}/{number}" for number in range(self.many)]
        list(pool.map(lambda name: objects.put(name, [name.encode()]), names))
        objects.put("another", [b""])
        listed = objects.list("many/")
        first = next(iter(listed))
        assert first.name in names
        assert sorted([first.name, *(found.name for found in listed)]) == sorted(names)
        assert objects.get_many([*names, "many/missing"], pool, length=100) == {name: name.encode() for name in names}
        objects.delete(name for name in names)
        assert [found.name for found in objects.list()] == ["another"]

    def test_several_are_read_at_once(self, objects: ObjectStore, pool: ThreadPoolExecutor) -> None:
        """Those that are there are returned by name; of what is large only the beginning is read."""
        objects.put("a", [b"1"])
        objects.put("empty", [b""])
        objects.put("large", [b"begins", bytes(1 << 20)])
        found = objects.get_many(["a", "missing", "empty", "large"], pool, length=6)
        assert found == {"a": b"1", "empty": b"", "large": b"begins"}
        assert objects.get_many([], pool, length=6) == {}

    def test_what_was_removed_is_gone(self, objects: ObjectStore, other: ObjectStore) -> None:
        """Removing takes effect for every client, at once, and only for what was named."""
        for name in ("a", "ab", "a.b"):
            objects.put(name, [b"x"])
        objects.delete(["a", "a", "missing"])
        assert other.get("a") is None
        assert {found.name for found in other.list()} == {"ab", "a.b"}
        objects.delete([])
