"""The files that a module's behaviour depends on: itself and what it imports, and the data files that these name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flowra.dag.key.code.loaded import changed_in_this_process, outdated, runs_as_written
from flowra.dag.key.code.modules import Module, ModuleFinder
from flowra.dag.key.code.source import Source, read_source
from flowra.dag.key.code.stamps import stamp_of
from flowra.dag.key.parts import Unkeyable, digest_of_plain
from flowra.exceptions import StoreError
from flowra.plugin.manifest import MANIFEST_NAME

__all__ = ["Code", "CodeFinder"]

#: Hex digits of a digest that are shown: enough to see a change; the key itself holds all of them.
SHOWN_DIGITS = 16
#: What no module reads as data, by its ending.
_NO_DATA = (".py", ".pyc", ".pyi", ".so", ".pyd")
#: What is made of the files beside it.
_COMPILED = (".pyc",)


@dataclass(frozen=True)
class Code:
    """Files, or pieces of source, with the digest of each.

    Attributes:
        files: The digests by the file's name, as in `flowra_image/nodes/filters.py`.
        pieces: The digests of what lies in no file, by name: functions of a notebook, values that they use.
    """

    files: dict[str, bytes]
    pieces: dict[str, bytes]

    @cached_property
    def digest(self) -> bytes:
        """One digest over all of them and their names."""
        return digest_of_plain([self.files, self.pieces])

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with the digests shortened."""
        shown = {
            name: {each: digest.hex()[:SHOWN_DIGITS] for each, digest in sorted(digests.items())}
            for name, digests in (("files", self.files), ("pieces", self.pieces))
            if digests
        }
        return {**shown, "digest": self.digest.hex()}

    def with_code(self, other: Code) -> Code:
        """Return both together."""
        return Code({**self.files, **other.files}, {**self.pieces, **other.pieces})


class CodeFinder:
    """Finds the code of modules; each module is looked at once.

    Args:
        file_digest: Gives the digest of a file's contents, for what is no source: it may be large.
    """

    def __init__(self, file_digest: Callable[[Path], bytes]) -> None:
        self.modules = ModuleFinder()
        self._file_digest = file_digest
        self._data_files: dict[str, list[tuple[str, Path]]] = {}
        self._found: dict[str, Code | Unkeyable | None] = {}
        self._packages: dict[Path, Code | Unkeyable] = {}

    def of_module(self, name: str, file: Path | None = None) -> Code | Unkeyable | None:
        """Return the code of a module.

        Args:
            name: The module's name.
            file: Its file, where Python would not find it by its name: a script, a test.

        Returns:
            The code; None where the module lies in no file; `Unkeyable` where its files can't be read or have changed
            since they were loaded.
        """
        if name not in self._found:
            self._found[name] = self._of_module(name, file)
        return self._found[name]

    def of_package(self, folder: Path) -> Code | Unkeyable:
        """Return the code of a package that this process can't import: all its files.

        Args:
            folder: The folder of a top-level package, of an environment that nobody edits.
        """
        known = self._packages.get(folder)
        if known is None:
            known = self._packages[folder] = self._of_package(folder)
        return known

    def _of_package(self, folder: Path) -> Code | Unkeyable:
        try:
            files = {label: self._file_digest(path) for label, path in _files(folder.name, (folder,), _COMPILED)}
        except StoreError as error:
            return Unkeyable(f"its code can't be read: {error.what}")
        except OSError as error:
            return Unkeyable(f"its code can't be read: {error}")
        return Code(files, {}) if files else Unkeyable(f"its code can't be read: there is nothing in {folder}")

    def _of_module(self, name: str, file: Path | None) -> Code | Unkeyable | None:
        start = Module(name, file, file.name == "__init__.py") if file is not None else self.modules.find(name)
        if start is None or start.path is None:
            return None
        files: dict[str, bytes] = {}
        reached: list[str] = []
        changed: set[str] = set()
        try:
            for module, source in self._reachable(start):
                assert module.path is not None
                if source is not None:
                    digest, stamp = source.digest, source.stamp
                else:
                    stamp = stamp_of(module.path.stat())
                    digest = self._file_digest(module.path)
                if not runs_as_written(module.name, digest, stamp, source):
                    return Unkeyable(
                        f"{module.label} has changed since it was imported, and what runs is the old code; "
                        "start a new process"
                    )
                files[module.label] = digest
                reached.append(module.name)
                if changed_in_this_process(stamp):
                    changed.add(module.name)
                if source is not None:
                    for label, path in self._data_of(module.name):
                        if label not in files and os.fsencode(path.name) in source.content:
                            files[label] = self._file_digest(path)
        except StoreError as error:
            return Unkeyable(f"its code can't be read: {error.what}")
        except OSError as error:
            return Unkeyable(f"its code can't be read: {error}")
        for user in reached if changed else ():
            if (old := outdated(user, frozenset(changed))) is not None:
                return Unkeyable(f"{user} still uses what {old} was before it was loaded again; start a new process")
        return Code(files, {})

    def _reachable(self, start: Module) -> Iterator[tuple[Module, Source | None]]:
        """Yield a module, the packages it lies in, and what each of them imports, as far as it is no library.

        Each comes with its source; None for a native module.
        """
        home = start.name.partition(".")[0]
        parents = list(_parents(start.name))
        seen = {start.name, *parents}
        pending = [start, *filter(None, map(self.modules.find, parents))]
        while pending:
            module = pending.pop()
            if module.path is None:
                continue
            source = read_source(module.path) if module.path.suffix == ".py" else None
            yield module, source
            for statement in source.imports if source is not None else ():
                for name in self.modules.imported(module, statement):
                    if name in seen:
                        continue
                    seen.add(name)
                    if self.modules.is_own(name, home) and (found := self.modules.find(name)) is not None:
                        pending.append(found)

    def _data_of(self, module: str) -> list[tuple[str, Path]]:
        """Return label and path of each data file in the package of a module; none for a module outside packages.

        Beside a script may lie anything, what it has written too; what lies in a package was put there.
        """
        for name in (*_parents(module), module):
            package = self.modules.find(name)
            if package is not None and package.path is not None:
                break
        else:
            return []
        if name not in self._data_files:
            folders = self.modules.folders(name) if package.is_package else ()
            self._data_files[name] = list(_files(name.replace(".", "/"), folders, _NO_DATA))
        return self._data_files[name]


def _parents(module: str) -> Iterator[str]:
    """Yield the names of the packages that a module lies in, from the outermost."""
    parts = module.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts)))


def _files(name: str, folders: tuple[Path, ...], but: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for root in folders:
        for folder, inner, files in os.walk(root):
            inner[:] = [each for each in inner if each != "__pycache__" and not each.startswith(".")]
            for file in files:
                if not file.endswith(but) and file != MANIFEST_NAME:
                    path = Path(folder, file)
                    yield f"{name}/{path.relative_to(root).as_posix()}", path
