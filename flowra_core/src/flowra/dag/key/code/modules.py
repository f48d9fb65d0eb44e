"""Which file a module is, by its name alone, and whether it is somebody's own code or a library's."""

from __future__ import annotations

import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path

from flowra.dag.key.code.source import ImportedName

__all__ = ["Module", "ModuleFinder", "TopLevel"]

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Module:
    """A module that lies in a file.

    Attributes:
        name: Its dotted name.
        path: Its file; None for a package without one, which only leads to those below it.
        is_package: Whether there may be modules below it.
    """

    name: str
    path: Path | None
    is_package: bool

    @property
    def label(self) -> str:
        """The file as keys name it, the same wherever it is installed: `flowra_image/nodes/filters.py`."""
        base = self.name if self.is_package else self.name.rpartition(".")[0]
        return "/".join([*filter(None, base.split(".")), *([self.path.name] if self.path else [])])


@dataclass(frozen=True, slots=True)
class TopLevel:
    """A top-level package or module.

    Attributes:
        name: Its name.
        folders: Where its modules lie; empty for a single file.
        path: Its own file, or None.
    """

    name: str
    folders: tuple[Path, ...]
    path: Path | None


class ModuleFinder:
    """Finds the modules that count as a node's code: those of its own package, and whatever else is no library.

    A library is what is installed in `site-packages`, Python's own modules, and Flowra; nodes declare the versions of
    those that matter. A module beside a script, or a package that is installed for development, is no library.
    """

    def __init__(self) -> None:
        self._tops: dict[str, TopLevel | None] = {}
        self._own: dict[str, bool] = {}
        self._modules: dict[str, Module | None] = {}
        self._folders: dict[str, tuple[Path, ...]] = {}
        self._library_folders = _library_folders(tuple(sys.path))

    def top_level(self, name: str) -> TopLevel | None:
        """Return a top-level package or module, or None where there is none in files."""
        if name not in self._tops:
            self._tops[name] = _top_level(name)
        return self._tops[name]

    def is_own(self, name: str, home: str) -> bool:
        """Tell whether a module counts as code of a node, and not as a library.

        Args:
            name: The module.
            home: The top-level package of the node itself.
        """
        top = name.partition(".")[0]
        if top == home:
            return True
        if top == "flowra" or top in sys.stdlib_module_names:
            return False
        own = self._own.get(top)
        if own is None:
            own = self._own[top] = self._is_no_library(top)
        return own

    def _is_no_library(self, top: str) -> bool:
        found = self.top_level(top)
        if found is None:
            return False
        places = found.folders or tuple(filter(None, [found.path]))
        return all(self._library_folders.isdisjoint(place.resolve().parents) for place in places)

    def find(self, name: str) -> Module | None:
        """Return a module by its name, or None where no file is it."""
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def imported(self, importer: Module, statement: ImportedName) -> Iterator[str]:
        """Yield the names of the modules that an import statement may load, parents included."""
        base = statement.module
        if statement.level:
            package = importer.name if importer.is_package else importer.name.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) - statement.level + 1]
            base = ".".join([*above, *filter(None, [statement.module])])
        if not base:
            return
        parts = base.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        for name in statement.names:
            yield from self._below(base) if name == "*" else (f"{base}.{name}",)

    def folders(self, name: str) -> tuple[Path, ...]:
        """Return the folders in which the modules below a package lie."""
        if name not in self._folders:
            parent, _, last = name.rpartition(".")
            if parent:
                inner = (folder / last for folder in self.folders(parent))
                self._folders[name] = tuple(folder for folder in inner if folder.is_dir())
            else:
                top = self.top_level(name)
                self._folders[name] = top.folders if top is not None else ()
        return self._folders[name]

    def _below(self, package: str) -> Iterator[str]:
        for folder in self.folders(package):
            for entry in sorted(folder.iterdir()):
                stem = entry.name.partition(".")[0]
                if stem.isidentifier() and (entry.name.endswith(_SUFFIXES) or entry.is_dir()):
                    yield f"{package}.{stem}"

    def _find(self, name: str) -> Module | None:
        parent, _, last = name.rpartition(".")
        if not parent:
            top = self.top_level(name)
            return Module(name, top.path, bool(top.folders)) if top is not None else None
        folders = self.folders(parent)
        for folder in folders:
            # In the order in which Python looks: a package before a module, an extension before a source.
            for place, stem in ((folder / last, "__init__"), (folder, last)):
                for suffix in _SUFFIXES:
                    if (path := place / f"{stem}{suffix}").is_file():
                        return Module(name, path, place is not folder)
        return Module(name, None, True) if any((folder / last).is_dir() for folder in folders) else None


def _top_level(name: str) -> TopLevel | None:
    loaded = sys.modules.get(name)
    try:
        # Without importing: only the parents of a dotted name are imported to find it, and this one has none.
        spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError, TypeError):
        spec = None
    if spec is None:
        path = getattr(loaded, "__file__", None)
        return TopLevel(name, (), Path(path).absolute()) if path else None
    folders = tuple(Path(folder).absolute() for folder in spec.submodule_search_locations or ())
    origin = Path(spec.origin).absolute() if spec.has_location and spec.origin else None
    if origin is not None and not origin.is_file():
        origin = None  # in an archive
    return TopLevel(name, folders, origin) if folders or origin is not None else None


@lru_cache(maxsize=4)
def _library_folders(search_path: tuple[str, ...]) -> frozenset[Path]:
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    extra = [folder for folder in search_path if Path(folder).name in ("site-packages", "dist-packages")]
    folders = (*named, *site.getsitepackages(), site.getusersitepackages(), *extra)
    return frozenset(Path(folder).resolve() for folder in folders)
