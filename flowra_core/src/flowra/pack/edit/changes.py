"""Changes of several files that happen all or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from flowra.exceptions import UsageError
from flowra.pack.project import PackProject

__all__ = ["Changes"]


class Changes:
    """What is to become of files below a folder; nothing is written before `apply`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[str, bytes | None] = {}

    @property
    def contents(self) -> Mapping[str, bytes | None]:
        """What is to become of each file, by its path with `/`; None where it goes."""
        return self._contents

    def read(self, name: str) -> str | None:
        """Return the text that a file will have, or None if there will be none."""
        if name in self._contents:
            content = self._contents[name]
        else:
            path = self.root / name
            content = path.read_bytes() if path.is_file() else None
        return None if content is None else content.decode("utf-8")

    def write(self, name: str, content: str | bytes) -> None:
        """Give a file new contents."""
        self._contents[name] = content.encode("utf-8") if isinstance(content, str) else content

    def remove(self, name: str) -> None:
        """Let a file go, if it is there."""
        if (self.root / name).exists():
            self._contents[name] = None
        else:
            self._contents.pop(name, None)

    def names(self) -> list[str]:
        """Return the files that really change, sorted."""
        return sorted(name for name, content in self._contents.items() if content != _content(self.root / name))

    @contextmanager
    def staged(self, project: PackProject) -> Iterator[PackProject]:
        """Return the project as it will be, in a folder of its own that is removed in the end."""
        with tempfile.TemporaryDirectory(prefix="flowra-staged-") as scratch:
            stage = Path(scratch) / "pack"
            shutil.copytree(
                project.package_dir,
                stage / project.package_dir.relative_to(project.root),
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            shutil.copy2(project.root / "pyproject.toml", stage / "pyproject.toml")
            for name, content in self._contents.items():
                path = stage / name
                if content is None:
                    path.unlink(missing_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
            yield PackProject.find(stage)

    def apply(self) -> None:
        """Write everything; what was written goes back to what it was where anything fails.

        Raises:
            UsageError: A file can't be written. The tree is as it was.
        """
        undo: list[Callable[[], None]] = []
        staged: list[tuple[Path, Path]] = []
        try:
            # First everything that takes space or rights, next to where it goes; then only renames.
            for name in self.names():
                content, path = self._contents[name], self.root / name
                if content is not None:
                    _make_folders(path.parent, undo)
                    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
                    staged.append((temporary, path))
                    temporary.write_bytes(content)
                    if path.exists():
                        shutil.copymode(path, temporary)
            for temporary, path in staged:
                undo.append(_restoring(path))
                temporary.replace(path)
            for name in self.names():
                path = self.root / name
                undo.append(_restoring(path))
                path.unlink()
        except BaseException as error:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
            for step in reversed(undo):
                step()
            if isinstance(error, OSError):
                raise UsageError(
                    "the pack can't be changed",
                    where=str(error.filename or self.root),
                    why=error.strerror or str(error),
                    fix="nothing was changed",
                ) from error
            raise
        for name in self._contents:
            _remove_empty(self.root / name, self.root)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _make_folders(folder: Path, undo: list[Callable[[], None]]) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        undo.append(each.rmdir)


def _restoring(path: Path) -> Callable[[], None]:
    before = _content(path)
    mode = path.stat().st_mode if before is not None else None

    def restore() -> None:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
            if mode is not None:
                path.chmod(mode)

    return restore


def _remove_empty(path: Path, root: Path) -> None:
    """Remove the folders that a file's going left without anything."""
    with suppress(OSError):
        for folder in path.parents:
            if folder == root or path.exists() or os.listdir(folder):  # noqa: PTH208  only whether there is any
                return
            folder.rmdir()
