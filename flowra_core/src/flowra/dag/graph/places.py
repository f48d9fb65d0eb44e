"""Places in a graph: `nodes.resize.inputs.width`, as text for people and as a path for code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["KeyPath", "parse_place", "render_place"]

#: The keys and list positions that lead from the top of the file to a value.
KeyPath: TypeAlias = tuple[str | int, ...]

_is_plain = re.compile(r"[\w$/-]{1,200}\Z").match
_part = re.compile(r'\[(\d+)\]|\.?("(?:[^"\\]|\\.)*")|\.?([^.\["]+)')

_LONGEST_KEY = 80


def render_place(path: Iterable[str | int]) -> str:
    """Return a path as people write it: names joined by dots, positions in brackets, odd keys quoted."""
    parts: list[str] = []
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(f"{'.' if parts else ''}{key if _is_plain(key) else _quoted(key)}")
    return "".join(parts) or "the file"


def _quoted(key: str) -> str:
    return json.dumps(key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…")


def parse_place(place: str) -> KeyPath:
    """Return the path of a place; what is no place gives an empty path."""
    path: list[str | int] = []
    position = 0
    while position < len(place):
        match = _part.match(place, position)
        if match is None:
            return ()
        index, quoted, plain = match.groups()
        path.append(int(index) if index is not None else json.loads(quoted) if quoted is not None else plain)
        position = match.end()
    return tuple(path)
