"""The values of ports as what a message holds: described in its header, their bytes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowra.execute.encoding import decode, encode
from flowra.storage.codec.encoded import Buffer
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
    parts: list[Buffer] = []
    size = 0

    def describe(value: Any, value_type: ValueType) -> dict[str, Any]:
        nonlocal size
        inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
        if isinstance(inner, ListOf) and isinstance(value, list):
            return {"items": [describe(item, inner.item) for item in value]}
        encoded = encode(value, value_type)
        gap = -size % _ALIGNMENT
        parts.extend((bytes(gap), *encoded.parts))
        begin = size + gap
        size = begin + encoded.size
        return {"codec": encoded.codec, "begin": begin, "end": size}

    return {name: describe(value, types[name]) for name, value in values.items()}, parts


def unpacked(described: Mapping[str, Any], data: memoryview, types: Mapping[str, ValueType]) -> dict[str, Any]:
    """Return the values that `packed` described; arrays are read-only views of the data."""

    def read(each: Mapping[str, Any], value_type: ValueType) -> Any:
        inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
        if "items" in each and isinstance(inner, ListOf):
            return [read(item, inner.item) for item in each["items"]]
        return decode(each["codec"], data[each["begin"] : each["end"]], value_type)

    return {name: read(each, types[name]) for name, each in described.items()}
