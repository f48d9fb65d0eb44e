"""Packs that have environments of their own: found by one small file each, without asking their Pythons.

Below the folder of such environments each has a folder with a virtual environment and `environment.json`:

```json
{
  "format": "flowra-environment/1",
  "pack": "sharp",
  "distribution": "flowra-sharp",
  "version": "1.2",
  "module": "flowra_sharp.plugin",
  "flowra": "0.1.0",
  "python": ".venv/bin/python",
  "package": ".venv/lib/python3.12/site-packages/flowra_sharp",
  "manifest": ".venv/lib/python3.12/site-packages/flowra_sharp/flowra-manifest.json"
}
```

Paths are relative to the folder. `flowra.pack.environments` makes and removes them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flowra.exceptions import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ENVIRONMENT_FILE",
    "ENVIRONMENT_FORMAT",
    "PackEnvironment",
    "environments_in",
    "is_inside",
    "read_environment",
    "remake_command",
]

#: The file in the folder of an environment; there once all else is.
ENVIRONMENT_FILE = "environment.json"
ENVIRONMENT_FORMAT = "flowra-environment/1"
_TEXTS = ("pack", "distribution", "version", "module", "flowra")
_PATHS = ("python", "package", "manifest")


@dataclass(frozen=True, slots=True)
class PackEnvironment:
    """An environment that belongs to one pack.

    Attributes:
        folder: Its folder.
        pack: The pack's id.
        distribution: The pack's distribution.
        version: The distribution's version.
        module: The entry-point module.
        flowra: The version of Flowra in it.
        python: Its Python.
        package: The folder of the pack's top-level import package in it.
        manifest: The manifest of the pack.
    """

    folder: Path
    pack: str
    distribution: str
    version: str
    module: str
    flowra: str
    python: Path
    package: Path
    manifest: Path

    def to_json(self) -> dict[str, str]:
        """Return what `environment.json` holds."""
        texts = {name: getattr(self, name) for name in _TEXTS}
        paths = {name: getattr(self, name).relative_to(self.folder).as_posix() for name in _PATHS}
        return {"format": ENVIRONMENT_FORMAT, **texts, **paths}

    def moved(self, folder: Path) -> PackEnvironment:
        """Return the same environment in another folder."""
        return _environment(folder, self.to_json())


def read_environment(folder: Path) -> PackEnvironment:
    """Return the environment in a folder.

    Raises:
        PluginError: There is none, or its file is off.
    """
    path = folder / ENVIRONMENT_FILE
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from error
    if not isinstance(data, dict) or data.get("format") != ENVIRONMENT_FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise _unusable(path, f"its format is {found!r}; this Flowra reads {ENVIRONMENT_FORMAT!r}")
    if not all(isinstance(data.get(name), str) and data[name] for name in (*_TEXTS, *_PATHS)):
        raise _unusable(path, f"it has to give {', '.join((*_TEXTS, *_PATHS))}")
    for name in _PATHS:
        inside = PurePosixPath(data[name])
        if inside.is_absolute() or ".." in inside.parts:
            raise _unusable(path, f"{name} leads out of the folder")
    return _environment(folder, data)


def environments_in(folder: Path) -> list[Path]:
    """Return the folders of the environments below a folder, the newest first: of two of one pack it counts."""
    try:
        found = [Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError:
        return []
    dated = []
    for each in found:
        try:
            dated.append(((each / ENVIRONMENT_FILE).stat().st_mtime_ns, each))
        except OSError:
            continue  # being removed, or no environment
    return [each for _, each in sorted(dated, reverse=True)]


def is_inside(folder: Path) -> bool:
    """Return whether this Python is that of an environment below a folder: it knows only what is installed in it."""
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(sys.prefix)).parents


def remake_command(distribution: str) -> str:
    """Return the command that makes a pack's environment anew."""
    return f"flowra pack install --isolated {distribution}"


def _environment(folder: Path, data: Mapping[str, str]) -> PackEnvironment:
    paths = {name: folder / data[name] for name in _PATHS}
    return PackEnvironment(folder, **{name: data[name] for name in _TEXTS}, **paths)  # type: ignore[arg-type]


def _unusable(path: Path, why: str) -> PluginError:
    return PluginError(
        "a pack's environment can't be used",
        where=str(path),
        why=why,
        fix="remove that folder, and install the pack again: flowra pack install --isolated PACK",
    )
