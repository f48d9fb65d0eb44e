"""JSON documents of an archive: one form when written, no surprises when read."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["json_bytes", "parse_json"]


def json_bytes(data: Any) -> bytes:
    """Return plain data as JSON; equal data makes equal bytes."""
    return (json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def parse_json(content: bytes) -> Any:
    """Return what a JSON document holds.

    Raises:
        ValueError: It is no JSON in UTF-8, has a key twice, a number that is none, or is nested too deep.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")
