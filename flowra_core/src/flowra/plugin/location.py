"""Where a pack's code lies, found without importing any of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["locate_package"]


def locate_package(module: str) -> Path | None:
    """Return the folder of the top-level import package that `module` belongs to.

    Only the top-level name goes through Python's import system, which finds it without running it. Where that is a
    namespace package, several distributions share it; the package is then the first regular one below it.

    Returns:
        The folder, or None if there is no such package, or if `module` is a single file.
    """
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.submodule_search_locations is None:
        return None
    folders = [Path(location) for location in spec.submodule_search_locations]
    if spec.origin is not None:
        return folders[0] if folders else None
    for name in rest:
        folders = [folder / name for folder in folders if (folder / name).is_dir()]
        for folder in folders:
            if (folder / "__init__.py").is_file():
                return folder
    return None
