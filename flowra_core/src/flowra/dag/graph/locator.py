"""Finds the lines of a JSON file on which values stand. It runs only when there are problems to show.

Well-kept JSON parsers for Python give no positions, so this walks over the tokens of a text that may be broken,
too deep or have repeated keys, without recursion, and looks closer only along the paths it was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from flowra.dag.graph.places import KeyPath

__all__ = ["lines_of", "too_deep"]

_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


class _Wanted:
    """A step on the way to wanted places."""

    __slots__ = ("lines", "steps")

    def __init__(self) -> None:
        self.steps: dict[str | int, _Wanted] = {}
        self.lines: list[int] = []


def lines_of(text: str, paths: Iterable[KeyPath]) -> dict[KeyPath, list[int]]:
    """Return, for each path, every line (from 1) on which its value stands.

    A repeated key has several lines. What is not in the text (a missing key) has the last line of its nearest parent.
    """
    top = _Wanted()
    top.lines.append(1)
    wanted = dict.fromkeys(paths)
    for path in wanted:
        step = top
        for key in path:
            step = step.steps.setdefault(key, _Wanted())
    _walk(text, top)
    return {path: _lines_along(top, path) for path in wanted}


def _lines_along(top: _Wanted, path: KeyPath) -> list[int]:
    lines, step = top.lines, top
    for key in path:
        step = step.steps[key]
        if not step.lines:
            return lines[-1:]
        lines = step.lines
    return lines


class _Open:
    """A list or object that the walk is in; `step` is None where nothing inside is wanted."""

    __slots__ = ("child", "index", "step")

    def __init__(self, step: _Wanted | None, index: int | None) -> None:
        self.step = step
        self.index = index  # None in an object
        self.child: _Wanted | None = None


def _walk(text: str, top: _Wanted) -> None:
    stack: list[_Open] = []
    key_next = False
    for token, line in _tokens(text):
        mark = token[0]
        inside = stack[-1] if stack else None
        if mark in "]}":
            if stack:
                stack.pop()
            key_next = False
            continue
        if mark == ",":
            key_next = inside is not None and inside.index is None
            if inside is not None and inside.index is not None:
                inside.index += 1
            continue
        if mark == ":":
            key_next = False
            continue
        if key_next:
            if inside is not None and inside.step is not None:
                inside.child = _reached(inside.step, _decoded(token), line)
            continue
        if inside is not None and inside.index is not None and inside.step is not None:
            inside.child = _reached(inside.step, inside.index, line)
        if mark in "[{":
            step = top if inside is None else inside.child
            stack.append(_Open(step if step is not None and step.steps else None, 0 if mark == "[" else None))
            key_next = mark == "{"


def _reached(step: _Wanted, key: str | int | None, line: int) -> _Wanted | None:
    child = step.steps.get(key) if key is not None else None
    if child is not None:
        child.lines.append(line)
    return child


def _decoded(token: str) -> str | None:
    try:
        key = json.loads(token, strict=False)
    except ValueError:
        return None
    return key if isinstance(key, str) else None


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, position = 1, 0
    for match in _token.finditer(text):
        start = match.start()
        line += text.count("\n", position, start)
        position = start
        yield match.group(), line


def too_deep(text: str, depth: int) -> int:
    """Return the line on which lists and objects are first nested deeper than `depth`."""
    level = 0
    for token, line in _tokens(text):
        if token[0] in "[{":
            level += 1
            if level > depth:
                return line
        elif token[0] in "]}":
            level -= 1
    return 1
