"""The JSON of a graph file: text to plain data that remembers repeated keys, or what is wrong with the text."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flowra.dag.graph.locator import too_deep
from flowra.dag.graph.values import MAX_DEPTH
from flowra.exceptions import Problem

__all__ = ["ParsedJSON", "RepeatedKeysObject", "parse_json"]


class RepeatedKeysObject(dict[str, Any]):
    """An object with keys that are there more than once: the last value of each, and how often it is there."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = {key: count for key, count in counts.items() if count > 1}


@dataclass(frozen=True, slots=True)
class ParsedJSON:
    """The data of a text, or the problem that kept it from being read."""

    data: Any = None
    text: str | None = None
    problem: Problem | None = None


def parse_json(source: str | bytes) -> ParsedJSON:
    """Parse the text of a graph file."""
    if isinstance(source, bytes):
        text, problem = _decoded(source)
        if problem is not None:
            return ParsedJSON(problem=problem)
    else:
        text = source
    text = text.removeprefix("\ufeff")
    if not text.strip():
        fix = 'the least is {"format": "flowra/1", "nodes": {}}'
        return ParsedJSON(text=text, problem=Problem("the file", "it is empty", fix))
    try:
        return ParsedJSON(json.loads(text, object_pairs_hook=_object), text)
    except json.JSONDecodeError as error:
        return ParsedJSON(text=text, problem=_syntax_problem(error))
    except RecursionError:
        reason = f"nested too deep: a value has at most {MAX_DEPTH} levels"
        return ParsedJSON(text=text, problem=Problem("the file", reason, None, too_deep(text, 4 * MAX_DEPTH)))
    except ValueError:
        # Python refuses to turn thousands of digits into a number, which takes quadratic time.
        digits = re.search(r"\d{1000,}", text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else None
        return ParsedJSON(text=text, problem=Problem("the file", "a number with thousands of digits", None, line))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    return data if len(data) == len(pairs) else RepeatedKeysObject(pairs)


def _decoded(source: bytes) -> tuple[str, Problem | None]:
    if source.startswith((b"\xff\xfe", b"\xfe\xff")) or source[1:2] == b"\0":
        return "", Problem("the file", "it is UTF-16 or UTF-32 text; a graph file is UTF-8", "save it as UTF-8", 1)
    try:
        return source.decode(), None
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        reason = f"this is no UTF-8 text: byte 0x{source[error.start]:02x} at offset {error.start:,}"
        return "", Problem("the file", reason, "a graph file is JSON in UTF-8", line)


def _syntax_problem(error: json.JSONDecodeError) -> Problem:
    before = error.doc[: error.pos].rstrip()[-1:]
    here = error.doc[error.pos : error.pos + 1]
    fix = None
    if not error.doc[error.pos :].strip():
        fix = "the text ends too early; is the file complete?"
    elif here == "'":
        fix = 'text stands in double quotes: "…"'
    elif here in ("/", "#"):
        fix = "JSON has no comments"
    elif (here in ("}", "]") and before == ",") or error.msg.startswith("Illegal trailing comma"):
        fix = "remove the comma after the last item"
    elif error.msg.startswith("Extra data"):
        fix = "a graph file holds one object and nothing after it"
    reason = f"invalid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
    return Problem(f"column {error.colno}", reason, fix, error.lineno)
