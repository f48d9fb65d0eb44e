"""Where in the log each key's record is: a SQLite file that can be deleted, damaged or locked without losing anything.

It covers the log up to a point that it carries itself; a session reads the rest of the log. So it is written rarely, in
large batches, and a session keeps one read transaction open: an older index is as good as a newer one. What it says is
checked against the log on reading. Its file carries the log's id in its name and a number; one that can't be read is
left to whoever has it open, and the next number begins anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.log import NOTHING, RecordLog

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Index", "UnusableIndexError", "open_index", "remove_indexes"]

#: Milliseconds to wait for another process's batch.
_BUSY_MS = 200
#: SQLite's bound on parameters is 999 in old versions.
_MOST_KEYS = 500


class UnusableIndexError(Exception):
    """SQLite could not read or write the index.

    Attributes:
        busy: Whether another process is just writing it, and nothing is wrong.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.busy = "locked" in str(error)


class Index:
    """One session's view of the index. Not thread-safe by itself; every method raises UnusableIndexError.

    Attributes:
        upto: The point of the log that it covers; frames from there on are not in it.
    """

    def __init__(self, connection: sqlite3.Connection, log: RecordLog) -> None:
        self._connection = connection
        self._begin(log)

    def get(self, key: bytes) -> tuple[int, int] | None:
        """Return offset and size of the frame that counts for a key."""
        row: tuple[int, int] | None
        try:
            row = self._connection.execute("SELECT at, size FROM records WHERE key = ?", (key,)).fetchone()
        except self._connection.Error as error:
            raise UnusableIndexError(error) from error
        return row

    def get_many(self, keys: list[bytes]) -> dict[bytes, tuple[int, int]]:
        """Return offset and size for those of the keys that have a record."""
        found: dict[bytes, tuple[int, int]] = {}
        for start in range(0, len(keys), _MOST_KEYS):
            some = keys[start : start + _MOST_KEYS]
            marks = ",".join("?" * len(some))
            rows = self._rows(f"SELECT key, at, size FROM records WHERE key IN ({marks})", some)  # noqa: S608 - question marks only
            found.update((key, (at, size)) for key, at, size in rows)
        return found

    def all(self) -> list[tuple[bytes, int, int]]:
        """Return key, offset and size of every frame that counts."""
        return self._rows("SELECT key, at, size FROM records", [])

    def extend(self, log: RecordLog) -> None:
        """Take in what the log has up to where it has been read, and look from there; or look from where others did."""
        execute = self._connection.execute
        try:
            execute("COMMIT")
            try:
                execute("BEGIN IMMEDIATE")
                self._take_in(log)
            finally:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                self._begin(log)
        except self._connection.Error as error:
            raise UnusableIndexError(error) from error

    def close(self) -> None:
        """Close the file."""
        with suppress(self._connection.Error):
            self._connection.close()

    def _take_in(self, log: RecordLog) -> None:
        execute = self._connection.execute
        (covered,) = execute("SELECT upto FROM log").fetchone()
        for frame in log.frames(covered, log.end):
            if frame.removes:
                execute("DELETE FROM records WHERE key = ? AND at = ?", (frame.key, frame.replaces))
            elif frame.replaces == NOTHING:
                execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?)", (frame.key, frame.at, frame.size))
            else:
                execute(
                    "UPDATE records SET at = ?, size = ? WHERE key = ? AND at = ?",
                    (frame.at, frame.size, frame.key, frame.replaces),
                )
        execute("UPDATE log SET upto = max(upto, ?)", (log.end,))
        execute("COMMIT")

    def _begin(self, log: RecordLog) -> None:
        self._connection.execute("BEGIN")
        identity, upto = self._connection.execute("SELECT id, upto FROM log").fetchone()
        if identity != log.id or not log.start <= upto <= log.size():
            raise self._connection.DatabaseError("the index is not one of this log")
        self.upto: int = upto

    def _rows(self, query: str, parameters: list[bytes]) -> list[tuple[bytes, int, int]]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except self._connection.Error as error:
            raise UnusableIndexError(error) from error


def open_index(folder: StoreFolder, log: RecordLog, *, create: bool = False, anew: bool = False) -> Index | None:
    """Return the index of a log.

    Args:
        folder: The store's folder.
        log: Its log.
        create: Make one if there is none, or none that can be read.
        anew: Make one in any case.

    Returns:
        The index, or None if there is none or another process keeps it locked: the log is then read as a whole.
    """
    newest = max(((_number(path), path) for path in _index_files(folder, log)), default=None)
    if newest is not None and not anew:
        index = _try_open(newest[1], log, folder)
        if index is not None:
            return index
    if not (create or anew):
        return None
    number = 0 if newest is None else newest[0] + 1
    return _try_open(folder.path / f"{_stem(log)}{number}.sqlite", log, folder)


def remove_indexes(folder: StoreFolder, keep: RecordLog) -> None:
    """Remove the files of indexes that no session needs: all of other logs, and all but the newest of this one."""
    ours = list(_index_files(folder, keep))
    newest = max(map(_number, ours), default=0)
    kept = f"{_stem(keep)}{newest}.sqlite"
    for path in folder.path.glob("index-*.sqlite*"):
        if not path.name.startswith(kept):
            path.unlink(missing_ok=True)


def _stem(log: RecordLog) -> str:
    return f"index-{log.id.hex()}-"


def _index_files(folder: StoreFolder, log: RecordLog) -> Iterable[Path]:
    return folder.path.glob(f"{_stem(log)}*.sqlite")


def _number(path: Path) -> int:
    digits = re.fullmatch(r".*-(\d{1,9})", path.stem)
    return int(digits[1]) if digits else -1


def _try_open(path: Path, log: RecordLog, folder: StoreFolder) -> Index | None:
    import sqlite3

    try:
        # Made here, so that its permissions are the store's; SQLite gives them to its other files too.
        os.close(folder.create(path, os.O_RDWR))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
    except (OSError, sqlite3.Error):
        return None
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # The log is the truth; what a loss of power does to the index is found and made good.
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            _make_tables(connection, log)
        # From here on, nothing is worth waiting for.
        connection.execute("PRAGMA busy_timeout = 0")
        return Index(connection, log)
    except (sqlite3.Error, TypeError, ValueError):
        connection.close()
        return None


def _make_tables(connection: sqlite3.Connection, log: RecordLog) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS log (id BLOB NOT NULL, upto INTEGER NOT NULL)")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS records (key BLOB PRIMARY KEY, at INTEGER NOT NULL, size INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    connection.execute("INSERT INTO log SELECT ?, ? WHERE NOT EXISTS (SELECT * FROM log)", (log.id, log.start))
    connection.execute("COMMIT")
