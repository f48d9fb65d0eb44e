"""The store: values by the digest of their bytes, and over them records by action key.

A backend implements `Store`. What every backend promises:

- A value is visible whole or not at all, and a record only after the values it names.
- What is read is verified. A damaged value is put aside and reported as missing; it is never returned.
- Of two records for one key the first that was published counts, and `publish` returns it to both.
- A store is a cache: losing any of it costs time and never gives a wrong result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.listener import StoreListener
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef, InlineRef, Ref
from flowra.storage.reports import Collected, StoreStats, Verified

__all__ = ["KeyLock", "Store"]


class KeyLock(ABC):
    """The right to compute a key, to be taken and given back; as a context manager, entering says whether it is held.

    Any thread may give it back, and a process that dies lets go. A thread holds one key at a time: with two, two
    threads could wait for each other.
    """

    __slots__ = ()

    @abstractmethod
    def acquire(self) -> bool:
        """Wait for the right, and return whether it is held now; look the key up only then."""

    @abstractmethod
    def release(self) -> None:
        """Give the right back, if it is held."""

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Store(ABC):
    """Where values and records are kept. Every method may be called from any thread.

    Attributes:
        location: The store's address, as `open_store` takes it.
        tiered: Whether it keeps some here and some elsewhere.
    """

    location: str
    tiered: ClassVar[bool] = False

    # ---- values

    @abstractmethod
    def put(self, encoded: Encoded) -> InlineRef | BlobRef:
        """Keep a value; one that is there already is not written again.

        A value of at most `INLINE_LIMIT` bytes needs no storing: it becomes an `InlineRef`.

        Raises:
            StoreError: It can't be written: the disk is full, the folder can't be written to.
        """

    @abstractmethod
    def put_file(self, path: Path) -> InlineRef | BlobRef:
        """Keep the contents of a file, under the codec `file`; it is read in pieces, not into memory.

        Raises:
            StoreError: It can't be read or written, or it changes while it is read.
        """

    @abstractmethod
    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes, verified and read-only, or None if they are missing or were damaged.

        Large values are mapped, not read; the view stays valid whatever happens to the store.
        """

    @abstractmethod
    def copy_to(self, ref: InlineRef | BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file, verified, atomically; return False if they are missing or were damaged.

        Raises:
            StoreError: The file can't be written.
        """

    @abstractmethod
    def has(self, ref: Ref) -> bool:
        """Return whether every blob that a ref needs is there, without reading any."""

    def is_near(self, ref: BlobRef) -> bool:
        """Return whether a value is read from this machine, if at all: no other need be asked for it.

        A store that lies elsewhere as a whole has none that is near, which is what this says unless it is overridden.
        """
        return False

    def prepare(self, refs: Iterable[BlobRef]) -> None:  # noqa: B027 - most stores have nothing to do
        """Have values at hand that are about to be read, one after the other; what can't be had is left for `get`.

        A store that lies elsewhere may fetch them side by side. There is nothing to do for one that is near.
        """

    # ---- records

    @abstractmethod
    def lookup(self, key: bytes) -> Record | None:
        """Return the record for a key. Its blobs are then kept while this store is open, whoever collects."""

    def lookup_many(self, keys: Iterable[bytes]) -> dict[bytes, Record]:
        """Return the records there are for some keys."""
        found = ((key, self.lookup(key)) for key in keys)
        return {key: record for key, record in found if record is not None}

    @abstractmethod
    def publish(self, record: Record, *, replace: bool = False) -> Record:
        """Make a record known to everyone and return the one that counts for its key: this one, or an earlier one.

        An earlier record whose blobs are gone does not count.

        Args:
            record: The record; its blobs were put before.
            replace: Let it count instead of the one that was there when it was published.

        Raises:
            StoreError: It can't be written; the store stays sound, and the key is computed again next time.
        """

    @abstractmethod
    def lock(self, key: bytes, *, timeout: float | None = None, give_up: Callable[[], bool] | None = None) -> KeyLock:
        """Return the right to compute a key, against threads and processes, still to be taken.

        Args:
            key: The action key.
            timeout: Seconds to wait for another holder; 0 does not wait, None waits as long as it takes.
            give_up: Asked while waiting, at least every 50 ms; True ends the wait (the run was cancelled).
        """

    # ---- files from outside

    @abstractmethod
    def file_digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents, the same as that of `put_file`.

        It is remembered for as long as the file's name, size, times and inode stay as they are, and only if it had been
        left alone for two seconds.

        Raises:
            StoreError: The file can't be read, or it changes while it is read.
        """

    # ---- what stores do that keep some here and some elsewhere; nothing for those in one place

    @property
    def home(self) -> str:
        """Where what is put is kept first: sessions with the same home see at once what each of them puts."""
        return self.location

    def here(self) -> Store:
        """Return the store of results that stay on this machine."""
        return self

    def offer(self, record: Record) -> None:  # noqa: B027
        """Have a result that was published where other machines find it, in a while."""

    def share(self, ref: Ref) -> None:  # noqa: B027
        """Have a value where other machines find it, now.

        Raises:
            StoreError: It can't be.
        """

    def write_through(self) -> None:  # noqa: B027
        """From now on have every value and result where other machines find it before whoever gives it goes on."""

    def serve(self, home: str) -> None:  # noqa: B027
        """From now on work for a session elsewhere that hands values on: it finds what is put and published here.

        Args:
            home: That session's `home`. Where it is this store's too, the session takes it from there, and is told of
                results by `found_beside`.
        """

    def found_beside(self, key: bytes, *, always: bool) -> None:  # noqa: B027
        """Take note of a result that one who serves has published.

        Args:
            key: Its key.
            always: Whether its node states that it goes where other machines find it.
        """

    def heard_by(self, listener: StoreListener) -> AbstractContextManager[None]:
        """Have somebody told, for a while, what people should know of the store."""
        return nullcontext()

    # ---- the store itself

    @abstractmethod
    def flush(self) -> None:
        """Wait until what was put and published is as durable as the store was told to make it."""

    @abstractmethod
    def gc(self, max_bytes: int) -> Collected:
        """Drop results, the least recently used first, until the values take at most `max_bytes`.

        What an open session has put, published or looked up is kept. What crashed processes left behind is swept.

        Raises:
            StoreError: Another process is collecting, or the store can't be written.
        """

    @abstractmethod
    def clear(self) -> Collected:
        """Drop everything that no open session uses."""

    def records(self) -> Iterator[Record]:
        """Yield every record that counts, in any order.

        Raises:
            StoreError: The store can't be read, or can't tell.
        """
        raise StoreError("the store can't list its results", where=self.location)

    @abstractmethod
    def stats(self) -> StoreStats:
        """Count what there is."""

    @abstractmethod
    def verify(self) -> Verified:
        """Read every byte, put aside what is damaged, and drop the records that need it."""

    @abstractmethod
    def close(self) -> None:
        """Flush and let go; the store can't be used afterwards. A second call does nothing."""

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
