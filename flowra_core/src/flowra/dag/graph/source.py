"""Reads graph files from disk, and says in words why one can't be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from flowra.dag.graph.model import Graph
from flowra.dag.graph.names import nearest
from flowra.dag.graph.reader import Reading, read_graph
from flowra.exceptions import Problem

__all__ = ["MAX_FILE_SIZE", "read_graph_file"]

#: The largest graph file in bytes. A graph of 100,000 nodes takes some 20 MiB; data belongs in files of its own.
MAX_FILE_SIZE = 512 * 1024 * 1024

_CHUNK = 4 * 1024 * 1024


def read_graph_file(path: Path) -> Reading:
    """Read a graph from a file; whatever is wrong, the file itself included, is collected, not raised."""
    try:
        with path.open("rb") as file:
            content = _read(file)
    except (OSError, ValueError) as error:
        return Reading(Graph(), (_unreadable(path, error),), where=str(path))
    if content is None:
        reason = f"larger than {MAX_FILE_SIZE // 1024**2} MiB, the most that a graph file may have"
        problem = Problem(str(path), reason, "keep data in files of its own and load them in the graph")
        return Reading(Graph(), (problem,), where=str(path))
    reading = read_graph(content, where=str(path))
    reading.graph.folder = path.absolute().parent
    return reading


def _read(file: BinaryIO) -> bytes | None:
    """Return what is in the file, or None if it is too large; a pipe tells its size at its end only."""
    if os.fstat(file.fileno()).st_size > MAX_FILE_SIZE:
        return None
    content = bytearray()
    while chunk := file.read(_CHUNK):
        content += chunk
        if len(content) > MAX_FILE_SIZE:
            return None
    return bytes(content)


def _unreadable(path: Path, error: OSError | ValueError) -> Problem:
    if isinstance(error, FileNotFoundError):
        near = _nearest_file(path)
        return Problem(str(path), "there is no such file", f"did you mean {near}?" if near else None)
    if isinstance(error, IsADirectoryError):
        return Problem(str(path), "this is a folder, not a graph file")
    if isinstance(error, PermissionError):
        return Problem(str(path), "the file may not be read by you")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(str(path), f"the file can't be read: {reason}")


def _nearest_file(path: Path) -> Path | None:
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix == ".json"]
    except OSError:
        return None
    near = nearest(path.name, names)
    return path.parent / near if near else None
