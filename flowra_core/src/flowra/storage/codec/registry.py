"""The codecs that the core has, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowra.storage.codec import canonical, npy
from flowra.storage.codec.encoded import Buffer, Encoded

__all__ = ["CODECS", "Codec", "codec_named"]


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to write values as bytes. Neither direction executes anything that the bytes say.

    Attributes:
        name: The name it is stored under.
        encode: From a value to bytes; raises TypeError for a value that it can't write.
        decode: From bytes, which may be mapped from a file, to the value; raises ValueError for bytes that are off.
    """

    name: str
    encode: Callable[[Any], Encoded]
    decode: Callable[[Buffer], Any]


def _encode_bytes(value: Any) -> Encoded:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"bytes are needed, not {type(value).__name__}")
    return Encoded("bytes", (value,))


#: Every codec of the core. `file` is not among them: it is the contents of a file, and goes back into one.
CODECS: Mapping[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec(canonical.CODEC, canonical.encoded, canonical.decode),
        Codec(npy.CODEC, npy.encode, npy.decode),
        Codec("bytes", _encode_bytes, bytes),
    )
}


def codec_named(name: str) -> Codec:
    """Return a codec of the core.

    Raises:
        ValueError: There is none of that name.
    """
    codec = CODECS.get(name)
    if codec is None:
        raise ValueError(f"no codec {name!r}; there are {', '.join(sorted(CODECS))}")
    return codec
