import os
import time
from hashlib import sha256

import pytest

from flowra.exceptions import StoreError
from flowra.storage.local import file_digests
from flowra.storage.local.file_digests import FileDigests
from flowra.storage.local.folder import StoreFolder
from flowra.storage.refs import digest_of

HOUR = 3600 * 10**9


@pytest.fixture
def folder(tmp_path):
    return StoreFolder(tmp_path / "store")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"first" * 1000)
    return path


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were really read."""
    read = []
    original = file_digests._hash
    monkeypatch.setattr(file_digests, "_hash", lambda path: read.append(path.name) or original(path))
    return read


def later():
    return time.time_ns() + HOUR


def test_the_digest_is_that_of_the_contents(folder, file):
    assert FileDigests(folder).digest(file) == digest_of("file", b"first" * 1000)
    file.write_bytes(b"")
    assert FileDigests(folder).digest(file) == sha256(b"file\0").digest()


def test_a_file_that_was_left_alone_is_read_once_by_all_processes(folder, file, hashed):
    assert FileDigests(folder, clock=later).digest(file) == FileDigests(folder, clock=later).digest(file)
    assert hashed == ["photo.jpg"]


def test_a_file_that_has_just_changed_is_read_each_time(folder, file, hashed):
    digests = FileDigests(folder)
    digests.digest(file)
    digests.digest(file)
    assert len(hashed) == 2


@pytest.mark.parametrize("shift", [-24 * HOUR, -HOUR, 0])
def test_a_clock_that_is_behind_the_files_trusts_nothing(folder, file, hashed, shift):
    digests = FileDigests(folder, clock=lambda: time.time_ns() + shift)
    digests.digest(file)
    digests.digest(file)
    assert len(hashed) == 2


def test_a_name_is_part_of_what_a_file_looks_like(folder, file, tmp_path, hashed):
    digests = FileDigests(folder, clock=later)
    digests.digest(file)
    file.rename(tmp_path / "other.jpg")
    assert digests.digest(tmp_path / "other.jpg") == digest_of("file", b"first" * 1000)
    assert hashed == ["photo.jpg", "other.jpg"]


@pytest.mark.parametrize("damage", [b"x" * 72, b"cut off", b""])
def test_a_damaged_memory_is_not_believed(folder, file, hashed, damage):
    FileDigests(folder, clock=later).digest(file)
    row = bytearray(folder.files.read_bytes())
    row[40] ^= 1
    folder.files.write_bytes(row + damage)
    assert FileDigests(folder, clock=later).digest(file) == digest_of("file", b"first" * 1000)
    FileDigests(folder, clock=later).digest(file)
    assert len(hashed) in (2, 3)


def test_a_memory_that_cannot_be_written_is_done_without(folder, file):
    folder.files.mkdir()
    digests = FileDigests(folder, clock=later)
    assert digests.digest(file) == digests.digest(file)


def test_a_file_that_keeps_changing_is_an_error(folder, file, monkeypatch):
    original = os.readv

    def read_and_change(descriptor, buffers):
        count = original(descriptor, buffers)
        with file.open("ab") as writer:
            writer.write(b"more")
        return min(count, 1) if file.stat().st_size > 10**7 else count if count < 4 else 0

    monkeypatch.setattr(os, "readv", read_and_change)
    with pytest.raises(StoreError, match="changes while it is read"):
        FileDigests(folder).digest(file)


def test_a_file_that_is_not_there_is_an_error_with_its_name(folder, tmp_path):
    with pytest.raises(StoreError, match=r"missing\.jpg"):
        FileDigests(folder).digest(tmp_path / "missing.jpg")
