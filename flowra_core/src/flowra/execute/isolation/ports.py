"""The values of ports as what a message holds: described in its header, their bytes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowra.execute.encoding import decode, encode
from flowra.storage.codec.encoded import Buffer, Encoded
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf

__all__ = ["packed", "unpacked"]

#: Values begin at multiples of this, so that an array over the bytes is aligned for every dtype.
_ALIGNMENT = 64


def packed(values: Mapping[str, Any], types: Mapping[str, ValueType]) -> tuple[dict[str, Any], list[Buffer]]:
    """Return a description of values and their bytes; a value's own bytes are not copied.

    Args:
        values: Values by port.
        types: Their value types.

    Raises:
        NotStorableError: No codec can write one of them.
    """
    parts = _Parts()
    return {name: _described(value, types[name], parts) for name, value in values.items()}, parts.buffers


def unpacked(described: Mapping[str, Any], data: memoryview, types: Mapping[str, ValueType]) -> dict[str, Any]:
    """Return the values that `packed` described; arrays are read-only views of the data."""
    return {name: _read(each, data, types[name]) for name, each in described.items()}


# Functions of their own: one that is defined inside and calls itself is a cycle, which keeps the bytes until collected.


class _Parts:
    """The bytes of values, one after another."""

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self._size = 0

    def add(self, encoded: Encoded) -> int:
        """Append the bytes of a value, and return where they begin."""
        begin = self._size
        gap = -encoded.size % _ALIGNMENT
        self.buffers.extend((*encoded.parts, bytes(gap)))
        self._size += encoded.size + gap
        return begin


def _described(value: Any, value_type: ValueType, parts: _Parts) -> dict[str, Any]:
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    if isinstance(inner, ListOf) and isinstance(value, list):
        return {"items": [_described(item, inner.item, parts) for item in value]}
    encoded = encode(value, value_type)
    return {"codec": encoded.codec, "begin": parts.add(encoded), "size": encoded.size}


def _read(each: Mapping[str, Any], data: memoryview, value_type: ValueType) -> Any:
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    if "items" in each and isinstance(inner, ListOf):
        return [_read(item, data, inner.item) for item in each["items"]]
    return decode(each["codec"], data[each["begin"] : each["begin"] + each["size"]], value_type)
