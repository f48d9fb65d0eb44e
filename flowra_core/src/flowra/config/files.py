"""The files that settings come from, and the folders that a system keeps for its users."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from flowra.exceptions import ConfigError

__all__ = ["find_project_file", "read_settings_table", "user_cache_dir", "user_data_dir", "user_file", "user_folder"]

_APPLICATION = "flowra"
_ON_LINUX = sys.platform == "linux"


def user_folder() -> Path:
    """Return the folder of the user's settings and secrets; it need not exist."""
    if _ON_LINUX:
        return _xdg_folder("XDG_CONFIG_HOME", ".config")
    from platformdirs import user_config_path

    return user_config_path(_APPLICATION, appauthor=False)


def user_file() -> Path:
    """Return the user's settings file; it need not exist."""
    return user_folder() / "config.toml"


def user_cache_dir() -> Path:
    """Return the user's folder for what can be made anew at any time; it need not exist."""
    if _ON_LINUX:
        return _xdg_folder("XDG_CACHE_HOME", ".cache")
    from platformdirs import user_cache_path

    return user_cache_path(_APPLICATION, appauthor=False)


def user_data_dir() -> Path:
    """Return the user's folder for what is installed and kept; it need not exist."""
    if _ON_LINUX:
        return _xdg_folder("XDG_DATA_HOME", ".local/share")
    from platformdirs import user_data_path

    return user_data_path(_APPLICATION, appauthor=False)


def _xdg_folder(variable: str, default: str) -> Path:
    """Return what platformdirs says on Linux; to import it takes a fifth of the time of `flowra --help`."""
    named = os.environ.get(variable, "")
    return (Path(named) if named.strip() else Path.home() / default) / _APPLICATION


def find_project_file(start: Path | None = None) -> Path | None:
    """Return the project's settings file, looked for from `start`, or the current folder, upwards."""
    if start is None:
        try:
            start = Path.cwd()
        except OSError:
            return None  # the current folder was removed: there is no project around it
    for folder in (start, *start.parents):
        own = folder / "flowra.toml"
        if own.is_file():
            return own
        shared = folder / "pyproject.toml"
        if shared.is_file() and _mentions_flowra(shared):
            return shared
    return None


def read_settings_table(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file: all of it, or the table `[tool.flowra]` of a `pyproject.toml`.

    Raises:
        ConfigError: If the file can't be read or is no TOML.
    """
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # what is no TOML, and what is no UTF-8, are ValueErrors
        raise ConfigError(
            "a settings file can't be read",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="mend the file, or move it away",
        ) from error
    if path.name == "pyproject.toml":
        content = content.get("tool", {}).get("flowra", {})
    if not isinstance(content, dict):
        raise ConfigError("[tool.flowra] is not a table", where=str(path), fix="write it as [tool.flowra]")
    return content


def _mentions_flowra(path: Path) -> bool:
    """Return whether a `pyproject.toml` may have a table for Flowra; parsing each one would cost every start."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return b"tool.flowra" in content
