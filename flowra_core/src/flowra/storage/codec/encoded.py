"""What a codec makes of a value: a name and buffers."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["RESERVED_CODECS", "Buffer", "Encoded", "check_codec_name"]

Buffer = bytes | bytearray | memoryview
#: Names that refs hash under without being codecs.
RESERVED_CODECS = frozenset({"list", "ended"})
_CODEC_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
#: Names that were checked already. Few occur, unless somebody makes them up.
_KNOWN: set[str] = set()
_MOST_KNOWN = 256


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value as bytes.

    Attributes:
        codec: The codec's name: 1 to 32 of `a-z`, `0-9` and `-`; it becomes part of a file name.
        parts: The bytes, in order. They are written from where they lie, so a large array is not copied; whoever
            owns them leaves them unchanged until the store has returned.
    """

    codec: str
    parts: tuple[Buffer, ...]

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(part.nbytes if isinstance(part, memoryview) else len(part) for part in self.parts)

    def to_bytes(self) -> bytes:
        """Return the parts as one."""
        return b"".join(self.parts)


def check_codec_name(name: str) -> str:
    """Return the name of a codec.

    Raises:
        ValueError: It can't be one. Names arrive in records that others wrote, and become part of file names.
    """
    if name not in _KNOWN:
        if not isinstance(name, str) or not _CODEC_NAME.fullmatch(name) or name in RESERVED_CODECS:
            raise ValueError(f"{name!r} is no codec name: 1 to 32 of a-z, 0-9 and '-', beginning with a letter")
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN.add(name)
    return name
