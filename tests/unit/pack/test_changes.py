from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.small_disk import fill, mounted_disk

from flowra.exceptions import UsageError
from flowra.pack.edit.changes import Changes


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "pack"
    (root / "tests").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "tests" / "b.txt").write_text("b")
    return root


def test_files_are_written_changed_and_removed_at_once(root):
    changes = Changes(root)
    changes.write("a.txt", "A")
    changes.write("new/deep/c.txt", "c")
    changes.remove("tests/b.txt")
    assert tree(root) == {"a.txt": b"a", "tests/b.txt": b"b"}, "nothing before apply"
    changes.apply()
    assert tree(root) == {"a.txt": b"A", "new/deep/c.txt": b"c"}
    assert not (root / "tests").exists(), "a folder without anything goes with its last file"


def test_a_file_that_ends_as_it_was_is_no_change(root):
    changes = Changes(root)
    changes.write("a.txt", "a")
    changes.write("b.txt", "x")
    changes.remove("b.txt")
    assert changes.names() == []


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_failure_half_way_leaves_everything_as_it_was(root, monkeypatch, failing):
    real, calls = Path.replace, []

    def replace(self, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(5, "Input/output error", str(target))
        return real(self, target)

    changes = Changes(root)
    changes.write("a.txt", "A")
    changes.write("new/deep/c.txt", "c")
    changes.write("tests/b.txt", "B")
    before = tree(root)
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(UsageError, match="can't be changed"):
        changes.apply()
    assert tree(root) == before
    assert not (root / "new").exists()


def test_an_interruption_leaves_everything_as_it_was(root, monkeypatch):
    def unlink(self, missing_ok=False):
        if self.name == "b.txt":
            raise KeyboardInterrupt
        return real(self, missing_ok=missing_ok)

    real = Path.unlink
    changes = Changes(root)
    changes.write("a.txt", "A")
    changes.remove("tests/b.txt")
    before = tree(root)
    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(KeyboardInterrupt):
        changes.apply()
    assert tree(root) == before


def test_a_full_disk_leaves_everything_as_it_was(tmp_path):
    with mounted_disk(tmp_path / "disk", size="256k") as disk:
        (disk / "a.txt").write_text("a")
        fill(disk)
        changes = Changes(disk)
        changes.write("a.txt", "A" * 5000)
        changes.write("b.txt", "B" * 5000)
        with pytest.raises(UsageError, match="can't be changed"):
            changes.apply()
        assert sorted(path.name for path in disk.iterdir()) == ["a.txt", "ballast"]
        assert (disk / "a.txt").read_text() == "a"
