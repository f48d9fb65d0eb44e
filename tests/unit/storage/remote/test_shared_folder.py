"""A folder that machines share keeps every promise of object stores."""

import errno
import os
from pathlib import Path

import pytest

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.testing import ObjectStoreSuite


class TestSharedFolder(ObjectStoreSuite):
    def open(self, folder):
        shared = folder / "shared"
        shared.mkdir(exist_ok=True)
        return SharedFolder(shared)


class TestWithoutHardLinks(TestSharedFolder):
    """As on a disk that has none."""

    def open(self, folder):
        objects = super().open(folder)
        objects.conditional_put = False
        return objects


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


def test_a_folder_that_is_not_there_may_be_a_disk_that_is_not_mounted(tmp_path):
    with pytest.raises(StoreDeniedError, match="mount the disk"):
        SharedFolder(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreDeniedError, match="it is a file"):
        SharedFolder(tmp_path / "file")


def test_a_folder_that_is_gone_is_never_made_anew_and_nothing_counts_as_missing_in_it(folder):
    objects = SharedFolder(folder)
    objects.put("a/b", [b"x"])
    folder.rename(folder.with_name("unmounted"))
    for asked in (
        lambda: objects.get("a/b"),
        lambda: objects.head("a/b"),
        lambda: objects.download("a/b", folder.with_name("copy")),
        lambda: list(objects.list("a/")),
        lambda: objects.put("c/d", [b"x"]),
    ):
        with pytest.raises(StoreUnavailableError, match="not mounted"):
            asked()
    assert not folder.exists()
    folder.mkdir()  # what lies below the place that a disk is mounted at
    with pytest.raises(StoreUnavailableError, match="not mounted"):
        objects.put("c/d", [b"x"])
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", "A", "a b", "~tmp/x", "a\n"])
def test_what_is_no_name_is_refused(folder, name):
    objects = SharedFolder(folder)
    with pytest.raises(StoreError, match="can't be the name of an object"):
        objects.put(name, [b"x"])
    with pytest.raises(StoreError, match="can't be the name of an object"):
        objects.get(name)


@pytest.mark.parametrize("prefix", ["../", "a/../..", "A"])
def test_what_begins_no_name_is_refused(folder, prefix):
    with pytest.raises(StoreError, match="no beginning of an object's name"):
        list(SharedFolder(folder).list(prefix))


def test_what_is_put_has_the_permissions_of_the_folder(folder):
    folder.chmod(0o2770)
    before = os.umask(0o077)
    try:
        SharedFolder(folder).put("a/b/c", [b"x"])
    finally:
        os.umask(before)
    assert (folder / "a/b/c").stat().st_mode & 0o777 == 0o660
    assert (folder / "a/b").stat().st_mode & 0o7777 == 0o2770


def test_what_a_crash_has_left_is_swept_after_a_day_and_never_listed(folder):
    objects = SharedFolder(folder)
    objects.put("a", [b"x"])
    old, new = folder / "~tmp" / "old", folder / "~tmp" / "new"
    for path in (old, new):
        path.write_bytes(b"a part")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    assert [found.name for found in SharedFolder(folder).list()] == ["a"]
    assert not old.exists()
    assert new.exists()


def test_a_write_that_fails_leaves_nothing(folder, monkeypatch):
    objects = SharedFolder(folder)

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        objects.put("a", [b"x"])
    monkeypatch.undo()
    assert list((folder / "~tmp").iterdir()) == []
    assert objects.get("a") is None


def test_the_answer_to_a_link_that_was_lost_is_no_defeat(folder, monkeypatch):
    """NFS repeats a call without an answer, and is then told that there is a file of that name."""
    objects = SharedFolder(folder)
    link = Path.hardlink_to

    def twice(self, target):
        link(self, target)
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", twice)
    assert objects.put("a", [b"x"], if_absent=True)
    assert not objects.put("a", [b"y"], if_absent=True)
    assert objects.get("a") == b"x"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, StoreDeniedError),
        (errno.EROFS, StoreDeniedError),
        (errno.ESTALE, StoreUnavailableError),
        (errno.EIO, StoreUnavailableError),
        (errno.ENOSPC, StoreError),
    ],
)
def test_what_a_file_server_answers_is_told_apart(folder, tmp_path, monkeypatch, number, kind):
    """No file server can be told to answer so; each is an answer that NFS gives."""
    objects = SharedFolder(folder)
    objects.put("a", [b"x"])

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    for name in ("open", "stat", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    attempts = [
        lambda: objects.get("a"),
        lambda: objects.download("a", tmp_path / "target"),
        lambda: objects.put("a", [b"y"]),
        lambda: objects.head("a"),
        lambda: list(objects.list()),
        lambda: objects.delete(["a"]),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match=os.strerror(number)) as refusal:
            attempt()
        assert type(refusal.value) is kind


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_is_read(folder):
    SharedFolder(folder).put("a", [b"x"])
    folder.chmod(0o500)
    (folder / "~tmp").chmod(0o500)
    try:
        objects = SharedFolder(folder)
        assert objects.get("a") == b"x"
        with pytest.raises(StoreDeniedError, match="give you the right"):
            objects.put("b", [b"x"])
    finally:
        folder.chmod(0o700)
        (folder / "~tmp").chmod(0o700)
