"""A bucket in OSS, or a part of one, as what Flowra builds a store over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fastcrc.crc64 import xz as crc64

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Buffer
from flowra.storage.remote.objects import ObjectInfo, ObjectStore
from flowra_oss.address import OssAddress, is_own_machine, parse_address, with_default_region
from flowra_oss.credentials import METADATA_ADDRESS, find_profile, provider_of
from flowra_oss.errors import asked, incomplete, wrong_checksum
from flowra_oss.sdk import import_oss2
from flowra_oss.transfers import (
    PIECE,
    PartSizes,
    file_size,
    of_buffers,
    of_file,
    range_in,
    send,
    unless_there,
    upload_in_parts,
)

if TYPE_CHECKING:
    from oss2 import Bucket
    from oss2.credentials import CredentialsProvider

__all__ = ["OssObjects"]

_NOT_READ, _NOT_WRITTEN = "OSS can't be read from", "OSS can't be written to"
_NOT_REMOVED = "objects can't be removed from OSS"
#: Objects that are removed with one request, and that one page of a list holds: the most that OSS takes.
_BATCH = 1000
#: Connections that are kept open for the next request.
_CONNECTIONS = 64
#: Seconds for a connection to be made.
_CONNECTED_WITHIN = 5.0
#: Without this OSS answers a range that begins behind an object's end with the whole object.
_STRICT_RANGE = {"x-oss-range-behavior": "standard"}


class OssObjects(ObjectStore):
    """Objects in a bucket of Alibaba Cloud OSS.

    Requests are signed with version 4. Each transfer is compared with the checksum (CRC-64) that OSS keeps; of a part
    of an object, which has none, the length.

    It can't be pickled, since credentials would go along: give its address to other processes.

    Args:
        address: `oss://bucket/prefix?…`, see `flowra_oss.address`.
        part_sizes: How what is large is cut.
        metadata_address: Where the instance gives out the credentials of its RAM role.

    Attributes:
        conditional_put: False. OSS refuses to overwrite where it is asked to, but promises nothing for writers at the
            same moment, and a bucket with versions ignores the question.

    Raises:
        StoreError: The address is none, or doesn't say which region.
        StoreDeniedError: There are no credentials.
    """

    def __init__(
        self,
        address: str,
        *,
        part_sizes: PartSizes | None = None,
        metadata_address: str = METADATA_ADDRESS,
    ) -> None:
        import_oss2()
        parsed = parse_address(address)
        profile = find_profile(parsed)
        parsed = with_default_region(parsed, profile.region)
        if not parsed.region:
            raise StoreError(
                "the region of the bucket is not known",
                where=parsed.location,
                fix="write it into the address, ?region=cn-hangzhou, or set OSS_REGION",
            )
        self.location, self._whole_place = parsed.location, parsed.place
        self.conditional_put = False
        self._prefix = f"{parsed.prefix}/" if parsed.prefix else ""
        self._part_sizes = part_sizes or PartSizes()
        self._bucket = _bucket(parsed, provider_of(profile, metadata_address=metadata_address))

    def __repr__(self) -> str:
        return f"OssObjects({self.location!r})"

    def __reduce__(self) -> NoReturn:
        raise StoreError(
            "a connection to OSS can't be given to another process",
            where=self.location,
            why="its credentials would go along",
            fix="give the address, and let the other process find credentials of its own",
        )

    @property
    def place(self) -> str:
        """Where the objects are; see `ObjectStore.place`."""
        return self._whole_place

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes | None:
        """Return an object's bytes, or some of them; see `ObjectStore.get`."""
        if length == 0:
            return b"" if self.head(name) is not None else None
        pieces = self._read(name, start, length)
        return None if pieces is None else b"".join(pieces)

    def download(self, name: str, target: Path) -> bool:
        """Write an object to a file; see `ObjectStore.download`."""
        pieces = self._read(name)
        if pieces is None:
            return False
        try:
            with target.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise StoreError("a file can't be written", where=str(target), why=error.strerror or str(error)) from error
        return True

    def put(self, name: str, parts: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Write an object from buffers; see `ObjectStore.put`."""
        size = sum(memoryview(part).nbytes for part in parts)
        return self._write(name, partial(of_buffers, parts), size, if_absent=if_absent)

    def upload(self, name: str, source: Path) -> None:
        """Write an object from a file; see `ObjectStore.upload`."""
        self._write(name, partial(of_file, source), file_size(source), if_absent=False)

    def head(self, name: str) -> ObjectInfo | None:
        """Return what OSS knows about an object; see `ObjectStore.head`."""
        found = self._found(lambda: self._bucket.head_object(self._key(name)), name)
        return None if found is None else ObjectInfo(name, found.content_length, float(found.last_modified))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose names begin with a prefix; see `ObjectStore.list`."""
        token = ""
        while True:
            page = self._page(prefix, token)
            for found in page.object_list:
                yield ObjectInfo(found.key[len(self._prefix) :], found.size, float(found.last_modified))
            if not page.is_truncated:
                return
            token = page.next_continuation_token

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; see `ObjectStore.delete`."""
        keys = (self._key(name) for name in names)
        while batch := [*itertools.islice(keys, _BATCH)]:
            gone = asked(partial(self._bucket.batch_delete_objects, batch), _NOT_REMOVED, self.location)
            left = set(batch) - set(gone.deleted_keys)
            if left:
                raise StoreError(_NOT_REMOVED, where=self.location, why=f"OSS left {len(left)}, {min(left)} among them")

    def close(self) -> None:
        """Let go of connections; a second call does nothing."""
        self._bucket.session.session.close()

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _place(self, name: str) -> str:
        """Return where an object is, for errors."""
        return f"{name} in {self.location}"

    def _write(
        self, name: str, read: Callable[[int, int], Iterator[memoryview]], size: int, *, if_absent: bool
    ) -> bool:
        """Write an object of some bytes that `read` yields, in parts where it is large; see `ObjectStore.put`."""
        key, place = self._key(name), self._place(name)
        if size > self._part_sizes.above:
            parts = self._part_sizes.of(size)
            return upload_in_parts(self._bucket, key, read, parts, _NOT_WRITTEN, place, if_absent=if_absent)

        def put(body: Any) -> Any:
            written = unless_there(
                lambda headers: self._bucket.put_object(key, body, headers=headers), if_absent=if_absent
            )
            return _THERE_ALREADY if written is None else written

        result, _ = send(put, read(0, size), size, _NOT_WRITTEN, place)
        return result is not _THERE_ALREADY

    def _page(self, prefix: str, token: str) -> Any:
        return asked(
            lambda: self._bucket.list_objects_v2(self._key(prefix), continuation_token=token, max_keys=_BATCH),
            "OSS does not list what is there",
            self.location,
        )

    def _found(self, call: Any, name: str) -> Any:
        """Return what a call gives, or None if it is about an object that is not there."""
        from oss2.exceptions import NotFound, ServerError

        def look() -> Any:
            try:
                return call()
            except NotFound as error:
                # A bucket that is not there is told apart. The head alone of an answer may name no code.
                if error.code in {"NoSuchKey", ""}:
                    return None
                raise
            except ServerError as error:
                if error.status == 404 and error.code in {"NoSuchKey", ""}:
                    return None
                raise

        return asked(look, _NOT_READ, self._place(name))

    def _read(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes] | None:
        """Return an object's bytes, or some, in pieces that are checked when the last has come; None without it."""
        from oss2.exceptions import ServerError

        part = (start, None if length is None else start + length - 1) if start or length is not None else None

        def get() -> Any:
            try:
                return self._bucket.get_object(self._key(name), byte_range=part, headers=_STRICT_RANGE)
            except ServerError as error:
                if error.status == 416:
                    return _NOTHING
                raise

        result = self._found(get, name)
        if result is None or result is _NOTHING:
            return None if result is None else iter(())
        return self._pieces(result, name, None if part is None else start)

    def _pieces(self, result: Any, name: str, start: int | None) -> Iterator[bytes]:
        """Yield the bytes of an answer to a question for the whole, or for the part from `start` on."""
        place, expected, whole = self._place(name), result.content_length, True
        if start is not None:
            first, expected, whole = range_in(result.content_range or "")
            if first != start:
                result.close()
                raise StoreError(_NOT_READ, where=place, why="OSS answered with another part of it than was asked")
        got, crc = 0, 0
        try:
            while piece := asked(lambda: result.read(PIECE), _NOT_READ, place):
                got += len(piece)
                crc = crc64(piece, crc)
                yield piece
        finally:
            # What is left of a broken transfer must not be taken for the answer to the next request.
            result.close()
        if expected is not None and got != expected:
            raise incomplete(_NOT_READ, place, got, expected)
        if whole and result.server_crc not in {None, crc}:
            raise wrong_checksum(_NOT_READ, place)


class _Sentinel:
    """An answer that is no failure, though it comes as one."""

    crc = None


_THERE_ALREADY, _NOTHING = _Sentinel(), _Sentinel()


def _bucket(address: OssAddress, provider: CredentialsProvider) -> Bucket:
    import oss2

    session = oss2.Session(pool_size=_CONNECTIONS)
    # A proxy elsewhere can't reach what listens on this machine alone.
    session.session.trust_env = not is_own_machine(address.host)
    return asked(
        lambda: oss2.Bucket(
            oss2.ProviderAuthV4(provider),
            address.endpoint,
            address.bucket,
            session=session,
            # To be connected, and for the next bytes to come; one number would be for both.
            connect_timeout=(min(_CONNECTED_WITHIN, address.timeout), address.timeout),
            # oss2 makes tables of its own for each checksum, with a library that needs a C compiler to be fast.
            enable_crc=False,
            region=address.region,
            is_path_style=address.path_style,
        ),
        "the address can't be used",
        address.location,
    )
