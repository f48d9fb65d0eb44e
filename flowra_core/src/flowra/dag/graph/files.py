"""Writes files that are complete or untouched, whatever happens."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, text: Iterable[str]) -> None:
    """Write pieces of text to a file in UTF-8; the file is replaced once all of them are written.

    Raises:
        OSError: The file can't be written; nothing is left behind. What making the text raises, does so too.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="\n") as stream:  # /dev/stdout, a pipe; a folder raises
            stream.writelines(text)
        return
    target = path.resolve()  # a symbolic link stays one
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(text)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
