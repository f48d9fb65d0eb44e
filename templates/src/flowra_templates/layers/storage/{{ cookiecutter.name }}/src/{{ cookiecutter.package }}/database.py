"""The database: one SQLite file, shared by threads and processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from flowra.exceptions import StoreError

__all__ = ["Database"]

_TABLES = """
CREATE TABLE IF NOT EXISTS blobs (digest BLOB PRIMARY KEY, codec TEXT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (key BLOB PRIMARY KEY, content BLOB NOT NULL, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, process INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS in_use (session INTEGER, name BLOB, PRIMARY KEY (session, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (key BLOB PRIMARY KEY, process INTEGER NOT NULL);
"""
_SYNCHRONOUS = {"off": "OFF", "batched": "NORMAL", "on": "FULL"}


class Database:
    """A connection that threads share; whatever SQLite raises becomes a `StoreError`."""

    def __init__(self, path: Path, durability: Literal["off", "batched", "on"]) -> None:
        self._path = path
        self._mutex = RLock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            self._connection.executescript(_TABLES)

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows that a statement gives."""
        with self._mutex, self._explained():
            return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement, and return how many rows it changed."""
        with self._mutex, self._explained():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let nobody else write while the block runs, and write all of it or nothing."""
        with self._mutex:
            self.run("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.run("ROLLBACK")
                raise
            self.run("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError("the store can't be read or written", where=str(self._path), why=str(error)) from error
