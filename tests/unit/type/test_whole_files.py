import errno
import os

import pytest

from flowra.exceptions import FlowraError, StoreError
from flowra.type.whole_files import whole_file, write_whole


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_written_with_the_folders_on_the_way(tmp_path):
    path = tmp_path / "a" / "b" / "picture.png"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert left_in(tmp_path) == ["picture.png"]


def test_what_is_written_to_has_the_same_ending_and_is_not_seen_before_the_end(tmp_path):
    path = tmp_path / "clip.mp4"
    with whole_file(path) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.suffix == ".mp4"
        assert not path.exists()
    assert left_in(tmp_path) == ["clip.mp4"]


def test_a_writer_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"old")

    def fail_half_way():
        with whole_file(path) as temporary:
            temporary.write_bytes(b"half")
            raise KeyError("the writer's own")

    with pytest.raises(KeyError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["text.txt"]


def test_a_file_that_is_there_is_kept_where_that_is_asked(tmp_path):
    path = tmp_path / "text.txt"
    write_whole(path, b"old", overwrite=False)
    with pytest.raises(StoreError, match="exists already"):
        write_whole(path, b"new", overwrite=False, failed=StoreError)
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["text.txt"]


def test_a_folder_that_is_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FlowraError, match=r"a part of .*below is a file|can't write .*below"):
        write_whole(tmp_path / "file" / "below", b"x")


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    with pytest.raises(FlowraError, match="can't write") as caught:
        write_whole(tmp_path / "a\0b", b"x")
    assert "null character" in str(caught.value)


def test_what_the_writer_itself_has_to_say_is_said(tmp_path):
    class OwnError(FlowraError, OSError):
        pass

    def refuse():
        with whole_file(tmp_path / "x"):
            raise OwnError("the writer's own")

    with pytest.raises(OwnError, match="the writer's own"):
        refuse()


def test_a_disk_that_is_full_is_named_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(FlowraError) as caught:
        write_whole(tmp_path / "text.txt", b"x")
    assert caught.value.why == os.strerror(errno.ENOSPC)
    assert left_in(tmp_path) == []
