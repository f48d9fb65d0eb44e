"""What is still to be uploaded outlives the process that was to do it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from flowra.storage.tiers.pending import Pending, PendingList

FIRST, SECOND = Pending(bytes(32)), Pending(b"k" * 32, replace=True)


@pytest.fixture
def open_list(tmp_path):
    lists = []

    def opened(place="s3://bucket"):
        lists.append(PendingList(tmp_path, place))
        return lists[-1]

    yield opened
    for each in lists:
        each.close()


def test_another_session_takes_over_what_was_left_once(open_list):
    left = open_list()
    left.add(FIRST)
    left.add(SECOND)
    left.close()
    later = open_list()
    assert set(later.taken_over()) == {FIRST, SECOND}
    later.done(FIRST)
    later.close()
    assert list(open_list().taken_over()) == [SECOND]


def test_a_session_that_lives_keeps_its_own(open_list):
    mine = open_list()
    mine.add(FIRST)
    assert list(open_list().taken_over()) == []
    assert list(mine.taken_over()) == []


def test_each_remote_store_has_its_own(open_list):
    left = open_list("s3://bucket")
    left.add(FIRST)
    left.close()
    assert list(open_list("s3://another").taken_over()) == []
    assert list(open_list("s3://bucket").taken_over()) == [FIRST]


def test_what_a_killed_process_had_noted_is_taken_over(open_list, tmp_path):
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom flowra.storage.tiers.pending import Pending, PendingList\n"
        f"PendingList(Path({str(tmp_path)!r}), 's3://bucket').add(Pending(bytes(32)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert list(open_list().taken_over()) == [FIRST]


def test_nothing_stays_on_the_disk_when_all_is_done(open_list, tmp_path):
    own = open_list()
    own.add(FIRST)
    own.done(FIRST)
    own.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_was_removed_is_no_reason_to_fail(tmp_path):
    listed = PendingList(tmp_path / "uploads", "s3://bucket")
    listed.add(Pending(bytes(32)))
    shutil.rmtree(tmp_path / "uploads")
    listed.done(Pending(bytes(32)))
    assert not list(listed.taken_over())
    listed.close()


def test_a_disk_that_takes_nothing_is_no_reason_to_fail(tmp_path):
    (tmp_path / "file").write_text("no folder")
    own = PendingList(tmp_path / "file", "s3://bucket")
    own.add(FIRST)
    own.done(FIRST)
    assert list(own.taken_over()) == []
    own.close()
