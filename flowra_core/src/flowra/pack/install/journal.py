"""Makes a change of the environment one that happens whole or not at all, whenever it is interrupted.

Before anything changes, the files of what will be replaced are linked aside, the names of all files are written down,
and then, atomically, the journal. While a journal is there, the change has not happened: whoever finds one takes back
what was done. Removing it is what makes the change count.

A lock is held on an open file that the installer's process inherits: as long as it goes on, even if Flowra itself was
killed, nobody takes anything back under its hands.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import source_from_cache
from pathlib import Path

from flowra.exceptions import UsageError
from flowra.pack.install.environment import claimed_files, files_of, roots

__all__ = ["interrupted", "recover", "transaction"]

_FORMAT = "flowra-install/1"
#: Names in the journal's folder.
_JOURNAL, _LOCK, _OLD, _BEFORE = "journal.json", "lock", "old", "before.json"


def _folder() -> Path:
    return Path(sys.prefix) / ".flowra-install"


def interrupted() -> bool:
    """Return whether an install was interrupted, or is going on; costs one look at the disk."""
    return (_folder() / _JOURNAL).exists()


@contextmanager
def transaction(names: Iterable[str], what: str) -> Iterator[int]:
    """Change the environment inside; where the block raises, or this process dies in it, nothing has changed.

    Args:
        names: The distributions that may come, go or change, by canonical name.
        what: The change in words, for whoever finds it interrupted.

    Yields:
        A file descriptor that the installer's process has to inherit.
    """
    folder, affected = _folder(), sorted(set(names))
    with _locked(wait=True) as lock:
        _undo(folder)
        _prepare(folder, affected, what)
        try:
            yield lock
        except BaseException:
            _undo(folder)
            raise
        (folder / _JOURNAL).unlink()
        _sync(folder)
        _clear(folder)


def recover(*, wait: bool) -> str | None:
    """Take back an install that was interrupted, and return what it was, or None if there is none.

    Args:
        wait: Wait for one that is going on; without it, that one is left alone.
    """
    folder = _folder()
    if not interrupted():
        return None
    try:
        with _locked(wait=wait):
            return _undo(folder)
    except BlockingIOError:
        return None
    except OSError as error:
        raise UsageError(
            "an install was interrupted, and can't be taken back",
            where=str(error.filename or folder),
            why=error.strerror or str(error),
            fix="make the environment writable, or make a new one",
        ) from error


def _prepare(folder: Path, affected: list[str], what: str) -> None:
    _clear(folder)
    old = folder / _OLD
    old.mkdir()
    kept: dict[str, str] = {}
    for files in files_of(affected).values():
        for path in files:
            if path.is_file() and str(path) not in kept:
                kept[str(path)] = str(len(kept))
                _link(path, old / kept[str(path)])
    before = [str(path) for path in _files()]
    (folder / _BEFORE).write_text(json.dumps({"files": before, "kept": kept}), encoding="utf-8")
    journal = {"format": _FORMAT, "what": what, "affected": affected}
    temporary = folder / f"{_JOURNAL}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(journal, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / _JOURNAL)
    _sync(folder)


def _undo(folder: Path) -> str | None:
    """Take back what a journal stands for; may itself be interrupted, and done again."""
    try:
        journal = json.loads((folder / _JOURNAL).read_text(encoding="utf-8"))
        before = json.loads((folder / _BEFORE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(
            "an install was interrupted, and its journal can't be read",
            where=str(folder / _JOURNAL),
            why=str(error),
            fix=f"make a new environment, or remove {folder} and reinstall what `flowra pack doctor` names",
        ) from error
    files = {Path(name) for name in before["files"]}
    # What someone installed by hand since then belongs to distributions that this change had nothing to do with.
    claimed = claimed_files(journal["affected"])
    emptied = set()
    for path in _files():
        owner = _source_of(path)
        if path not in files and not ({path, owner} & claimed) and owner not in files:
            path.unlink(missing_ok=True)
            emptied.add(path.parent)
    for name, number in before["kept"].items():
        _restore(folder / _OLD / number, Path(name))
    for parent in sorted(emptied, key=lambda each: len(each.parts), reverse=True):
        _remove_empty(parent)
    (folder / _JOURNAL).unlink()
    _sync(folder)
    _clear(folder)
    return str(journal["what"])


def _files() -> Iterator[Path]:
    for root in roots():
        for folder, _, names in os.walk(root):
            yield from (Path(folder, name) for name in names)


def _source_of(path: Path) -> Path:
    """Return the source of byte code, and any other file itself: byte code comes and goes with its source."""
    if path.suffix == ".pyc" and path.parent.name == "__pycache__":
        with suppress(ValueError, NotImplementedError):
            return Path(source_from_cache(str(path)))
    return path


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _restore(kept: Path, path: Path) -> None:
    with suppress(OSError):
        if path.exists() and path.samefile(kept):
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.flowra")
    temporary.unlink(missing_ok=True)
    _link(kept, temporary)
    temporary.replace(path)


def _remove_empty(folder: Path) -> None:
    tops = set(roots())
    while folder not in tops:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / _OLD, ignore_errors=True)
    for name in (_BEFORE, f"{_JOURNAL}.new"):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _locked(*, wait: bool) -> Iterator[int]:
    folder = _folder()
    folder.mkdir(exist_ok=True)
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file.fileno()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
