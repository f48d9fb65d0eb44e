"""What a fake hub answers a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "as_json", "file_answer"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: The HTTP status.
        body: The body.
        headers: Headers besides the length.
        file: The path of the model's file that the body is of; empty if it is of none.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: str = ""


def as_json(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return plain data as an answer."""
    return Answer(status, json.dumps(data).encode(), {"Content-Type": "application/json", **(headers or {})})


def file_answer(file: str, data: bytes, asked_range: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a file, or the part of it that is asked for, as an answer."""
    common = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", **(headers or {})}
    found = _RANGE.fullmatch(asked_range)
    if found is None:
        return Answer(200, data, common, file)
    begin = int(found[1])
    if begin >= len(data):
        return Answer(416, b"", {**common, "Content-Range": f"bytes */{len(data)}"})
    end = min(int(found[2]) if found[2] else len(data) - 1, len(data) - 1)
    return Answer(206, data[begin : end + 1], {**common, "Content-Range": f"bytes {begin}-{end}/{len(data)}"}, file)
