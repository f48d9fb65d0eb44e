"""The places that Python finds distributions in, as they are now: what the index is keyed by."""

from __future__ import annotations

import os
import sys
import zlib

__all__ = ["FolderState", "PathState", "folder_state", "newest_change", "search_path", "state_is_current", "take_state"]

#: One entry of the search path: the path, its modification time in nanoseconds (-1 if there is nothing), and a
#: checksum over the names and times of the distributions' metadata in it.
PathState = tuple[str, int, int]

#: A folder and its modification time in nanoseconds, -1 if there is none.
FolderState = tuple[str, int]

_METADATA_SUFFIXES = (".dist-info", ".egg-info", ".egg", ".egg-link")


def search_path() -> list[str]:
    """Return `sys.path` as absolute paths, each once, in order."""
    # What is no string there, Python passes over too.
    paths = (_absolute(path) for path in sys.path if isinstance(path, str))
    return list(dict.fromkeys(path for path in paths if path is not None))


def take_state() -> list[PathState]:
    """Return the search path as it is now."""
    return [(path, _modified(path), _listing(path)) for path in search_path()]


def folder_state(path: str) -> FolderState:
    """Return a folder as it is now."""
    return (path, _modified(path))


def state_is_current(state: list[PathState]) -> bool:
    """Return whether the search path is as it was when `state` was taken.

    A folder's modification time says most of the time that nothing changed. Where it differs, a listing decides: in
    the current folder, files come and go that are no distributions.
    """
    if [path for path, _, _ in state] != search_path():
        return False
    return all(modified == _modified(path) or listing == _listing(path) for path, modified, listing in state)


def newest_change(state: list[PathState]) -> int:
    """Return the newest modification time in a state, in nanoseconds."""
    return max((modified for _, modified, _ in state), default=-1)


def _absolute(path: str) -> str | None:
    try:
        return os.path.abspath(path)  # noqa: PTH100 - "" is the current folder
    except OSError:
        return None  # the current folder was removed, and this path is relative to it


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - at each start
    except OSError:
        return -1


def _listing(path: str) -> int:
    try:
        with os.scandir(path) as entries:
            metadata = [entry for entry in entries if entry.name.endswith(_METADATA_SUFFIXES)]
            found = sorted(f"{entry.name}\0{entry.stat().st_mtime_ns}\0" for entry in metadata)
    except OSError:
        return 0
    return zlib.crc32("".join(found).encode(errors="surrogateescape"))
