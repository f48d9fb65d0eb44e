"""The index of installed packs: one small file, read at each start in place of every distribution's metadata.

There is one for each search path. It is a cache and nothing more: it is made anew when anything it was made from has
changed, when it can't be read or was damaged, and done without where it can't be written.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowra.plugin.record import PackRecord
from flowra.plugin.search_path import FolderState, PathState, newest_change, search_path, state_is_current
from flowra.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Index", "index_path", "load_index", "save_index"]

_FORMAT = "flowra-packs/2"
#: Two changes this close may carry one time stamp, so that the second can't be told from the first.
_CLOCK_TICK_NS = 50_000_000
_WHOLE_SECOND_TICK_NS = 2_000_000_000
#: Indexes of search paths long gone are dropped, oldest first, beyond this many.
_MOST_INDEXES = 64


@dataclass(frozen=True, slots=True)
class Index:
    """The packs of one search path.

    Attributes:
        path_state: The search path, as it was when the packs were looked for.
        records: The packs.
        environments: The folder of packs' own environments, and its modification time then.
    """

    path_state: list[PathState]
    records: list[PackRecord]
    environments: FolderState | None = None


def index_path(cache_dir: Path) -> Path:
    """Return the file of the index for the search path as it is now."""
    key = "\0".join([_key(), *search_path()])
    return cache_dir / "packs" / f"{zlib.crc32(key.encode(errors='surrogateescape')):08x}.json"


def load_index(path: Path, environments: FolderState | None = None) -> Index | None:
    """Return the index if there is one that is whole and still true of what is installed.

    Args:
        path: The index's file.
        environments: The folder of packs' own environments as it is now; None where none are looked for.
    """
    try:
        checksum, _, body = path.read_bytes().partition(b"\n")
        if int(checksum, 16) != zlib.crc32(body):
            return None
        data = json.loads(body)
        if data["key"] != _key():
            return None
        if data["environments"] != (list(environments) if environments is not None else None):
            return None
        index = Index([(path, modified, listing) for path, modified, listing in data["path"]], [], environments)
        if not state_is_current(index.path_state):
            return None
        index.records.extend(map(PackRecord.from_json, data["packs"]))
        current = all(record.metadata_is_as_stamped() for record in index.records)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # a cache that can't be read is a cache that has to be made
    return index if current else None


def save_index(path: Path, index: Index, began_ns: int) -> bool:
    """Write an index, all of it or nothing.

    Args:
        path: The index's file.
        index: What to write.
        began_ns: When looking for the packs began, in nanoseconds since the epoch.

    Returns:
        Whether it was written. It is not where that isn't possible, nor when something changed just before the packs
        were looked for: a second change right after could not be told from the first.
    """
    newest = max(newest_change(index.path_state), index.environments[1] if index.environments is not None else -1)
    for record in index.records:
        newest = max([newest, *(max(changes) for _, *changes, _ in (*record.metadata_stamps, *record.code_stamps))])
    tick = _CLOCK_TICK_NS if newest % 1_000_000_000 else _WHOLE_SECOND_TICK_NS
    if newest > began_ns - tick:
        return False
    packs = [record.to_json() for record in index.records]
    data = {"key": _key(), "path": index.path_state, "environments": index.environments, "packs": packs}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        body = json.dumps(data, separators=(",", ":")).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(f"{zlib.crc32(body):08x}\n".encode() + body)
        temporary.replace(path)
    except (OSError, ValueError, TypeError):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    _drop_old(path.parent)
    return True


def _key() -> str:
    """Return what an index is true for, besides the search path."""
    return f"{_FORMAT} flowra {VERSION} python {sys.hexversion:x} {sys.prefix}"


def _drop_old(folder: Path) -> None:
    with contextlib.suppress(OSError):
        by_age = sorted(folder.glob("*.json*"), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[:-_MOST_INDEXES]:
            path.unlink(missing_ok=True)
