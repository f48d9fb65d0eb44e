"""The interface of a service that keeps objects by name: what S3, OSS, GCS, Azure or a shared folder can do.

A storage pack implements `ObjectStore`; values, records, leases, retries and tiers are built over it in the core, the
same for every service. An implementation does each thing once: it neither retries nor caches, and it raises

- `StoreUnavailableError` where another attempt may help: no connection, a timeout, 429, 500, 503, a transfer that
  broke off or whose checksum is off;
- `StoreDeniedError` where it can't without a change by a person: no or wrong credentials, no permission, no bucket;
- `StoreError` for anything else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from flowra.storage.codec.encoded import Buffer

__all__ = ["ObjectInfo", "ObjectStore"]


class ObjectInfo(NamedTuple):
    """What a service says about an object.

    Attributes:
        name: Its name, below the store's prefix.
        size: Its bytes.
        modified: When it was written, in seconds since the epoch by the service's own clock.
    """

    name: str
    size: int
    modified: float


class ObjectStore(ABC):
    """Objects by name, in a bucket or a part of one. Every method may be called from any thread.

    A name is made of segments of `a-z 0-9 . _ -`, joined by `/`.

    Attributes:
        location: The address, as `open_store` takes it, without anything secret in it.
        conditional_put: Whether of several that put one name with `if_absent` exactly one succeeds. Without it they may
            all be told that they did, and whoever needs to know reads again.
    """

    location: str
    conditional_put: bool

    @property
    def place(self) -> str:
        """Where the objects are: the same for all addresses that certainly mean the same objects; nothing secret.

        What an address says of how they are reached (time limits, another way to name the bucket) doesn't belong here;
        what the environment adds to it does. By this a machine knows what it has still to upload there.
        """
        return self.location

    @abstractmethod
    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes | None:
        """Return an object's bytes, or `length` of them from `start`; None if there is no such object.

        What lies beyond its end is left out: a range that goes on behind it is shorter, one that begins there is empty.
        The transfer is checked as far as the service allows: its length always, its checksum where there is one.
        """

    @abstractmethod
    def download(self, name: str, target: Path) -> bool:
        """Write an object to a file, in pieces and not through memory; return False if there is no such object.

        The file is written in place: whoever calls gives a temporary name and moves it.
        """

    @abstractmethod
    def put(self, name: str, parts: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Write an object from buffers, one after the other; a reader sees the whole of it or nothing.

        Args:
            name: The object's name.
            parts: Its bytes.
            if_absent: Write only if there is no object of this name.

        Returns:
            False if `if_absent` was asked and one is there already.
        """

    @abstractmethod
    def upload(self, name: str, source: Path) -> None:
        """Write an object from a file, in pieces and not through memory; of large ones several at a time."""

    @abstractmethod
    def head(self, name: str) -> ObjectInfo | None:
        """Return what the service knows about an object, or None if there is no such object."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose names begin with a prefix, in any order, page by page."""

    @abstractmethod
    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""

    def get_many(self, names: Sequence[str], pool: Executor, *, length: int) -> dict[str, bytes]:
        """Return the first `length` bytes of those of some objects that there are.

        They are asked for side by side on a pool's threads. Who asks bounds what is in memory: names times length.
        """

        def read(name: str) -> bytes | None:
            return self.get(name, length=length)

        found = zip(names, pool.map(read, names), strict=True)
        return {name: content for name, content in found if content is not None}

    @abstractmethod
    def close(self) -> None:
        """Let go of connections; a second call does nothing."""

    def __enter__(self) -> ObjectStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
