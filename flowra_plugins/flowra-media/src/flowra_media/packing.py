"""A header of plain data and buffers, as one run of bytes: how the values of this pack lie in a store.

```
magic "FLWM" | length of the header, uint32 little-endian | header, JSON | zeros up to a multiple of 64 | part | part …
```

The header says the length of each part. Arrays are npy, whose data are 64-byte aligned within the whole, so that they
are used where they lie, without being copied. Reading executes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowra.storage.codec import npy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack", "pack_arrays", "unpack", "unpack_arrays"]

_MAGIC = b"FLWM"
_ALIGNMENT = 64
_LONGEST_HEADER = 1 << 20

Buffer = bytes | bytearray | memoryview


def pack(header: Mapping[str, Any], parts: Sequence[Sequence[Buffer]]) -> list[Buffer]:
    """Return the buffers that hold a header and parts; the parts are not copied.

    Args:
        header: Plain data; without the key `parts`, which the lengths take.
        parts: The bytes of each, as buffers that follow on each other.
    """
    lengths = [sum(map(_length, part)) for part in parts]
    text = json.dumps({**header, "parts": lengths}, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    head = _MAGIC + len(text).to_bytes(4, "little") + text
    found: list[Buffer] = [head + bytes(-len(head) % _ALIGNMENT)]
    for part, length in zip(parts, lengths, strict=True):
        found += [*part, bytes(-length % _ALIGNMENT)]
    return found


def unpack(data: memoryview) -> tuple[dict[str, Any], list[memoryview]]:
    """Return the header and the parts, which refer to the data; raises ValueError for bytes that hold neither."""
    data = data.toreadonly().cast("B") if data.nbytes else data
    length = int.from_bytes(data[4:8], "little")
    if bytes(data[:4]) != _MAGIC or length > _LONGEST_HEADER or 8 + length > len(data):
        raise ValueError("these bytes are no stored value of flowra-media")
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
        lengths = header.pop("parts")
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a stored value with a header that can't be read: {type(error).__name__}") from error
    if not isinstance(lengths, list) or not all(type(each) is int and each >= 0 for each in lengths):
        raise ValueError("a stored value whose header gives no lengths")
    start = 8 + length
    start += -start % _ALIGNMENT
    parts = []
    for each in lengths:
        parts.append(data[start : start + each])
        start += each + -each % _ALIGNMENT
    if start != len(data):
        raise ValueError(f"a stored value of {start} bytes, of which {len(data)} are there")
    return header, parts


def pack_arrays(header: Mapping[str, Any], arrays: Sequence[NDArray[Any]]) -> list[Buffer]:
    """Return the buffers that hold a header and arrays, little-endian, which are not copied."""
    little = (array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays)
    return pack(header, [npy.encode(array).parts for array in little])


def unpack_arrays(data: memoryview) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Return the header and the arrays, read-only, over the data; raises ValueError for bytes that hold none."""
    header, parts = unpack(data)
    return header, [npy.decode(part) for part in parts]


def _length(part: Buffer) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)
