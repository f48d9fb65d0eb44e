"""What an object store promises of an object's bytes: whole ones, ranges, files."""

from __future__ import annotations

import threading
import tracemalloc
from array import array
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from flowra.storage.remote.objects import ObjectStore
from flowra.testing.objects.base import RACERS, ObjectStoreTests, at_once, content_of

__all__ = ["ContentTests"]


class ContentTests(ObjectStoreTests):
    """Objects by their bytes."""

    # ---- whole objects

    @pytest.mark.parametrize("size", [0, 1, 4096, 300_000])
    def test_what_was_put_is_read_by_another_client(self, objects: ObjectStore, other: ObjectStore, size: int) -> None:
        """An object's bytes come back as they were, whatever their number."""
        content = content_of(size)
        assert objects.put("a/b", [content])
        assert other.get("a/b") == content

    def test_an_object_is_written_from_several_buffers(self, objects: ObjectStore) -> None:
        """Buffers of any kind are written one after the other, by their bytes."""
        numbers = array("d", [0.5, 1.5])
        assert objects.put("a", [b"head", bytearray(b"-body-"), memoryview(numbers), memoryview(b"tail"), b""])
        assert objects.get("a") == b"head-body-" + numbers.tobytes() + b"tail"
        assert objects.put("none", [])
        assert objects.get("none") == b""

    def test_what_is_not_there_is_no_error(
        self, objects: ObjectStore, pool: ThreadPoolExecutor, tmp_path: Path
    ) -> None:
        """An object that is missing is None or False, whatever is asked of it; removing it does nothing."""
        objects.put("there/too", [b"x"])
        for name in ("missing", "there", "there/missing", "missing/missing"):
            assert objects.get(name) is None
            assert objects.get(name, start=3, length=5) is None
            assert objects.head(name) is None
            assert not objects.download(name, tmp_path / "target")
            assert objects.get_many([name], pool, length=9) == {}
        objects.delete(["missing", "there/missing"])
        assert objects.get("there/too") == b"x"

    def test_a_second_put_takes_the_place_of_the_first(self, objects: ObjectStore, other: ObjectStore) -> None:
        """Without a condition the last one counts, a shorter one too."""
        assert objects.put("a", [b"the first"])
        assert other.put("a", [b"second"])
        assert objects.get("a") == b"second"

    @pytest.mark.parametrize(
        "name",
        [
            "a",
            "0",
            "a.b",
            "a..b",
            "a-b_c.d",
            "-a",
            "_",
            "v1/x/ab/cd.npy",
            "a/b/c/d/e/f/g/h",
            "x" * 200,
            f"a/{'0' * 64}",
        ],
    )
    def test_a_name_is_taken_as_it_is(self, objects: ObjectStore, name: str) -> None:
        """All that a name may be made of is kept in it."""
        objects.put(name, [name.encode()])
        assert objects.get(name) == name.encode()
        assert [found.name for found in objects.list(name)] == [name]

    def test_a_reader_sees_the_whole_or_nothing(self, objects: ObjectStore, other: ObjectStore) -> None:
        """While an object is written again and again, a reader never sees a part of one, or a mixture."""
        allowed = {bytes([number]) * 300_000 for number in range(1, 9)}
        done = threading.Event()

        def write() -> None:
            try:
                for content in sorted(allowed):
                    objects.put("a", [content[:100_000], content[100_000:]])
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                found = other.get("a")
                assert found is None or found in allowed

        at_once(write, read)

    def test_every_method_may_be_called_from_any_thread(self, objects: ObjectStore) -> None:
        """Many threads use one client at once."""

        def use(number: int) -> None:
            for turn in range(5):
                name, content = f"thread/{number}/{turn}", content_of(1000 + number)
                objects.put(name, [content])
                assert objects.get(name) == content
                assert objects.head(name) is not None
                objects.delete([name])
                assert objects.get(name) is None

        at_once(*(lambda number=number: use(number) for number in range(RACERS)))

    # ---- parts of objects

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 1), (0, 100), (10, 20), (99, 1), (0, 0), (50, 0), (40, None), (0, 101), (90, 20), (100, 5), (150, None)],
    )
    def test_a_part_is_read_alone(self, objects: ObjectStore, start: int, length: int | None) -> None:
        """A range is those bytes; what lies beyond the end is left out."""
        content = bytes(range(100))
        objects.put("a", [content])
        stop = None if length is None else start + length
        assert objects.get("a", start=start, length=length) == content[start:stop]

    def test_a_part_of_an_empty_object_is_empty(self, objects: ObjectStore) -> None:
        """An object without bytes is there, whatever range of it is asked for."""
        objects.put("a", [b""])
        assert objects.get("a", length=10) == b""
        assert objects.get("a", start=5) == b""

    # ---- files

    def test_a_file_goes_there_and_back_in_pieces(
        self, objects: ObjectStore, other: ObjectStore, tmp_path: Path
    ) -> None:
        """A large file is sent and fetched without being in memory as a whole."""
        source, target = tmp_path / "source", tmp_path / "target"
        digest = _write_large(source, self.large)
        tracemalloc.start()
        try:
            objects.upload("large", source)
            assert other.download("large", target)
            assert tracemalloc.get_traced_memory()[1] < self.large
        finally:
            tracemalloc.stop()
        found = objects.head("large")
        assert found is not None
        assert found.size == target.stat().st_size == self.large
        assert _digest(target) == digest
        middle = self.large // 2
        with source.open("rb") as file:
            file.seek(middle)
            assert other.get("large", start=middle, length=1000) == file.read(1000)

    @pytest.mark.parametrize("size", [0, 5, 300_000])
    def test_a_small_file_goes_there_and_back(self, objects: ObjectStore, tmp_path: Path, size: int) -> None:
        """A file's contents take the place of the object that was there, and of what was in the file."""
        source, target = tmp_path / "source", tmp_path / "target"
        source.write_bytes(content_of(size))
        target.write_bytes(b"something longer than what comes" * 20_000)
        objects.put("a", [b"what was there"])
        objects.upload("a", source)
        assert objects.get("a") == content_of(size)
        assert objects.download("a", target)
        assert target.read_bytes() == content_of(size)


def _write_large(path: Path, size: int) -> bytes:
    """Write a file of so many bytes, and return the digest of them."""
    piece, hashing = content_of(1 << 20), sha256()
    with path.open("wb") as file:
        for number in range(size >> 20):
            part = number.to_bytes(8, "big") + piece[8:]
            hashing.update(part)
            file.write(part)
    return hashing.digest()


def _digest(path: Path) -> bytes:
    hashing = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            hashing.update(piece)
    return hashing.digest()
