"""Objects in a bucket of S3, Google Cloud Storage or Azure, or of what speaks their protocols."""

from __future__ import annotations

import builtins
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from flowra.storage.codec.encoded import Buffer
from flowra.storage.remote.objects import ObjectInfo, ObjectStore
from flowra_s3.address import parse_address
from flowra_s3.errors import explained, is_no_bucket, read_answer
from flowra_s3.service import connect, place_of
from flowra_s3.transfers import (
    PART,
    PARTS_AT_ONCE,
    check_content,
    check_length,
    checksum,
    checksum_of_file,
    in_parts,
    joined,
    part_size,
    side_by_side,
    slices,
    slices_of_file,
)

__all__ = ["BucketObjects"]

#: Bytes that are sent in no time over any line.
_QUICK = 256 << 10
#: How many names one request to remove objects has.
_NAMES = 1000


class BucketObjects(ObjectStore):
    """Objects in a bucket, through obstore.

    Each method sends what it has to once. A request fails at the latest when there is no connection for 5 seconds, when
    nothing comes for 10 (unless much is being sent), or when it isn't over after 300 (`flowra_s3.service`); whatever is
    large travels in requests of 8 MiB, four at a time. What is written is signed and checked by the service with
    SHA-256. What is read is compared with the length that was announced and, where a whole object is read, with a
    CRC-32 that lies beside it: what comes is what lies there. An upload in parts that fails is taken back; what a
    killed process leaves is for a rule of the bucket (`AbortIncompleteMultipartUpload`).

    It can't be pickled, since the client holds keys: send the address, and open it there.

    Args:
        address: `s3://bucket/prefix?endpoint=…`, `gs://bucket/prefix` or `az://container/prefix?account=…`.

    Raises:
        StoreDeniedError: There are no credentials.
        StoreError: The address or a setting is wrong.
    """

    def __init__(self, address: str) -> None:
        self.address = parse_address(address)
        self.location = str(self.address)
        self.conditional_put = self.address.conditional_put
        self._place = place_of(self.address)
        self._client, self._patient_client = connect(self.address)
        self._pool = ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="flowra-s3")
        self._bucket_seen = False

    def __repr__(self) -> str:
        return f"BucketObjects({self.location!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a store holds keys and is not pickled; send its address, {self.location}")

    @property
    def place(self) -> str:
        """Where the objects are; see `ObjectStore.place`."""
        return self._place

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes | None:
        """Return an object's bytes; see `ObjectStore.get`."""
        if length == 0:
            return None if self.head(name) is None else b""
        reading = self._begin(name, start, length)
        if reading is None:
            return None
        pieces = [reading.first, *self._rest(name, reading)]
        content = b"".join(pieces)
        if reading.is_whole:
            crc, where = zlib.crc32(content), self._where(name)
            check_content(reading.attributes, reading.tag, crc, lambda: slices(content), where)
        return content

    def download(self, name: str, target: Path) -> bool:
        """Write an object to a file; see `ObjectStore.download`."""
        reading = self._begin(name, 0, None)
        if reading is None:
            return False
        with target.open("wb") as file:
            file.write(reading.first)
            crc = zlib.crc32(reading.first)
            for piece in self._rest(name, reading):
                file.write(piece)
                crc = zlib.crc32(piece, crc)
        check_content(reading.attributes, reading.tag, crc, lambda: slices_of_file(target), self._where(name))
        return True

    def put(self, name: str, parts: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Write an object from buffers; see `ObjectStore.put`. With `if_absent` in one request, of 5 GiB at most."""
        views = [memoryview(part).cast("B") for part in parts]
        size = sum(map(len, views))
        client = self._client_for(size)
        if if_absent and not self.conditional_put and self.head(name) is not None:
            return False
        with self._asked("an object can't be written", name):
            try:
                if if_absent and self.conditional_put:
                    obstore.put(client, name, joined(views), mode="create", attributes=_attributes(views))
                elif size <= PART:
                    obstore.put(client, name, joined(views), use_multipart=False, attributes=_attributes(views))
                else:
                    self._put_in_parts(name, in_parts(views), size, _attributes(views))
            except AlreadyExistsError as error:
                # 409 is of a conflict with another writer too, who may fail yet: then it is no answer.
                if if_absent and read_answer(error).code not in {"ConditionalRequestConflict", "OperationAborted"}:
                    return False
                raise
        return True

    def upload(self, name: str, source: Path) -> None:
        """Write an object from a file; see `ObjectStore.upload`."""
        size, attributes = checksum_of_file(source)
        with self._asked("an object can't be written", name):
            if size <= PART:
                obstore.put(self._client_for(size), name, source, use_multipart=False, attributes=attributes)
            else:
                self._put_in_parts(name, source, size, attributes)

    def head(self, name: str) -> ObjectInfo | None:
        """Return an object's size and time; see `ObjectStore.head`."""
        with self._asked("an object can't be looked up", name):
            try:
                found = obstore.head(self._client, name)
            except FileNotFoundError:
                # That answer has no body, which could say that it is the bucket that is not there: ask once.
                if not self._bucket_seen:
                    next(iter(obstore.list(self._client, chunk_size=1)), None)
                return None
        # By the name that was asked for: obstore 0.11 tells it with the prefix before it.
        return _info(found)._replace(name=name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield objects; see `ObjectStore.list`. Services are asked by whole segments: `a/b` asks for all below `a`."""
        folder = prefix.rpartition("/")[0]
        with self._asked("objects can't be listed", prefix):
            pages = iter(obstore.list(self._client, folder or None))
        while True:
            with self._asked("objects can't be listed", prefix):
                page = next(pages, None)
            if page is None:
                return
            yield from (_info(found) for found in page if found["path"].startswith(prefix))

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; see `ObjectStore.delete`."""
        rest = iter(names)
        while some := builtins.list(islice(rest, _NAMES)):
            with self._asked("objects can't be removed", some[0]):
                try:
                    obstore.delete(self._client, some)
                except FileNotFoundError as error:
                    if is_no_bucket(error):
                        raise
                    # Where each is a request of its own, the first that is not there ends the whole.
                    self._delete_each(some)

    def close(self) -> None:
        """Let go of threads; connections end with the client."""
        self._pool.shutdown()

    @contextmanager
    def _asked(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            # Without its cause: obstore's text may hold what no log may.
            raise explained(error, what, self.address, name) from None
        self._bucket_seen = True

    def _where(self, name: str) -> str:
        return f"{self.address.objects}/{name}"

    def _begin(self, name: str, start: int, length: int | None) -> _Reading | None:
        """Fetch the first part of what is to be read, and learn the size of the object with it."""
        asked = PART if length is None else min(length, PART)
        with self._asked("an object can't be read", name):
            try:
                answer = obstore.get(self._client, name, options={"range": (start, start + asked)})
                size = answer.meta["size"]
                first = memoryview(answer.bytes())
            except FileNotFoundError as error:
                if is_no_bucket(error):
                    raise
                return None
            except BaseError as error:
                if read_answer(error).status == 416:  # it ends at the start or before
                    return _Reading(memoryview(b""), start, start, -1, {}, None)
                raise
        end = size if length is None else min(start + length, size)
        check_length(len(first), min(asked, end - start), self._where(name))
        return _Reading(first, start, end, size, answer.attributes, answer.meta["e_tag"])

    def _rest(self, name: str, reading: _Reading) -> Iterator[memoryview]:
        def fetch(start: int) -> memoryview:
            end = min(start + PART, reading.end)
            with self._asked("an object can't be read", name):
                piece = memoryview(obstore.get_range(self._client, name, start=start, end=end))
            check_length(len(piece), end - start, self._where(name))
            return piece

        return side_by_side(self._pool, fetch, range(reading.start + PART, reading.end, PART))

    def _client_for(self, size: int) -> Any:
        return self._client if size <= _QUICK else self._patient_client

    def _put_in_parts(self, name: str, content: Any, size: int, attributes: Any) -> None:
        obstore.put(
            self._patient_client,
            name,
            content,
            use_multipart=True,
            chunk_size=part_size(size),
            max_concurrency=PARTS_AT_ONCE,
            attributes=attributes,
        )

    def _delete_each(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                obstore.delete(self._client, name)
            except FileNotFoundError as error:
                if is_no_bucket(error):
                    raise


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read of an object: its first part, from where to where it goes, and what lies beside the whole."""

    first: memoryview
    start: int
    end: int
    size: int
    attributes: Mapping[str, Any]
    tag: str | None

    @property
    def is_whole(self) -> bool:
        return (self.start, self.end) == (0, self.size)


def _attributes(views: Sequence[memoryview]) -> Any:
    return checksum(views)


def _info(found: Any) -> ObjectInfo:
    # Whole seconds: a list may tell milliseconds where the answer about one object has none.
    return ObjectInfo(found["path"], found["size"], float(int(found["last_modified"].timestamp())))
