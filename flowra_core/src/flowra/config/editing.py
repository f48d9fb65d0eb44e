"""Changes settings files in place: comments, order and spacing stay as their author left them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.config.settings import setting_of, settings_in, value_in_file, wrong_value
from flowra.exceptions import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tomlkit import TOMLDocument

__all__ = ["check_file", "remove_setting", "setting_from_text", "write_setting", "write_whole"]

#: The table of a `pyproject.toml` that is Flowra's.
_TABLE = ("tool", "flowra")


def setting_from_text(name: str, text: str, path: Path) -> Any:
    """Return what a text on a command line means for a setting, as its file is to have it.

    A relative folder is relative to the current folder where it is typed. In the file it is relative to the file's own
    folder if it lies below it, so that a project can be moved, and absolute if it does not.

    Args:
        name: The setting.
        text: What was typed: a folder or address, or names separated by commas, amounts as in `gpu=1,licence=2`,
            true or false.
        path: The file that it will be written to.

    Raises:
        ConfigError: There is no such setting, or it can't have the value.
    """
    try:
        value = setting_of(name, str(path)).kind.for_file(text, path.parent)
    except ValueError:
        raise wrong_value(name, text, name) from None
    value_in_file(name, value, path)
    return value


def write_setting(path: Path, name: str, value: Any) -> None:
    """Write a setting into a file, which is made if it is not there; all else in it stays as it is.

    Raises:
        ConfigError: The file can't be read, or what it holds already is no valid settings file.
        UsageError: It can't be written.
    """
    value_in_file(name, value, path)
    document = _read(path)
    _table(document, path, make=True)[name] = value
    write_whole(path, document.as_string())


def remove_setting(path: Path, name: str) -> bool:
    """Remove a setting from a file, and tell whether it had it.

    Raises:
        ConfigError: The file can't be read.
        UsageError: It can't be written.
    """
    if not path.is_file():
        return False
    document = _read(path)
    table = _table(document, path, make=False)
    if name not in table:
        return False
    del table[name]
    write_whole(path, document.as_string())
    return True


def check_file(path: Path) -> None:
    """Raise ConfigError if a settings file can't be read, or says what it can't."""
    settings_in(path)


def write_whole(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file whole or not at all; a link is followed, and who may read it stays as it was.

    Args:
        path: The file.
        text: Its new contents.
        mode: Its permissions; those that it has, or those of any new file, if None.

    Raises:
        UsageError: It can't be written.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode is None:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                os.fchmod(file.fileno(), mode)
                file.write(text)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            "a settings file can't be written", where=str(path), why=error.strerror or str(error)
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path) -> TOMLDocument:
    import tomlkit

    if not path.exists():
        return tomlkit.document()
    check_file(path)  # what is off in it already is said before anything is changed
    # Line breaks as they are: reading text would make all of them one kind.
    return tomlkit.parse(path.read_bytes().decode())


def _table(document: TOMLDocument, path: Path, *, make: bool) -> MutableMapping[str, Any]:
    """Return the part of a file that holds the settings."""
    import tomlkit

    table: MutableMapping[str, Any] = document
    if path.name != "pyproject.toml":
        return table
    for number, name in enumerate(_TABLE):
        if name not in table:
            if not make:
                return {}
            table[name] = tomlkit.table(is_super_table=number < len(_TABLE) - 1)
        inner = table[name]
        if not hasattr(inner, "keys"):
            raise ConfigError(f"[{'.'.join(_TABLE[: number + 1])}] is not a table", where=str(path))
        table = inner
    return table
