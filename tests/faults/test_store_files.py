"""Rows 31 and 32 of the faults, as far as the store goes: clocks that move, and files edited without a visible trace.

The clock of the machine can't be moved by a test; the store takes the time of what trusts a file from a function, and
the times of files can be set. (That the node runs again is shown with whole runs.)
"""

import os
import time

import pytest

from flowra.storage.local.file_digests import FileDigests
from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import digest_of

DAY = 24 * 3600 * 10**9


@pytest.fixture
def folder(tmp_path):
    return StoreFolder(tmp_path / "store")


def test_a_file_edited_with_its_size_and_time_put_back_has_another_digest(folder, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a" * 10_000)
    os.utime(path, ns=(0, 0))
    settled = FileDigests(folder, clock=lambda: time.time_ns() + DAY)
    assert settled.digest(path) == digest_of("file", b"a" * 10_000)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
    for digests in (settled, FileDigests(folder)):
        assert digests.digest(path) == digest_of("file", b"b" + b"a" * 9_999)


def test_a_file_replaced_by_one_with_the_same_size_and_time_has_another_digest(folder, tmp_path):
    path, other = tmp_path / "photo.jpg", tmp_path / "other.jpg"
    for each, content in ((path, b"a"), (other, b"b")):
        each.write_bytes(content * 10_000)
        os.utime(each, ns=(0, 0))
    settled = FileDigests(folder, clock=lambda: time.time_ns() + DAY)
    settled.digest(path)
    other.replace(path)
    assert settled.digest(path) == digest_of("file", b"b" * 10_000)


def test_edits_right_after_one_another_are_all_seen(tmp_path):
    path = tmp_path / "photo.jpg"
    with LocalStore(tmp_path / "store") as store:
        for number in range(200):
            path.write_bytes(b"%04d" % number)
            os.utime(path, ns=(10**18, 10**18))
            assert store.file_digest(path) == digest_of("file", b"%04d" % number)


@pytest.mark.parametrize("shift", [-DAY, DAY])
def test_a_clock_moved_by_a_day_gives_no_false_digest(folder, tmp_path, shift):
    path = tmp_path / "photo.jpg"
    clock = time.time_ns() + DAY
    digests = FileDigests(folder, clock=lambda: clock)
    for number in range(20):
        path.write_bytes(b"%04d" % number)
        # The file system's times go back and forth too.
        os.utime(path, ns=(clock + shift * (number % 3),) * 2)
        assert digests.digest(path) == digest_of("file", b"%04d" % number)
        clock += shift * (-1) ** number
        assert digests.digest(path) == digest_of("file", b"%04d" % number)


@pytest.mark.parametrize("shift", [-24 * 3600, 24 * 3600])
def test_records_are_found_and_kept_whatever_the_clock_says(tmp_path, monkeypatch, shift):
    record = Record(bytes(32), "t/N", {}, created=time.time())
    with LocalStore(tmp_path / "store") as store:
        store.publish(record)
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + shift * 10**9)
    with LocalStore(tmp_path / "store") as store:
        assert store.lookup(bytes(32)) == record
        newer = Record(b"1" * 32, "t/N", {}, created=time.time())
        store.publish(newer)
        store.gc(0)
        assert store.lookup(bytes(32)) == record
        assert store.lookup(b"1" * 32) == newer
