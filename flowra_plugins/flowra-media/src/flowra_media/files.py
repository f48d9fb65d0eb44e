"""Files are written whole or not at all, and read within a limit."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowra_media.errors import MediaError, MediaLimitError

__all__ = ["publishing", "read_bytes", "require_file", "write_bytes"]


@contextmanager
def publishing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to, with the same ending; what lies there at the end becomes the file.

    Args:
        path: Where to; folders on the way are made.
        overwrite: Whether a file that is there already is replaced.

    Raises:
        MediaError: The file can't be written, or is there and must not be replaced.
    """
    temporary = path.with_name(f".{path.stem[:60]}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            if overwrite:
                temporary.replace(path)
            else:
                # Unlike a look beforehand, a link can't replace a file that appears in between.
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise MediaError(
            f"{path} exists already" if path.exists() else f"a part of {path} is a file, not a folder",
            fix="choose another name, or switch overwriting on",
        ) from None
    except OSError as error:
        raise MediaError(
            f"can't write {path}",
            why=error.strerror or str(error),
            fix="choose a folder that you may write to, on a disk with room",
        ) from error


def write_bytes(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file so that nobody ever sees a part of it; raises `MediaError` with the reason if that fails."""
    with publishing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def require_file(path: Path) -> int:
    """Return the size of a file in bytes; raises `MediaError` where there is none."""
    try:
        if path.is_dir():
            raise MediaError(f"{path} is a folder, not a file")
        return path.stat().st_size
    except FileNotFoundError:
        raise MediaError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"can't read {path}", why=getattr(error, "strerror", None) or str(error)) from error


def read_bytes(path: Path, max_megabytes: float) -> bytes:
    """Return what a file holds.

    Raises:
        MediaError: It can't be read.
        MediaLimitError: It is larger than the limit.
    """
    size = require_file(path)
    limit = int(max_megabytes * 1e6)
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise MediaError(f"can't read {path}", why=error.strerror or str(error)) from error
    if len(data) > limit:
        raise MediaLimitError(
            f"{path} is larger than {max_megabytes:g} MB",
            why=f"it has {size / 1e6:,.1f} MB",
            fix="raise max_megabytes if you trust the file",
        )
    return data
