"""A record as an object: its bytes, a checksum, and a signature where there is one.

The checksum covers the key and the record, so that a record that was copied to another key's name is none. The
signature (ed25519) covers the same. The contents are checked before anything is made of them: whoever can write to a
bucket can write anything there.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from flowra.storage.record import Record
from flowra.storage.record_bytes import decode_record, encode_record
from flowra.storage.refs import DIGEST_SIZE, INLINE_LIMIT, BlobRef, EndedRef, InlineRef, Ref, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "RECORD_LIMIT",
    "Envelope",
    "Signature",
    "record_in",
    "seal",
    "signed_bytes",
    "unwrap",
]

#: Bytes of the largest record's object. One with more is none, and is not read to its end: whoever can write to a
#: bucket can't fill the memory of those who read records from it.
RECORD_LIMIT = 32 << 20

_TITLE = b"flowra-record/1\n"
_SIGNED_TITLE = b"flowra signed record/1\n"
_PUBLIC_SIZE, _SIGNATURE_SIZE = 32, 64
_HEAD = len(_TITLE) + DIGEST_SIZE + 1
#: Lists in lists: more than types can say, and few enough that nothing which walks them runs out of stack.
_DEEPEST = 50


class Signature(NamedTuple):
    """Who vouches for a record.

    Attributes:
        public: The public key, 32 bytes.
        signature: The signature, 64 bytes.
    """

    public: bytes
    signature: bytes


class Envelope(NamedTuple):
    """A record's object whose checksum fits; nothing has been made of its contents yet.

    Attributes:
        content: The record's bytes.
        signature: The signature, not verified yet; None for a record that is not signed.
    """

    content: bytes
    signature: Signature | None


def seal(record: Record, sign: Callable[[bytes], Signature] | None = None) -> bytes:
    """Return a record's object."""
    content = encode_record(record)
    signature = b"" if sign is None else b"".join(sign(signed_bytes(record.key, content)))
    check = sha256(record.key + content).digest()
    return b"".join((_TITLE, check, bytes((bool(signature),)), signature, content))


def signed_bytes(key: bytes, content: bytes) -> bytes:
    """Return what a signature covers."""
    return _SIGNED_TITLE + key + content


def unwrap(key: bytes, data: bytes) -> Envelope:
    """Return a record's object as far as it can be read without making anything of the record.

    Raises:
        ValueError: It is no record's object for this key.
    """
    if len(data) > RECORD_LIMIT:
        raise ValueError(f"a record has {RECORD_LIMIT:,} bytes at most")
    if not data.startswith(_TITLE) or len(data) < _HEAD or data[_HEAD - 1] > 1:
        raise ValueError("these bytes are no record's")
    start, signature = _HEAD, None
    if data[_HEAD - 1]:
        middle = start + _PUBLIC_SIZE
        start = middle + _SIGNATURE_SIZE
        signature = Signature(data[_HEAD:middle], data[middle:start])
    check = sha256(key)
    check.update(memoryview(data)[start:])
    if check.digest() != data[len(_TITLE) : _HEAD - 1]:
        raise ValueError("the checksum does not fit")
    return Envelope(data[start:], signature)


def record_in(key: bytes, envelope: Envelope) -> Record:
    """Return the record in an envelope.

    Raises:
        ValueError: It is none, or one that was made up.
    """
    record = decode_record(key, envelope.content)
    _check(record)
    return record


def _check(record: Record) -> None:
    """Raise ValueError for what `encode_record` would never have been given."""
    if not (math.isfinite(record.created) and math.isfinite(record.seconds)):
        raise ValueError("a time is no number")
    for ref in record.outputs.values():
        _check_ref(ref, _DEEPEST)


def _check_ref(ref: Ref, depth: int) -> None:
    if isinstance(ref, InlineRef):
        # Keys are made of digests: a value under another's digest would be a false hit further down.
        if len(ref.data) > INLINE_LIMIT or ref.digest != digest_of(ref.codec, ref.data):
            raise ValueError("a value is not what its digest says")
    elif isinstance(ref, BlobRef):
        if len(ref.digest) != DIGEST_SIZE or ref.size <= INLINE_LIMIT:
            raise ValueError("a value's size or digest is off")
    elif not isinstance(ref, EndedRef):
        if not depth:
            raise ValueError("lists lie too deep in each other")
        for item in ref.items:
            _check_ref(item, depth - 1)
