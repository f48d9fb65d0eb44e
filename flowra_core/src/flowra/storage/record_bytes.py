"""Records as bytes, for backends to keep: compact, and read without executing or trusting anything.

The key is not in them: it is the name under which a backend keeps them.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from struct import Struct

from flowra.storage.codec.encoded import check_codec_name
from flowra.storage.record import Record
from flowra.storage.refs import DIGEST_SIZE, BlobRef, EndedRef, InlineRef, ListRef, Ref

__all__ = ["decode_record", "encode_record"]

#: created, seconds, length of the node type, number of outputs
_HEAD = Struct("<ddHH")
_COUNT = Struct("<I")
_SIZE = Struct("<Q")
_INLINE, _BLOB, _LIST, _ENDED = b"IBLE"


def encode_record(record: Record) -> bytes:
    """Return a record's bytes."""
    node_type = record.node_type.encode()
    parts = [_HEAD.pack(record.created, record.seconds, len(node_type), len(record.outputs)), node_type]
    for name, ref in record.outputs.items():
        parts.append(_short_text(name))
        _write_ref(ref, parts)
    parts.append(record.preimage)
    return b"".join(parts)


def decode_record(key: bytes, data: bytes) -> Record:
    """Return the record that `encode_record` made these bytes of.

    Raises:
        ValueError: They are not such bytes.
    """
    try:
        created, seconds, length, count = _HEAD.unpack_from(data)
        at = _HEAD.size + length
        node_type = data[_HEAD.size : at].decode()
        outputs: dict[str, Ref] = {}
        for _ in range(count):
            stop = at + 1 + data[at]
            name = data[at + 1 : stop].decode()
            outputs[name], at = _read_ref(data, stop)
    except (IndexError, struct.error, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"these bytes are no record: {type(error).__name__}") from error
    if at > len(data):
        raise ValueError("these bytes are a record that was cut off")
    return Record(key, node_type, outputs, seconds, data[at:], created)


@lru_cache(maxsize=1024)  # names of ports and codecs
def _short_text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise ValueError(f"{text[:40]}… is longer than 255 bytes")
    return bytes((len(encoded),)) + encoded


def _write_ref(ref: Ref, parts: list[bytes]) -> None:
    if isinstance(ref, InlineRef):
        parts += (b"I", _short_text(ref.codec), ref.digest, _COUNT.pack(len(ref.data)), ref.data)
    elif isinstance(ref, BlobRef):
        parts += (b"B", _short_text(ref.codec), ref.digest, _SIZE.pack(ref.size))
    elif isinstance(ref, ListRef):
        parts += (b"L", _COUNT.pack(len(ref.items)))
        for item in ref.items:
            _write_ref(item, parts)
    else:
        reason = ref.reason.encode()
        parts += (b"E", _COUNT.pack(len(reason)), reason)


def _read_ref(data: bytes, at: int) -> tuple[Ref, int]:
    tag = data[at]
    if tag in (_INLINE, _BLOB):
        stop = at + 2 + data[at + 1]
        codec = check_codec_name(data[at + 2 : stop].decode())
        digest, after = data[stop : stop + DIGEST_SIZE], stop + DIGEST_SIZE
        if tag == _BLOB:
            return BlobRef(codec, digest, _SIZE.unpack_from(data, after)[0]), after + _SIZE.size
        start = after + _COUNT.size
        stop = start + _COUNT.unpack_from(data, after)[0]
        return InlineRef(codec, data[start:stop], digest), stop
    start = at + 1 + _COUNT.size
    (count,) = _COUNT.unpack_from(data, at + 1)
    if tag == _ENDED:
        return EndedRef(data[start : start + count].decode()), start + count
    if tag != _LIST:
        raise ValueError(f"these bytes are no record: unknown ref {tag}")
    items = []
    for _ in range(count):
        item, start = _read_ref(data, start)
        items.append(item)
    return ListRef(tuple(items)), start
