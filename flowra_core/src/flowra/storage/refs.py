"""References: they name values without holding them.

A ref is a small immutable value with a `digest`, the SHA-256 of what it names with the codec's name in front; two
values are the same if their digests are. `to_json` is for journals and `--json`; records keep refs in the bytes of
`flowra.storage.ref_bytes`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

from flowra.storage.codec.encoded import Buffer, check_codec_name

__all__ = [
    "DIGEST_SIZE",
    "INLINE_LIMIT",
    "BlobRef",
    "EndedRef",
    "InlineRef",
    "ListRef",
    "Ref",
    "blobs_of",
    "digest_of",
    "ref_from_json",
]

#: Bytes in a digest.
DIGEST_SIZE = 32
#: A value of at most this many bytes is kept in the ref itself. Part of what a ref means: the same value always
#: gives the same kind of ref.
INLINE_LIMIT = 4096


def digest_of(codec: str, *parts: Buffer) -> bytes:
    """Return the digest of a value that is encoded as `parts`, one after the other."""
    hashing = sha256(codec.encode() + b"\0")
    for part in parts:
        hashing.update(part)
    return hashing.digest()


@dataclass(frozen=True, slots=True)
class InlineRef:
    """A small value, by its own bytes.

    Attributes:
        codec: The codec that reads the bytes.
        data: The bytes, at most `INLINE_LIMIT`.
        digest: `digest_of(codec, data)`; computed if left out.
    """

    codec: str
    data: bytes
    digest: bytes = b""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", digest_of(check_codec_name(self.codec), self.data))

    @property
    def size(self) -> int:
        """How many bytes the value has."""
        return len(self.data)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; bytes that are text are shown as text."""
        try:
            return {"inline": self.codec, "text": self.data.decode()}
        except UnicodeDecodeError:
            return {"inline": self.codec, "base64": b64encode(self.data).decode()}


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A value in the store.

    Attributes:
        codec: The codec that reads its bytes.
        digest: `digest_of(codec, the bytes)`.
        size: How many bytes there are.
    """

    codec: str
    digest: bytes
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"blob": self.codec, "digest": self.digest.hex(), "size": self.size}


@dataclass(frozen=True, slots=True)
class ListRef:
    """A list, by the refs of its items; equal lists have equal digests however they came about."""

    items: tuple[Ref, ...]
    digest: bytes = field(default=b"")

    def __post_init__(self) -> None:
        if not self.digest:
            digest = sha256(b"list\0" + b"".join([item.digest for item in self.items])).digest()
            object.__setattr__(self, "digest", digest)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"list": [item.to_json() for item in self.items]}


_ENDED_DIGEST = sha256(b"ended\0").digest()


@dataclass(frozen=True, slots=True)
class EndedRef:
    """No value: the branch ended here. All of them have one digest, whatever the reason."""

    reason: str

    @property
    def digest(self) -> bytes:
        """The digest of "no value"."""
        return _ENDED_DIGEST

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"ended": self.reason}


Ref: TypeAlias = InlineRef | BlobRef | ListRef | EndedRef


def ref_from_json(data: Mapping[str, Any]) -> Ref:
    """Return the ref that `to_json` made this of.

    Raises:
        ValueError: It is no ref.
    """
    try:
        if "blob" in data:
            return _blob_from_json(data["blob"], bytes.fromhex(data["digest"]), data["size"])
        if "inline" in data:
            content = data["text"].encode() if "text" in data else b64decode(data["base64"], validate=True)
            return InlineRef(data["inline"], content)
        if "list" in data:
            return ListRef(tuple(map(ref_from_json, data["list"])))
        if isinstance(data.get("ended"), str):
            return EndedRef(data["ended"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"this is no ref: {str(data)[:200]} ({type(error).__name__}: {error})") from error
    raise ValueError(f"this is no ref: {str(data)[:200]}")


def _blob_from_json(codec: str, digest: bytes, size: object) -> BlobRef:
    if len(digest) != DIGEST_SIZE or type(size) is not int or size < 0:
        raise ValueError("digest or size is off")
    return BlobRef(check_codec_name(codec), digest, size)


def blobs_of(ref: Ref) -> Iterator[BlobRef]:
    """Yield the blobs that a ref needs."""
    if isinstance(ref, BlobRef):
        yield ref
    elif isinstance(ref, ListRef):
        for item in ref.items:
            yield from blobs_of(item)
