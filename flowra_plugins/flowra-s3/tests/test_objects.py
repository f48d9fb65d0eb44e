"""What an object store promises, by obstore's client and a real server on loopback."""

from __future__ import annotations

import pickle  # noqa: TID251  what is tried here is refused
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowra.exceptions import StoreUnavailableError
from flowra_s3 import transfers
from flowra_s3.objects import BucketObjects

LARGE = bytes(range(256)) * (80 << 10)  # 20 MiB: three parts


def test_what_is_put_is_there_as_it_was(objects, server, bucket):
    assert objects.put("records/a.json", [b"one", memoryview(b"two"), bytearray(b"three")])
    assert objects.get("records/a.json") == b"onetwothree"
    # Another client sees it below the prefix.
    there = server.client().get_object(Bucket=bucket, Key="some/prefix/records/a.json")
    assert there["Body"].read() == b"onetwothree"


def test_an_empty_object_is_an_object(objects, tmp_path):
    assert objects.put("empty", [])
    assert objects.get("empty") == b""
    assert objects.get("empty", start=5, length=3) == b""
    assert objects.download("empty", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b""
    assert objects.head("empty").size == 0


def test_an_object_that_is_not_there_is_none(objects, tmp_path):
    assert objects.get("none") is None
    assert objects.get("none", start=1, length=2) is None
    assert objects.get("none", length=0) is None
    assert objects.head("none") is None
    assert not objects.download("none", tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_range_is_read_and_cut_at_the_end(objects):
    objects.put("a", [b"0123456789"])
    assert objects.get("a", start=3, length=4) == b"3456"
    assert objects.get("a", start=7) == b"789"
    assert objects.get("a", start=7, length=100) == b"789"
    assert objects.get("a", start=10) == objects.get("a", start=99, length=1) == b""
    assert objects.get("a", length=0) == b""


def test_a_large_object_travels_in_parts(objects, tmp_path):
    assert objects.put("large", [LARGE[:1000], LARGE[1000:]])
    assert objects.get("large") == LARGE
    assert objects.get("large", start=123, length=12 << 20) == LARGE[123 : 123 + (12 << 20)]
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(LARGE)
    objects.upload("uploaded", source)
    assert objects.head("uploaded").size == len(LARGE)
    assert objects.download("uploaded", target)
    assert target.read_bytes() == LARGE


_MEASURE = """
import resource, sys
from pathlib import Path
from flowra_s3.objects import BucketObjects

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

with BucketObjects(sys.argv[1]) as objects:
    objects.put("warm", [b"up"])
    before = peak()
    objects.upload("file", Path(sys.argv[2]))
    assert objects.download("file", Path(sys.argv[3]))
    print(peak() - before)
"""


def test_files_do_not_go_through_memory_as_a_whole(objects, tmp_path):
    size = 12 * transfers.PART
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.truncate(size)
    arguments = [sys.executable, "-c", _MEASURE, objects.location, str(source), str(target)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert target.stat().st_size == size
    assert int(ran.stdout) < size - 3 * transfers.PART


def test_no_more_than_a_few_parts_are_under_way():
    running, most, lock = 0, 0, threading.Lock()

    def fetch(start):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return start

    with ThreadPoolExecutor(16) as pool:
        assert list(transfers.side_by_side(pool, fetch, range(40))) == list(range(40))
    assert 1 < most <= transfers.PARTS_AT_ONCE


def test_of_several_that_put_one_name_if_it_is_absent_one_succeeds(objects):
    contents = [f"writer {number}".encode() for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(lambda content: objects.put("a", [content], if_absent=True), contents))
    assert wrote.count(True) == 1
    assert objects.get("a") == contents[wrote.index(True)]
    assert not objects.put("a", [b"later"], if_absent=True)
    assert objects.put("large", [LARGE], if_absent=True)
    assert not objects.put("large", [LARGE], if_absent=True)


def test_without_conditions_what_is_there_is_looked_up_first(server, bucket, keys):
    with BucketObjects(f"s3://{bucket}?endpoint={server.url}&conditional_put=false") as objects:
        assert not objects.conditional_put
        assert objects.put("a", [b"first"], if_absent=True)
        assert not objects.put("a", [b"second"], if_absent=True)
        assert objects.get("a") == b"first"


def test_put_replaces(objects):
    objects.put("a", [b"old"])
    assert objects.put("a", [b"new"])
    assert objects.get("a") == b"new"


def test_a_list_holds_the_names_that_begin_with_a_prefix(objects):
    for name in ("a/one", "a/two", "a/twenty/1", "ab", "b"):
        objects.put(name, [name.encode()])
    assert sorted(info.name for info in objects.list()) == ["a/one", "a/twenty/1", "a/two", "ab", "b"]
    assert sorted(info.name for info in objects.list("a/tw")) == ["a/twenty/1", "a/two"]
    assert sorted(info.name for info in objects.list("a")) == ["a/one", "a/twenty/1", "a/two", "ab"]
    assert sorted(info.name for info in objects.list("a/")) == ["a/one", "a/twenty/1", "a/two"]
    assert list(objects.list("c")) == list(objects.list("a/one/")) == []
    assert next(objects.list("ab")).size == 2
    listed, looked_up = next(objects.list("b")), objects.head("b")
    assert (listed.name, listed.size) == (looked_up.name, looked_up.size)
    assert abs(listed.modified - looked_up.modified) < 1, "one answer has whole seconds"
    assert abs(objects.head("b").modified - time.time()) < 60


def test_a_long_list_comes_page_by_page(behind, proxy):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: behind.put(f"many/{number:04}", [b"x"]), range(1005)))
    proxy.clear()
    listed = behind.list("many/")
    next(listed)
    assert proxy.count("GET") == 1
    assert len(list(listed)) == 1004
    assert proxy.count("GET") == 2
    behind.delete(f"many/{number:04}" for number in range(1005))
    assert list(behind.list()) == []


def test_delete_takes_what_is_there(objects):
    objects.put("a", [b"1"])
    objects.put("b", [b"2"])
    objects.delete(["a", "none", "b"])
    objects.delete([])
    assert list(objects.list()) == []


def test_many_are_read_at_once(objects):
    for number in range(20):
        objects.put(f"r/{number}", [str(number).encode()])
    names = [f"r/{number}" for number in range(25)]
    with ThreadPoolExecutor(8) as pool:
        found = objects.get_many(names, pool)
    assert found == {f"r/{number}": str(number).encode() for number in range(20)}


def test_two_stores_of_one_bucket_see_each_other_only_below_their_prefix(objects, server, bucket):
    objects.put("a", [b"1"])
    with BucketObjects(f"s3://{bucket}/some?endpoint={server.url}") as other:
        assert [info.name for info in other.list()] == ["prefix/a"]
        assert other.get("a") is None


def test_what_was_changed_where_it_lies_is_refused(objects, server, bucket):
    objects.put("a", [b"right"])
    client = server.client()
    beside = client.head_object(Bucket=bucket, Key="some/prefix/a")["Metadata"]
    client.put_object(Bucket=bucket, Key="some/prefix/a", Body=b"wrong", Metadata=beside)
    with pytest.raises(StoreUnavailableError, match="changed on the way, or where it lies"):
        objects.get("a")


def test_what_others_put_there_is_read_as_well(objects, server, bucket, tmp_path):
    server.client().put_object(Bucket=bucket, Key="some/prefix/foreign", Body=b"no checksum")
    assert objects.get("foreign") == b"no checksum"
    assert objects.download("foreign", tmp_path / "file")


def test_a_store_is_not_pickled_and_shows_no_keys(objects, server):
    with pytest.raises(TypeError, match="send its address, s3://"):
        pickle.dumps(objects)
    for text in (repr(objects), str(objects.address), objects.location, str(vars(objects))):
        assert server.secret not in text
        assert server.key not in text


def test_a_location_is_an_address_that_opens_the_same(objects):
    objects.put("a", [b"1"])
    with BucketObjects(objects.location) as again:
        assert again.get("a") == b"1"
    objects.close()
    objects.close()
