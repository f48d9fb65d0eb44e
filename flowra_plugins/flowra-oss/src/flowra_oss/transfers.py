"""Bytes to OSS: a body that is sent in pieces while its checksum is taken, and large files in parts side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcrc.crc64 import xz as crc64

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Buffer
from flowra_oss.errors import asked, wrong_checksum

if TYPE_CHECKING:
    from oss2 import Bucket

__all__ = [
    "PIECE",
    "PartSizes",
    "file_size",
    "of_buffers",
    "of_file",
    "range_in",
    "send",
    "unless_there",
    "upload_in_parts",
]

#: Bytes that are read, checked and written at a time.
PIECE = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: The most parts that an upload may have.
_MOST_PARTS = 10_000
#: Parts of one file that are under way at a time.
_SIDE_BY_SIDE = 4


class PartSizes:
    """From which size on an object goes up in parts, and how large these are.

    Args:
        part: Bytes of a part, at least 100 KiB (OSS takes no smaller ones); more where there would be too many.
        above: Bytes of the largest object that goes up in one request, of which OSS takes 5 GB at most.
    """

    def __init__(self, part: int = 16 << 20, above: int = 32 << 20) -> None:
        self.part = part
        self.above = above

    def of(self, size: int) -> list[tuple[int, int]]:
        """Return where each part of an object of some bytes begins, and how many bytes it has."""
        part = max(self.part, -(-size // _MOST_PARTS))
        return [(start, min(part, size - start)) for start in range(0, size, part)]


class _Body:
    """The body of a request, for `requests`: it has a length and is read once, in pieces; its checksum goes along."""

    def __init__(self, pieces: Iterator[memoryview], size: int) -> None:
        self._pieces = pieces
        self._size = size
        self.crc = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        for piece in self._pieces:
            self.crc = crc64(piece, self.crc)
            yield piece


def send(put: Callable[[Any], Any], pieces: Iterator[memoryview], size: int, what: str, where: str) -> tuple[Any, int]:
    """Send a body, and return what oss2 says and the body's checksum.

    Args:
        put: What sends it, given the body.
        pieces: The body's bytes.
        size: How many they are.
        what: What fails if it fails.
        where: The store's address.

    Raises:
        StoreUnavailableError: The service did not get what was sent, and everything that `asked` raises.
    """
    # An empty body would be taken for one of unknown length.
    body: _Body | bytes = _Body(pieces, size) if size else b""
    result = asked(lambda: put(body), what, where)
    crc = body.crc if isinstance(body, _Body) else 0
    if result.crc is not None and result.crc != crc:
        raise wrong_checksum(what, where)
    return result, crc


def of_buffers(parts: Sequence[Buffer], start: int, size: int) -> Iterator[memoryview]:
    """Yield some of the bytes of buffers, one after the other, in pieces, without copying them."""
    end, at = start + size, 0
    for part in parts:
        view = memoryview(part).cast("B")
        first, last = max(0, start - at), min(len(view), end - at)
        for begin in range(first, last, PIECE):
            yield view[begin : min(begin + PIECE, last)]
        at += len(view)


def of_file(source: Path, start: int, size: int) -> Iterator[memoryview]:
    """Yield some bytes of a file in pieces.

    Raises:
        StoreError: It can't be read, or is shorter than it was.
    """
    try:
        with source.open("rb", buffering=0) as file:
            file.seek(start)
            left = size
            while left:
                piece = file.read(min(left, PIECE))
                if not piece:
                    raise StoreError("a file changed while it was uploaded", where=str(source))
                left -= len(piece)
                yield memoryview(piece)
    except OSError as error:
        raise StoreError("a file can't be read", where=str(source), why=error.strerror or str(error)) from None


def upload_in_parts(
    bucket: Bucket,
    key: str,
    read: Callable[[int, int], Iterator[memoryview]],
    parts: Sequence[tuple[int, int]],
    what: str,
    where: str,
    *,
    if_absent: bool = False,
) -> bool:
    """Upload an object in parts, a few at a time; it appears only when all are there.

    What fails is taken back, so that no part is left behind to be paid for.

    Args:
        bucket: The bucket.
        key: The object's whole name in it.
        read: Yields the bytes from a start, so many of them, in pieces; called from several threads.
        parts: Where each part begins, and its bytes.
        what: What fails if it fails.
        where: The store's address.
        if_absent: Write only if there is no object of this name.

    Returns:
        False if `if_absent` was asked and one is there already.
    """
    from oss2.models import PartInfo
    from oss2.utils import calc_obj_crc_from_parts

    def begin(headers: dict[str, str]) -> Any:
        return bucket.init_multipart_upload(key, headers=headers)

    begun = asked(lambda: unless_there(begin, if_absent=if_absent), what, where)
    if begun is None:
        return False
    upload = begun.upload_id

    def send_part(numbered: tuple[int, tuple[int, int]]) -> Any:
        number, (start, size) = numbered
        result, crc = send(
            lambda body: bucket.upload_part(key, upload, number, body), read(start, size), size, what, where
        )
        return PartInfo(number, result.etag, size=size, part_crc=crc)

    def abort() -> None:
        with suppress(StoreError):
            asked(lambda: bucket.abort_multipart_upload(key, upload), what, where)

    try:
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="flowra-oss-part") as pool:
            waiting = [pool.submit(send_part, numbered) for numbered in enumerate(parts, 1)]
            try:
                sent = [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

        def complete(headers: dict[str, str]) -> Any:
            return bucket.complete_multipart_upload(key, upload, sent, headers=headers)

        result = asked(lambda: unless_there(complete, if_absent=if_absent), what, where)
        if result is None:
            abort()
            return False
    except BaseException:
        # All parts have ended by now; one that came later would stay. A service that can't be reached keeps them: the
        # bucket's rule against unfinished uploads removes those (docs/oss.md).
        abort()
        raise
    if result.crc is not None and result.crc != calc_obj_crc_from_parts(sent):
        raise wrong_checksum(what, where)
    return True


def unless_there(call: Callable[[dict[str, str]], Any], *, if_absent: bool) -> Any:
    """Return what a call of oss2 gives that writes an object.

    Args:
        call: The call, given the headers that ask for what is asked.
        if_absent: Write only if there is no object of this name.

    Returns:
        None if `if_absent` was asked and one is there already.
    """
    from oss2.exceptions import ServerError

    try:
        return call({"x-oss-forbid-overwrite": "true"} if if_absent else {})
    except ServerError as error:
        # A rule of the bucket may refuse so too, where nobody asked.
        if if_absent and error.code == "FileAlreadyExists":
            return None
        raise


def range_in(content_range: str) -> tuple[int, int, bool]:
    """Return where a part begins, its bytes and whether it is the whole; that it begins at -1 if it is none."""
    found = _CONTENT_RANGE.fullmatch(content_range)
    if found is None:
        return -1, 0, False
    first, last, size = map(int, found.groups())
    return first, last - first + 1, last - first + 1 == size


def file_size(source: Path) -> int:
    """Return the bytes of a file.

    Raises:
        StoreError: It can't be looked at.
    """
    try:
        return source.stat().st_size
    except OSError as error:
        raise StoreError("a file can't be read", where=str(source), why=error.strerror or str(error)) from None
