"""How objects travel: in parts of a few megabytes, a few at a time, with a checksum of the whole beside them."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from hashlib import md5
from pathlib import Path
from typing import Any, TypeVar

from flowra.exceptions import StoreUnavailableError
from flowra.storage.codec.encoded import Buffer

__all__ = [
    "PART",
    "PARTS_AT_ONCE",
    "check_content",
    "check_length",
    "checksum",
    "checksum_of_file",
    "in_parts",
    "joined",
    "part_size",
    "side_by_side",
    "slices",
    "slices_of_file",
]

#: Bytes of one request of a transfer, and how many of them are under way for one object: their product is about the
#: memory that the transfer of a file takes.
PART, PARTS_AT_ONCE = 8 << 20, 4
#: A service takes 10,000 parts of one object at most.
_MOST_PARTS = 10_000
#: The name under which the CRC-32 of an object's bytes lies beside it: services check what they are sent, but what
#: they send back is compared with nothing. Azure allows neither dashes nor dots in such a name.
_CHECKSUM = "flowracrc32"

T = TypeVar("T")


def checksum(parts: Iterable[Buffer]) -> dict[str, str]:
    """Return what lies beside an object for its bytes to be compared with."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return {_CHECKSUM: f"{crc:08x}"}


def checksum_of_file(path: Path) -> tuple[int, dict[str, str]]:
    """Return a file's size in bytes, and what lies beside the object that is made of it."""
    crc = size = 0
    with path.open("rb") as file:
        while piece := file.read(PART):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
    return size, {_CHECKSUM: f"{crc:08x}"}


def check_content(
    attributes: Mapping[str, Any], tag: str | None, crc: int, parts: Callable[[], Iterable[Buffer]], where: str
) -> None:
    """Compare what came of a whole object with what lies beside it; an object of somebody else's may have nothing.

    Bytes that came as they lie at the service pass, even if they were changed there: another attempt would bring the
    same, and whoever knows the digest of what they should be finds out.

    Args:
        attributes: What lies beside it.
        tag: The service's own tag of it, which on S3 is made of the MD5 of its bytes, or of its parts, unless they are
            encrypted there with keys of their own.
        crc: The CRC-32 of what came.
        parts: Gives what came once more, in parts as it would be written.
        where: The object, for the error.

    Raises:
        StoreUnavailableError: It was changed on the way.
    """
    expected = attributes.get(_CHECKSUM)
    if expected is None or expected == f"{crc:08x}" or _is_tag_of(tag, parts()):
        return
    raise StoreUnavailableError(
        "an object was changed on the way",
        where=where,
        why=f"the CRC-32 of what came is {crc:08x}; it was written with {expected}",
    )


def _is_tag_of(tag: str | None, parts: Iterable[Buffer]) -> bool:
    if not tag:
        return False
    whole, of_each = md5(usedforsecurity=False), []
    for part in parts:
        whole.update(part)
        of_each.append(md5(part, usedforsecurity=False).digest())
    of_parts = md5(b"".join(of_each), usedforsecurity=False).hexdigest()
    return tag.strip('"') in {whole.hexdigest(), f"{of_parts}-{len(of_each)}"}


def slices(content: bytes) -> Iterator[bytes]:
    """Yield an object's bytes in the parts that it is written in."""
    size = part_size(len(content))
    for start in range(0, len(content), size):
        yield content[start : start + size]


def slices_of_file(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in the parts that it is uploaded in."""
    with path.open("rb") as file:
        size = part_size(path.stat().st_size)
        while part := file.read(size):
            yield part


def check_length(came: int, expected: int, where: str) -> None:
    """Compare lengths in bytes; raises StoreUnavailableError if they differ."""
    if came != expected:
        raise StoreUnavailableError("an object was cut off", where=where, why=f"{came:,} of {expected:,} bytes came")


def part_size(size: int) -> int:
    """Return the bytes of each part of an object of a size: PART, or more where there would be too many."""
    return max(PART, -(-size // _MOST_PARTS))


def in_parts(parts: Sequence[memoryview]) -> Iterator[memoryview]:
    """Yield buffers in slices of PART bytes at most, so that no more than that is copied at a time."""
    for part in parts:
        for start in range(0, len(part), PART):
            yield part[start : start + PART]


def joined(parts: Sequence[memoryview]) -> Buffer:
    """Return buffers as one, copied only if there are several."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def side_by_side(pool: Executor, fetch: Callable[[int], T], starts: Iterable[int]) -> Iterator[T]:
    """Yield what a function gives for each start, in order, a few of them under way at a time."""
    rest = iter(starts)
    under_way: deque[Future[T]] = deque()
    try:
        while True:
            while len(under_way) < PARTS_AT_ONCE and (start := next(rest, None)) is not None:
                under_way.append(pool.submit(fetch, start))
            if not under_way:
                return
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
