"""Files for people, written whole or not at all: for the nodes that save, and the handlers that export."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowra.exceptions import FlowraError

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(
    path: Path, *, overwrite: bool = True, failed: Callable[..., FlowraError] = FlowraError
) -> Iterator[Path]:
    """Give a temporary path to write to, with the same ending; what lies there at the end becomes the file.

    Args:
        path: Where to; folders on the way are made.
        overwrite: Whether a file that is there already is replaced.
        failed: Makes the error that is raised of `what`, `why` and `fix`.

    Raises:
        FlowraError: The file can't be written, or is there and must not be replaced; nothing is left of it.
    """
    if "\0" in str(path):
        raise failed(f"can't write {str(path)!r}", why="no file's name holds a null character")
    temporary = path.with_name(f".{path.stem[:60]}.{secrets.token_hex(4)}.part{path.suffix[:20]}")
    try:
        _make_folder(path.parent)
        try:
            yield temporary
            if overwrite:
                temporary.replace(path)
            else:
                # Unlike a look beforehand, a link can't replace a file that appears in between.
                os.link(temporary, path)
                temporary.unlink()
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except FlowraError:
        raise  # what the writer itself has to say
    except FileExistsError:
        raise failed(
            f"{path} exists already" if path.exists() else f"a part of {path} is a file, not a folder",
            fix="choose another name, or switch overwriting on",
        ) from None
    except OSError as error:
        raise failed(
            f"can't write {path}",
            why=error.strerror or str(error),
            fix="choose a folder that you may write to, on a disk with room",
        ) from error


def write_whole(
    path: Path, data: bytes, *, overwrite: bool = True, failed: Callable[..., FlowraError] = FlowraError
) -> None:
    """Write a file so that nobody ever sees a part of it; see `whole_file`."""
    with whole_file(path, overwrite=overwrite, failed=failed) as temporary:
        temporary.write_bytes(data)


def _make_folder(folder: Path) -> None:
    """Make a folder if it is not there: looking costs a tenth of trying to make one that is."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
