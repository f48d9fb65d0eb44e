"""A pack's source tree: what its `pyproject.toml` says, and where its code lies."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.exceptions import UsageError

__all__ = ["PackProject"]

#: Where a project keeps its import package, relative to pyproject.toml, in the order of looking.
_SOURCE_FOLDERS = ("src", ".")


@dataclass(frozen=True)
class PackProject:
    """The source tree of a node pack.

    Attributes:
        root: The folder of its pyproject.toml.
        distribution: The name under which it is installed.
        pack: The pack's id: the name of its entry point in the group `flowra`.
        module: The entry-point module.
        source: The folder that is put on the import path.
        version: Its version; `0` where it is not written there.
        requires: What it depends on.
    """

    root: Path
    distribution: str
    pack: str
    module: str
    source: Path
    version: str = "0"
    requires: tuple[str, ...] = ()

    @property
    def package_dir(self) -> Path:
        """The folder of the top-level import package."""
        return self.source / self.module.partition(".")[0]

    @classmethod
    def find(cls, path: Path) -> PackProject:
        """Return the project in a folder or in the nearest folder around it.

        Raises:
            UsageError: There is none, or it is no pack; the message says what is missing.
        """
        start = path.resolve()
        if not start.is_dir():
            raise UsageError(
                "this is a file, not a folder" if start.exists() else "there is no such folder",
                where=str(path),
                fix="name the folder of a node pack",
            )
        root = next((folder for folder in (start, *start.parents) if (folder / "pyproject.toml").is_file()), None)
        if root is None:
            raise UsageError("there is no pyproject.toml here", where=str(path), fix="name the folder of a node pack")
        data = _read_toml(root / "pyproject.toml")
        project = data.get("project", {})
        groups = project.get("entry-points", {}) if isinstance(project, dict) else {}
        entry_points = groups.get("flowra", {}) if isinstance(groups, dict) else {}
        if not isinstance(entry_points, dict):
            entry_points = {}
        if len(entry_points) != 1:
            raise UsageError(
                "this is no node pack" if not entry_points else "a node pack has one entry point",
                where=str(root / "pyproject.toml"),
                why=f"its [project.entry-points.flowra] has {len(entry_points)} entries",
                fix='write: [project.entry-points.flowra], then  my_pack = "my_pack.plugin"',
            )
        ((pack, module),) = entry_points.items()
        if not isinstance(module, str) or not module:
            raise UsageError(
                f"the entry point {pack} names no module",
                where=str(root / "pyproject.toml"),
                why=f"it is {module!r}",
                fix=f'write: {pack} = "my_pack.plugin"',
            )
        top = module.partition(".")[0]
        source = next((root / folder for folder in _SOURCE_FOLDERS if (root / folder / top).is_dir()), None)
        if source is None:
            raise UsageError(
                f"the package {top} is not there",
                where=str(root),
                why=f"the entry point names {module}; looked in {' and '.join(_SOURCE_FOLDERS)}",
            )
        requires = project.get("dependencies", ())
        return cls(
            root,
            str(project.get("name", root.name)),
            pack,
            module,
            source,
            str(project.get("version", "0")),
            tuple(map(str, requires)) if isinstance(requires, list) else (),
        )


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError("the project's pyproject.toml can't be read", where=str(path), why=str(error)) from error
