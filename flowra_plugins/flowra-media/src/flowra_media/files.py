"""Files are written whole or not at all, and read within a limit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from flowra.type.whole_files import whole_file, write_whole
from flowra_media.errors import MediaError, MediaLimitError

__all__ = ["publishing", "read_bytes", "require_file", "write_bytes"]


def publishing(path: Path, *, overwrite: bool = True) -> AbstractContextManager[Path]:
    """Give a temporary path to write to; what lies there at the end becomes the file.

    Raises:
        MediaError: The file can't be written, or is there and must not be replaced.
    """
    return whole_file(path, overwrite=overwrite, failed=MediaError)


def write_bytes(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file so that nobody ever sees a part of it; raises `MediaError` with the reason if that fails."""
    write_whole(path, data, overwrite=overwrite, failed=MediaError)


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
