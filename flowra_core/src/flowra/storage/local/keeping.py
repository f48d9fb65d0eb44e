"""Collecting, checking and counting: the work on a whole store.

A collection makes no session wait and takes nothing that one uses. It removes a record by appending that to the log,
and a value by moving it to `trash/`, where it is still found; then it reads what open sessions use. A session says so
*before* it looks, so either the collection sees it and gives back what it took, or the session comes later and finds a
miss.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from flowra.exceptions import StoreError
from flowra.storage.local.blobs import BlobFolder
from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.leases import Uses, read_uses, save_times
from flowra.storage.local.log import NOTHING
from flowra.storage.local.presence import Presence, alone
from flowra.storage.local.records import Place, RecordTable
from flowra.storage.record import Record
from flowra.storage.record_bytes import decode_record, encode_record
from flowra.storage.reports import Collected, StoreStats, Verified

__all__ = ["StoreKeeper"]

#: Seconds after which a temporary file that belongs to no session is a crash's.
_LEFTOVER_AGE = 3600.0
_SESSION_FILE = re.compile(r"([0-9a-f]+-\d+-[0-9a-f]{8})-\d+-\d+")
#: A log of less is not worth compacting.
_COMPACTED_FROM = 1 << 20


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record, and what collecting it takes."""

    record: Record
    place: Place
    used: float
    blobs: dict[bytes, int]


class StoreKeeper:
    """The work on a whole store.

    Args:
        folder: The store's folder.
        blobs: Its values.
        records: Its records.
        mutex: What guards `records`.
        presence: This session's share of the store.
    """

    def __init__(
        self, folder: StoreFolder, blobs: BlobFolder, records: RecordTable, mutex: Lock, presence: Presence
    ) -> None:
        self._folder = folder
        self._blobs = blobs
        self._records = records
        self._mutex = mutex
        self._presence = presence

    def collect(self, max_bytes: int) -> Collected:
        """Drop records and values, the least recently used first, until they take at most `max_bytes`; and sweep.

        Raises:
            StoreError: Another process does so, or the store can't be written.
        """
        with alone(self._folder):
            # Listed before the sessions are read: whoever writes one of these files is then among the open ones.
            temporary = list(self._folder.tmp.iterdir())
            uses = read_uses(self._folder)
            entries, unreadable = self._entries(uses)
            kept, victims = _choose(entries, uses, max_bytes)
            self._remove(unreadable)
            self._remove([(entry.record.key, entry.place) for entry in victims])
            kept += self._give_back(victims, uses)
            blobs, freed = self._collect_blobs({digest for entry in kept for digest in entry.blobs}, uses)
            leftovers = _sweep(temporary, uses.open_sessions)
            save_times(self._folder, uses, {entry.record.key for entry in kept})
            self.compact(only_if_worth_it=True)
            kept_bytes, in_use = self._count(kept, uses)
            dropped = len(entries) - len(kept)
            return Collected(dropped, blobs, freed, leftovers, kept_bytes, in_use)

    def verify(self) -> Verified:
        """Read everything; put aside what is damaged, and drop the records that need it."""
        with alone(self._folder):
            count, size, damaged = 0, 0, []
            for file in self._blobs.all():
                count += 1
                size += file.size
                aside = self._blobs.check(file)
                if aside is not None:
                    damaged.append(str(aside))
            with self._mutex:
                lost = self._records.log.count_damaged()
            entries, unreadable = self._entries(None)
            incomplete = [entry for entry in entries if not all(map(self._blobs.has, entry.record.blobs()))]
            self._remove([*unreadable, *((entry.record.key, entry.place) for entry in incomplete)])
            if lost:
                self.compact()
            return Verified(count, size, tuple(damaged), len(entries), max(lost, len(unreadable)), len(incomplete))

    def records(self) -> list[Record]:
        """Return every record that can be read."""
        return [entry.record for entry in self._entries(None)[0]]

    def empty_quarantine(self) -> None:
        """Remove what was put aside as damaged, and what is remembered of files from outside."""
        for path in (*self._folder.quarantine.iterdir(), self._folder.files):
            path.unlink(missing_ok=True)

    def stats(self, location: str) -> StoreStats:
        """Count what there is."""
        with self._mutex:
            self._records.read_on()
            records = len(self._records.all())
            record_bytes = self._records.log.size()
        sizes = [file.size for file in self._blobs.all()]
        quarantined = sum(1 for _ in self._folder.quarantine.iterdir())
        sessions = len(read_uses(self._folder).open_sessions)
        return StoreStats(location, records, len(sizes), sum(sizes), record_bytes, quarantined, sessions)

    def compact(self, *, only_if_worth_it: bool = False) -> None:
        """Write the log anew without what does not count, unless another session has the store open."""
        with self._mutex:
            self._records.read_on()
            size = self._records.log.size()
            if only_if_worth_it and (size < _COMPACTED_FROM or 2 * self._records.counted_bytes() > size):
                return
            with self._presence.only_one() as only_one, suppress(OSError):  # a full disk: the log stays as it is
                if only_one:
                    self._records.compact()
            # While the share was given up, another session may have done the same.
            if not self._records.log.is_current():
                self._records.reopen()

    def _entries(self, uses: Uses | None) -> tuple[list[_Entry], list[tuple[bytes, Place]]]:
        """Return every record, and the places of those that can't be read."""
        with self._mutex:
            self._records.read_on()
            places = self._records.all()
            log = self._records.log
        entries, unreadable = [], []
        for key, place in places:
            content = log.read(place.at, place.size, key)
            try:
                record = decode_record(key, content or b"")
            except ValueError:
                unreadable.append((key, place))
                continue
            used = max(record.created, uses.times.get(key, 0)) if uses is not None else record.created
            entries.append(_Entry(record, place, used, {blob.digest: blob.size for blob in record.blobs()}))
        return entries, unreadable

    def _remove(self, places: Iterable[tuple[bytes, Place]]) -> None:
        """Append that records count no more."""
        for key, place in places:
            with self._mutex:
                try:
                    self._records.remove(key, place)
                except StoreError:
                    # No room for a line: it is to make room that values go now. A record whose values are gone is a
                    # miss, too.
                    return

    def _give_back(self, victims: list[_Entry], uses: Uses) -> list[_Entry]:
        """Publish again what a session said it uses while it was being removed."""
        live = read_uses(self._folder, since=uses).live
        wanted = [entry for entry in victims if entry.record.key in live]
        for entry in wanted:
            with self._mutex:
                self._records.read_on()
                if self._records.place(entry.record.key).at == NOTHING:
                    self._records.write(entry.record, encode_record(entry.record), NOTHING)
        return wanted

    def _collect_blobs(self, needed: set[bytes], uses: Uses) -> tuple[int, int]:
        """Remove the values that no record needs and no session uses; return how many, and their bytes."""
        live = read_uses(self._folder, since=uses).live
        for file in self._blobs.all():
            if file.digest not in needed and file.digest not in live:
                self._blobs.throw_away(file)
        live = read_uses(self._folder, since=uses).live
        count, freed = 0, 0
        for file in list(self._blobs.thrown_away()):
            if file.digest in needed or file.digest in live:
                self._blobs.take_back(file)
            else:
                file.path.unlink(missing_ok=True)
                count += 1
                freed += file.size
        return count, freed

    def _count(self, kept: list[_Entry], uses: Uses) -> tuple[int, int]:
        live = read_uses(self._folder, since=uses).live
        used = set(live)
        for entry in kept:
            if entry.record.key in live:
                used.update(entry.blobs)
        sizes = {file.digest: file.size for file in self._blobs.all()}
        return sum(sizes.values()), sum(size for digest, size in sizes.items() if digest in used)


def _choose(entries: list[_Entry], uses: Uses, max_bytes: int) -> tuple[list[_Entry], list[_Entry]]:
    """Return the records to keep and those to drop: the least recently used, until the rest fits."""
    counted: set[bytes] = set()
    total = 0
    kept: list[_Entry] = []

    def keep(entry: _Entry) -> None:
        nonlocal total
        total += _more_bytes(entry, counted)
        counted.update(entry.blobs)
        kept.append(entry)

    rest = []
    for entry in sorted(entries, key=_recency, reverse=True):
        if entry.record.key in uses.live:
            keep(entry)
        else:
            rest.append(entry)
    for number, entry in enumerate(rest):
        if total + _more_bytes(entry, counted) > max_bytes:
            return kept, rest[number:]
        keep(entry)
    return kept, []


def _recency(entry: _Entry) -> tuple[float, float, int]:
    # One session says one time for all that it used within the hour.
    return entry.used, entry.record.created, entry.place.at


def _more_bytes(entry: _Entry, counted: set[bytes]) -> int:
    return entry.place.size + sum(size for digest, size in entry.blobs.items() if digest not in counted)


def _sweep(temporary: list[Path], open_sessions: frozenset[str]) -> int:
    """Remove the temporary files of crashed processes; return how many."""
    swept = 0
    for path in temporary:
        session = _SESSION_FILE.fullmatch(path.name)
        with suppress(FileNotFoundError):
            old = time.time() - path.stat().st_mtime > _LEFTOVER_AGE
            if (session and session[1] not in open_sessions) or (session is None and old):
                path.unlink()
                swept += 1
    return swept
