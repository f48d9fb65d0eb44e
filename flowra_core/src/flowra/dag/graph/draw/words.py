"""The words in drawings: values on one line, of bounded length, with nothing in them that a terminal obeys."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from flowra.dag.graph.model import MISSING, GraphInput, GraphNode
from flowra.dag.graph.values import InputRef, Link, links_in, refs_in

__all__ = ["columns", "cut", "declared_text", "drawable", "input_texts", "value_text"]

_LONGEST_VALUE = 40


def drawable(text: str) -> str:
    """Return text with everything escaped that can't be seen, and line breaks as spaces."""
    spaced = " ".join(text.split())
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in spaced)


def columns(text: str) -> int:
    """Return how many columns of a terminal text takes: Chinese characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def cut(text: str, width: int) -> str:
    """Return text that takes at most `width` columns."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        # Long text is cut by the half first, so that it doesn't matter how long it is.
        text = text[: len(text) // 2] if len(text) > 4 * width else text[:-1]
    return f"{text}…"


def value_text(value: Any, width: int = _LONGEST_VALUE) -> str:
    """Return the value of an input as people read it: links as `node.port`, graph inputs by name, literals as JSON."""
    if isinstance(value, Link | InputRef):
        return str(value)
    if isinstance(value, list):
        items = [value_text(item, width) for item in value[: width // 2]]
        return cut(f"[{', '.join(items)}{', …' if len(value) > len(items) else ''}]", width)
    if isinstance(value, dict):
        pairs = [f"{json.dumps(drawable(key))}: {value_text(value[key], width)}" for key in list(value)[: width // 2]]
        return cut(f"{{{', '.join(pairs)}{', …' if len(value) > len(pairs) else ''}}}", width)
    if isinstance(value, str):
        return cut(json.dumps(drawable(value[: 4 * width]), ensure_ascii=False), width)
    if value is None or isinstance(value, bool | int | float):
        return cut(json.dumps(value), width)
    return f"<{type(value).__name__}>"


def input_texts(node: GraphNode) -> Iterator[tuple[str, str, str]]:
    """Yield each argument of a node as name, sign and value: `("image", "←", "load.image")`."""
    for name, value in node.inputs.items():
        linked = any(True for _ in links_in(value)) or any(True for _ in refs_in(value))
        yield name, "←" if linked else "=", value_text(value)
    for name, value in node.init.items():
        yield name, "=", value_text(value)


def declared_text(declared: GraphInput) -> str:
    """Return a graph input as people read it: `File = "photo.png"`."""
    type_text = _type_in_words(declared.type)
    default = "" if declared.default is MISSING else f" = {value_text(declared.default)}"
    return f"{drawable(type_text)}{default}"


def _type_in_words(written: str | dict[str, Any]) -> str:
    """Return a graph input's type as messages name it; one that is not known as it is written."""
    from flowra.type.named import value_type_from_json

    try:
        return str(value_type_from_json(written))
    except ValueError:
        return written if isinstance(written, str) else value_text(written)
