"""What OssObjects does on the double of OSS (tests/fixtures/oss_server.py): no real OSS can be started here."""

from __future__ import annotations

import os
import pickle  # noqa: TID251  what must not be possible
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowra.exceptions import StoreError
from flowra_oss.objects import OssObjects
from flowra_oss.transfers import PartSizes

_SMALL_PARTS = PartSizes(part=128 << 10, above=256 << 10)


def test_each_request_is_signed_with_version_4_and_in_path_style(server, objects):
    objects.put("a", [b"1"])
    objects.get("a")
    objects.head("a")
    [*objects.list()]
    objects.delete(["a"])

    assert len(server.requests) == 5
    assert {request.split()[0] for request in server.requests} == {"V4"}
    assert server.requests[0] == "V4 PUT /pictures/team%2Fa%2Fa"


def test_an_object_is_made_of_its_parts_and_read_as_a_whole_or_in_part(objects):
    assert objects.put("records/1.json", [b"hello ", memoryview(b"wide "), bytearray(b"world")])

    assert objects.get("records/1.json") == b"hello wide world"
    assert objects.get("records/1.json", start=6, length=4) == b"wide"
    assert objects.get("records/1.json", start=11) == b"world"
    assert objects.get("records/1.json", start=11, length=99) == b"world"
    assert objects.get("records/1.json", length=99) == b"hello wide world"
    assert objects.get("records/1.json", length=0) == b""
    assert objects.get("records/1.json", start=16) == b""


def test_an_object_without_bytes_is_there(objects):
    objects.put("empty", [])

    assert objects.get("empty") == b""
    assert objects.get("empty", length=10) == b""
    assert objects.head("empty").size == 0


def test_what_is_not_there_is_none(objects, tmp_path):
    assert objects.get("nothing") is None
    assert objects.get("nothing", start=3, length=2) is None
    assert objects.get("nothing", length=0) is None
    assert objects.head("nothing") is None
    assert objects.download("nothing", tmp_path / "target") is False
    assert [*objects.list()] == []
    objects.delete(["nothing"])


def test_writing_again_replaces_unless_only_what_is_absent_was_to_be_written(objects):
    assert objects.put("a", [b"1"], if_absent=True)
    assert not objects.put("a", [b"2"], if_absent=True)
    assert objects.get("a") == b"1"

    assert objects.put("a", [b"3"])
    assert objects.get("a") == b"3"


def test_no_mutual_exclusion_is_claimed(server, objects):
    """A bucket with versions ignores the question, and of writers at the same moment OSS promises nothing."""
    server.conditional_put = False
    objects.put("a", [b"1"])

    assert objects.put("a", [b"2"], if_absent=True)
    assert objects.conditional_put is False


def test_the_service_says_size_and_time(server, objects):
    objects.put("a", [bytes(1000)])
    kept = server.buckets["pictures"].objects["team/a/a"]

    assert objects.head("a") == ("a", 1000, float(int(kept.modified)))
    assert [*objects.list()] == [objects.head("a")]


def test_a_list_goes_over_pages_and_keeps_to_its_prefix(server, objects, address):
    kept = server.buckets["pictures"].objects
    objects.put("b/0000", [b"x"])
    for number in range(1, 2100):
        kept[f"team/a/b/{number:04}"] = kept["team/a/b/0000"]
    objects.put("c/0000", [b"x"])
    kept["team/ab"] = kept["team/a/c/0000"]

    assert [found.name for found in objects.list("b/")] == [f"b/{number:04}" for number in range(2100)]
    assert sum("list-type" in request for request in server.requests) == 3
    assert [found.name for found in objects.list("b/001")] == [f"b/001{digit}" for digit in range(10)]
    assert sum(1 for _ in objects.list()) == 2101


def test_objects_are_removed_a_thousand_at_a_time(server, objects):
    objects.put("0", [b"x"])
    kept = server.buckets["pictures"].objects
    names = [str(number) for number in range(2001)]
    kept.update({f"team/a/{name}": kept["team/a/0"] for name in names})

    objects.delete(iter([*names, "not-there"]))

    assert kept == {}
    assert sum("POST" in request for request in server.requests) == 3


@pytest.mark.parametrize("size", [0, 1, 256 << 10, (256 << 10) + 1, 1_000_003])
def test_a_file_comes_back_as_it_was(server, signed_in, address, tmp_path, size):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    with OssObjects(address(), part_sizes=_SMALL_PARTS) as objects:
        objects.upload("value", source)

        assert objects.download("value", target)
    assert target.read_bytes() == source.read_bytes()
    assert ("uploads" in "".join(server.requests)) == (size > 256 << 10)
    assert server.uploads == {}


@pytest.mark.parametrize("if_absent", [False, True])
def test_what_is_large_goes_from_memory_in_parts_too(server, signed_in, address, if_absent):
    """OSS takes 5 GB in one request, and no more; the double is told to take as little as a test can send."""
    server.largest_put = _SMALL_PARTS.above
    buffers = [os.urandom(100_000), b"", memoryview(os.urandom(400_000)), bytearray(os.urandom(500_003))]
    with OssObjects(address(), part_sizes=_SMALL_PARTS) as objects:
        assert objects.put("value", buffers, if_absent=if_absent)
        assert objects.get("value") == b"".join(buffers)
        assert objects.put("value", [bytes(600_000)], if_absent=if_absent) is not if_absent
        assert objects.get("value") == (b"".join(buffers) if if_absent else bytes(600_000))
    assert server.uploads == {}


def test_of_a_large_object_that_another_writes_meanwhile_nothing_is_left(server, signed_in, address):
    with OssObjects(address(), part_sizes=_SMALL_PARTS) as objects, OssObjects(address()) as other:
        begin = objects._bucket.init_multipart_upload
        objects._bucket.init_multipart_upload = lambda *about, **more: [
            begin(*about, **more),
            other.put("value", [b"first"]),
        ][0]
        assert not objects.put("value", [bytes(600_000)], if_absent=True)
        assert objects.get("value") == b"first"
    assert server.uploads == {}


def test_large_files_pass_through_with_little_memory(server, signed_in, address, tmp_path):
    """Measured in a process of its own: the double keeps all of it in this one."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(80 << 20))
    script = textwrap.dedent("""
        import pathlib, sys, tracemalloc
        from flowra_oss.objects import OssObjects

        address, source, target = sys.argv[1:]
        with OssObjects(address) as objects:
            objects.head("warm")
            tracemalloc.start()
            objects.upload("value", pathlib.Path(source))
            objects.download("value", pathlib.Path(target))
            print(tracemalloc.get_traced_memory()[1])
    """)

    run = subprocess.run(
        [sys.executable, "-c", script, address(), source, target], capture_output=True, text=True, check=True
    )

    assert target.read_bytes() == source.read_bytes()
    assert int(run.stdout) < 12 << 20


def test_no_checksum_is_taken_by_what_needs_a_c_compiler_to_be_fast(server, signed_in, address, tmp_path, monkeypatch):
    """oss2's own are taken by crcmod, which is pure Python, and a hundred times slower, where none was there."""

    def refuse(*_: object) -> None:
        raise AssertionError("a checksum was taken by crcmod")

    monkeypatch.setattr("oss2.utils.Crc64.update", refuse)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(600 << 10))
    with OssObjects(address(), part_sizes=_SMALL_PARTS) as objects:
        objects.put("a", [b"1"])
        objects.upload("b", source)

        assert objects.get("a") == b"1"
        assert objects.download("b", tmp_path / "target")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full disk to write to")
@pytest.mark.parametrize("size", [1, 3 << 20])
def test_a_disk_that_is_full_is_told(objects, size):
    objects.put("a", [bytes(size)])

    with pytest.raises(StoreError, match="No space left on device"):
        objects.download("a", Path("/dev/full"))


def test_a_file_that_has_shrunk_is_no_object(server, signed_in, address, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(bytes(600 << 10))
    with OssObjects(address(), part_sizes=_SMALL_PARTS) as objects:
        original = objects._part_sizes.of
        objects._part_sizes.of = lambda size: [source.write_bytes(b"short"), original(size)][1]

        with pytest.raises(StoreError, match="changed while it was uploaded"):
            objects.upload("value", source)

        assert objects.head("value") is None
    assert server.uploads == {}


def test_what_can_not_be_read_or_written_here_is_told_apart_from_the_service(objects, tmp_path):
    objects.put("a", [b"1"])

    with pytest.raises(StoreError, match=r"a file can't be read\n.*missing\n.*No such file"):
        objects.upload("b", tmp_path / "missing")
    with pytest.raises(StoreError, match=r"a file can't be written\n.*\n.*Is a directory"):
        objects.download("a", tmp_path)


def test_many_threads_may_use_it_at_once(objects):
    names = [f"v/{number}" for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda name: objects.put(name, [name.encode() * 1000]), names))
        found = objects.get_many([*names, "nothing"], pool, length=1 << 20)

    assert found == {name: name.encode() * 1000 for name in names}


def test_it_is_not_given_to_another_process(objects):
    with pytest.raises(StoreError, match="its credentials would go along") as caught:
        pickle.dumps(objects)

    assert "give the address" in str(caught.value)


def test_closing_twice_does_nothing(objects):
    objects.close()
    objects.close()


def test_an_object_is_of_no_folder_but_its_own(signed_in, server, address):
    whole = OssObjects(address().replace("/team/a", ""))
    with whole, OssObjects(address()) as part:
        part.put("x", [b"1"])

        assert [found.name for found in whole.list()] == ["team/a/x"]
        assert whole.get("team/a/x") == b"1"


def test_a_part_may_be_as_large_as_needed_but_there_are_at_most_ten_thousand():
    sizes = PartSizes(part=1 << 20)

    assert len(sizes.of(100_000 << 20)) == 10_000
    assert sizes.of(3 << 20) == [(0, 1 << 20), (1 << 20, 1 << 20), (2 << 20, 1 << 20)]
    assert sum(size for _, size in sizes.of(12_345_678_901)) == 12_345_678_901
