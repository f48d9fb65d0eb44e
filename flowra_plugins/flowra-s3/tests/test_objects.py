"""What the suite for object stores doesn't look at: parts, memory, what others see and leave, keys."""

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

LARGE = bytes(range(256)) * (68 << 10)  # 17 MiB: three parts


def test_what_is_put_is_there_as_it_was(objects, server, bucket):
    assert objects.put("records/a.json", [b"one", memoryview(b"two"), bytearray(b"three")])
    assert objects.get("records/a.json") == b"onetwothree"
    # Another client sees it below the prefix.
    there = server.client().get_object(Bucket=bucket, Key="some/prefix/records/a.json")
    assert there["Body"].read() == b"onetwothree"


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
    size = 9 * transfers.PART
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.truncate(size)
    arguments = [sys.executable, "-c", _MEASURE, objects.location, str(source), str(target)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert target.stat().st_size == size
    assert int(ran.stdout) < size - 2 * transfers.PART


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


def test_without_conditions_what_is_there_is_looked_up_first(server, bucket, keys):
    with BucketObjects(f"s3://{bucket}?endpoint={server.url}&conditional_put=false") as objects:
        assert not objects.conditional_put
        assert objects.put("a", [b"first"], if_absent=True)
        assert not objects.put("a", [b"second"], if_absent=True)
        assert objects.get("a") == b"first"


def test_two_stores_of_one_bucket_see_each_other_only_below_their_prefix(objects, server, bucket):
    objects.put("a", [b"1"])
    with BucketObjects(f"s3://{bucket}/some?endpoint={server.url}") as other:
        assert [info.name for info in other.list()] == ["prefix/a"]
        assert other.get("a") is None


@pytest.mark.parametrize("size", [1000, len(LARGE)])
def test_what_was_changed_where_it_lies_comes_as_it_lies(objects, server, bucket, size, tmp_path):
    """Another attempt would bring the same: whoever knows what it should be finds out at once, by its digest."""
    source, target = tmp_path / "source", tmp_path / "target"
    changed = b"-" + LARGE[1:size]
    source.write_bytes(changed)
    objects.put("right", [LARGE[:size]])
    objects.upload("a", source)
    client = server.client()
    beside = client.head_object(Bucket=bucket, Key="some/prefix/right")["Metadata"]
    where = {"Bucket": bucket, "Key": "some/prefix/a"}
    client.copy_object(CopySource=where, Metadata=beside, MetadataDirective="REPLACE", **where)
    assert client.head_object(**where)["Metadata"] == beside
    assert objects.get("a") == changed
    assert objects.download("a", target)
    assert target.read_bytes() == changed


def test_the_tag_of_an_object_in_parts_is_known_for_its_own(objects, server, bucket):
    objects.put("a", [LARGE])
    tag = server.client().head_object(Bucket=bucket, Key="some/prefix/a")["ETag"]
    assert "-3" in tag
    beside = {"flowracrc32": "00000000"}
    transfers.check_content(beside, tag, 1, lambda: transfers.slices(LARGE), "a")
    with pytest.raises(StoreUnavailableError, match="changed on the way"):
        transfers.check_content(beside, tag, 1, lambda: transfers.slices(b"-" + LARGE[1:]), "a")


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
