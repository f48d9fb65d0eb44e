"""How palettes are checked, described, stored and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType

from {{ cookiecutter.package }}.palette import Palette

__all__ = ["PaletteHandler"]

#: The name that palettes are stored under.
CODEC = "palette"


class PaletteHandler(ValueHandler[Palette]):
    """Takes palettes, and lists of colours as a graph file has them."""

    def coerce(self, value: Any, spec: ValueType) -> Palette:
        """Return a palette; raises ValueError saying why it can't be."""
        if isinstance(value, Palette):
            return value
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return Palette.of(value)
        raise ValueError(f"expected a palette or a list of colours, got {type(value).__name__}")

    def to_json(self, value: Palette) -> Any:
        """Return the colours."""
        return value.names()

    def summarize(self, value: Palette) -> str:
        """Return `3 colours: #ff8800 …`."""
        return f"{len(value.colors)} colours: {' '.join(value.names()[:4])}"

    def export(self, value: Palette, stem: Path) -> Path:
        """Write a `.json` file."""
        path = stem.with_name(f"{stem.name}.json")
        path.write_text(json.dumps(value.names()) + "\n", encoding="utf-8")
        return path

    def encode(self, value: Palette) -> tuple[str, Sequence[bytes]]:
        """Return the number of colours, by which bytes that were cut off are noticed, and three bytes a colour."""
        return CODEC, (len(value.colors).to_bytes(4, "big"), b"".join(bytes(color) for color in value.colors))

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> Palette:
        """Return what `encode` wrote; raises ValueError for bytes that are no palette."""
        count = int.from_bytes(data[:4], "big")
        if codec != CODEC or len(data) != 4 + 3 * count:
            raise ValueError(f"{len(data)} bytes of {codec} are no palette")
        return Palette(tuple((data[at], data[at + 1], data[at + 2]) for at in range(4, len(data), 3)))
