"""The store: an example to put your own in the place of. It keeps results in one SQLite file, on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from flowra.exceptions import StoreError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.record import Record
from flowra.storage.record_bytes import decode_record, encode_record
from flowra.storage.refs import INLINE_LIMIT, BlobRef, InlineRef, Ref, blobs_of, digest_of
from flowra.storage.reports import Collected, StoreStats, Verified
from flowra.storage.store import KeyLock, Store

from {{ cookiecutter.package }}.database import Database
from {{ cookiecutter.package }}.keys import DatabaseKey

__all__ = ["DatabaseStore"]


class DatabaseStore(Store):
    """A store in one file; `flowra.storage.store.Store` says what each method promises.

    Args:
        address: `{{ cookiecutter.scheme }}://` and the path of the file.
        durability: What a loss of power may take.
    """

    def __init__(self, address: str, *, durability: Literal["off", "batched", "on"] = "off") -> None:
        """Open the store, making it if it is not there."""
        path = unquote(address.partition("://")[2])
        if not path:
            raise StoreError(f"{address} names no file", fix="write  {{ cookiecutter.scheme }}:///home/me/results.db")
        self.location = address
        self._database = Database(Path(path), durability)
        self._database.run("INSERT INTO sessions (process) VALUES (?)", os.getpid())
        ((self._session,),) = self._database.rows("SELECT last_insert_rowid()")
        self._open = True

    def put(self, encoded: Encoded) -> InlineRef | BlobRef:
        """Keep a value."""
        if encoded.size <= INLINE_LIMIT:
            return InlineRef(encoded.codec, encoded.to_bytes())
        content = encoded.to_bytes()
        ref = BlobRef(encoded.codec, digest_of(encoded.codec, content), len(content))
        self._use(ref.digest)
        self._database.run("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", ref.digest, ref.codec, content)
        return ref

    def put_file(self, path: Path) -> InlineRef | BlobRef:
        """Keep the contents of a file."""
        return self.put(Encoded("file", (_contents(path),)))

    def get(self, ref: InlineRef | BlobRef) -> memoryview | None:
        """Return a value's bytes; a damaged value is dropped and counts as missing."""
        if isinstance(ref, InlineRef):
            return memoryview(ref.data)
        self._use(ref.digest)
        for (content,) in self._database.rows("SELECT data FROM blobs WHERE digest = ?", ref.digest):
            if digest_of(ref.codec, content) == ref.digest:
                return memoryview(content)
            self._database.run("DELETE FROM blobs WHERE digest = ?", ref.digest)
        return None

    def copy_to(self, ref: InlineRef | BlobRef, target: Path) -> bool:
        """Write a value's bytes to a file."""
        content = self.get(ref)
        if content is None:
            return False
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StoreError("a file can't be written", where=str(target), why=str(error)) from error
        return True

    def has(self, ref: Ref) -> bool:
        """Return whether every blob of a ref is there."""
        for blob in blobs_of(ref):
            self._use(blob.digest)
            if not self._database.rows("SELECT 1 FROM blobs WHERE digest = ?", blob.digest):
                return False
        return True

    def lookup(self, key: bytes) -> Record | None:
        """Return the record for a key."""
        self._use(key)
        for (content,) in self._database.rows("SELECT content FROM records WHERE key = ?", key):
            try:
                record = decode_record(key, content)
            except ValueError:
                return None
            self._use(*(blob.digest for blob in record.blobs()))
            self._database.run("UPDATE records SET used = ? WHERE key = ?", time.time(), key)
            return record
        return None

    def publish(self, record: Record, *, replace: bool = False) -> Record:
        """Make a record known, and return the one that counts."""
        content = encode_record(record)
        with self._database.transaction():
            earlier = None if replace else self.lookup(record.key)
            if earlier is not None and all(map(self.has, earlier.blobs())):
                return earlier
            self._use(record.key, *(blob.digest for blob in record.blobs()))
            self._database.run("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", record.key, content, time.time())
        return record

    def lock(self, key: bytes, *, timeout: float | None = None, give_up: Callable[[], bool] | None = None) -> KeyLock:
        """Return the right to compute a key."""
        return DatabaseKey(self._database, key, timeout, give_up)

    def file_digest(self, path: Path) -> bytes:
        """Return the digest of a file's contents."""
        return digest_of("file", _contents(path))

    def flush(self) -> None:
        """SQLite has written what was put."""

    def gc(self, max_bytes: int) -> Collected:
        """Drop results, the least recently used first, until the values fit."""
        with self._database.transaction():
            self._forget_sessions()
            used = {name for (name,) in self._database.rows("SELECT DISTINCT name FROM in_use")}
            sizes: dict[bytes, int] = dict(self._database.rows("SELECT digest, length(data) FROM blobs"))
            records = self._records()
            before, total = len(records), sum(sizes.values())
            dropped: list[bytes] = []
            for digest in sizes.keys() - used - _needed(records):
                dropped.append(digest)
                total -= sizes[digest]
            for key in [key for key in records if key not in used]:
                if total <= max_bytes:
                    break
                alone = {blob.digest for blob in records.pop(key).blobs()} - used - _needed(records)
                self._database.run("DELETE FROM records WHERE key = ?", key)
                for digest in alone & sizes.keys():
                    dropped.append(digest)
                    total -= sizes[digest]
            for digest in dropped:
                self._database.run("DELETE FROM blobs WHERE digest = ?", digest)
        in_use = sum(size for digest, size in sizes.items() if digest in used)
        freed = sum(sizes[digest] for digest in dropped)
        return Collected(before - len(records), len(dropped), freed, 0, total, in_use)

    def clear(self) -> Collected:
        """Drop everything that no open session uses."""
        return self.gc(0)

    def stats(self) -> StoreStats:
        """Count what there is."""
        self._forget_sessions()
        ((records, record_bytes),) = self._database.rows("SELECT count(*), total(length(content)) FROM records")
        ((blobs, blob_bytes),) = self._database.rows("SELECT count(*), total(length(data)) FROM blobs")
        ((sessions,),) = self._database.rows("SELECT count(DISTINCT process) FROM sessions")
        return StoreStats(self.location, records, blobs, int(blob_bytes), int(record_bytes), 0, sessions)

    def verify(self) -> Verified:
        """Read every byte, drop what is damaged, and the records that need it."""
        total, damaged = 0, []
        digests = [digest for (digest,) in self._database.rows("SELECT digest FROM blobs")]
        for digest in digests:
            for codec, content in self._database.rows("SELECT codec, data FROM blobs WHERE digest = ?", digest):
                total += len(content)
                if digest_of(codec, content) != digest:
                    damaged.append(digest)
                    self._database.run("DELETE FROM blobs WHERE digest = ?", digest)
        ((stored,),) = self._database.rows("SELECT count(*) FROM records")
        records = self._records()
        incomplete = [key for key, record in records.items() if not all(map(self.has, record.blobs()))]
        for key in incomplete:
            self._database.run("DELETE FROM records WHERE key = ?", key)
        places = tuple(f"{self.location}#{digest.hex()}" for digest in damaged)
        return Verified(len(digests), total, places, stored, stored - len(records), len(incomplete))

    def close(self) -> None:
        """Let go of the file, and of what this session used."""
        if self._open:
            self._open = False
            self._forget([self._session])
            self._database.close()

    def _use(self, *names: bytes) -> None:
        """Say that this session uses values or records, so that nobody collects them."""
        for name in names:
            self._database.run("INSERT OR IGNORE INTO in_use VALUES (?, ?)", self._session, name)

    def _records(self) -> dict[bytes, Record]:
        """Return the records that can be read, the least recently used first."""
        found = {}
        for key, content in self._database.rows("SELECT key, content FROM records ORDER BY used"):
            try:
                found[key] = decode_record(key, content)
            except ValueError:
                continue
        return found

    def _forget_sessions(self) -> None:
        """Forget the sessions of processes that are gone."""
        gone = []
        for session, process in self._database.rows("SELECT id, process FROM sessions"):
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                gone.append(session)
            except PermissionError:
                continue
        self._forget(gone)

    def _forget(self, sessions: Iterable[int]) -> None:
        for session in sessions:
            self._database.run("DELETE FROM in_use WHERE session = ?", session)
            self._database.run("DELETE FROM sessions WHERE id = ?", session)


def _needed(records: dict[bytes, Record]) -> set[bytes]:
    return {blob.digest for record in records.values() for blob in record.blobs()}


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError("a file can't be read", where=str(path), why=error.strerror) from error
