"""The name of a local tier: sessions on one local tier see at once what each of them puts."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

__all__ = ["home_of"]

_FILE = "home"


def home_of(folder: Path) -> str:
    """Return the name of a local store's folder: drawn at random, and written into it, when it is first asked for.

    Raises:
        OSError: It can't be read or written.
    """
    path = folder / _FILE
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        name = uuid.uuid4().hex
    temporary = path.with_name(f".{_FILE}-{name}")
    temporary.write_text(name, encoding="ascii")
    try:
        os.link(temporary, path)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    finally:
        temporary.unlink()
    return name
