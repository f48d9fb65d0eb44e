"""The records of a store: what the log and its index say together, for each key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple

from flowra.storage.local.folder import StoreFolder
from flowra.storage.local.index import Index, UnusableIndexError, open_index, remove_indexes
from flowra.storage.local.log import NOTHING, Frame, RecordLog, write_log
from flowra.storage.record import Record
from flowra.storage.record_bytes import decode_record

__all__ = ["Place", "RecordTable"]

#: Bytes that are read in one piece for records that lie side by side, at most.
_PIECE = 1 << 20


class Place(NamedTuple):
    """Where the frame is that counts for a key; `at` is `NOTHING` where none does."""

    at: int
    size: int


_NOWHERE = Place(NOTHING, 0)


class RecordTable:
    """The records of a store. Not thread-safe by itself.

    Args:
        folder: The store's folder.
        index_bytes: The log behind the index that is put up with; an index of less is not worth its time.
    """

    def __init__(self, folder: StoreFolder, *, index_bytes: int) -> None:
        self._folder = folder
        self._index_bytes = index_bytes
        self.log = RecordLog(folder)
        # What is read in the time that an index takes to be opened.
        self._worth_it = index_bytes // 8
        self._index: Index | None = None
        self._index_is_wrong = False
        self._due = 0
        if self.log.size() - self.log.start > self._worth_it:
            self._index = open_index(folder, self.log, create=False)
        self._start_over()
        self._index_if_due()

    def read_on(self) -> None:
        """Take in what has been appended, whoever did it."""
        if self.log.has_grown():
            for frame in self.log.read_on():
                self._take_in(frame)
            self._index_if_due()

    def place(self, key: bytes) -> Place:
        """Return where the record for a key is, as far as the log has been read."""
        place = self._places.get(key)
        if place is None:
            if self._index is None or self._knows_all:
                return _NOWHERE
            try:
                found = self._index.get(key)
            except UnusableIndexError:
                self._do_without_index()
                return self.place(key)
            place = self._resolve(key, found)
        return place

    def find(self, key: bytes) -> Record | None:
        """Return the record for a key, or None if there is none that can be read."""
        place = self.place(key)
        if place.at == NOTHING:
            return None
        record = self.read(key, place)
        if record is None:
            # The index or the log is damaged there; what can be read of the log decides.
            self._do_without_index()
            place = self.place(key)
            record = None if place.at == NOTHING else self.read(key, place)
        return record

    def among(self, keys: list[bytes]) -> list[bytes]:
        """Return those of some keys that have a record; the index is asked once for all of them."""
        self._prepare(keys)
        return [key for key in keys if self.place(key).at != NOTHING]

    def find_many(self, keys: list[bytes]) -> dict[bytes, Record]:
        """Return the records there are for some keys; those that lie side by side are read together."""
        places = sorted((self.place(key), key) for key in keys)
        found: dict[bytes, Record] = {}
        for piece in _pieces([each for each in places if each[0].at != NOTHING]):
            start, (last, _) = piece[0][0].at, piece[-1]
            data = self.log.frame_at(start, last.at + last.size - start)
            for (at, size), key in piece:
                content = self.log.content(data[at - start : at - start + size], key)
                record = _decoded(key, content) or self.find(key)
                if record is not None:
                    found[key] = record
        return found

    def read(self, key: bytes, place: Place) -> Record | None:
        """Return the record at a place, or None if it is damaged."""
        return _decoded(key, self.log.read(place.at, place.size, key))

    def write(self, record: Record, content: bytes, replaces: int) -> Record | None:
        """Append a record and return the one that counts then; None if that one is damaged."""
        frame, own = self.log.append(record.key, replaces, content)
        if own is not None:
            self._take_in(own)
            place = self.place(record.key)
            if place.at == own.at:
                self._index_if_due()
                return record
        else:
            self.read_on()
            place = self.place(record.key)
            if self.log.frame_at(place.at, place.size) == frame:
                return record
        return self.read(record.key, place)

    def remove(self, key: bytes, place: Place) -> None:
        """Append that a record counts no more, unless it has been replaced meanwhile."""
        _, own = self.log.append(key, place.at, b"")
        if own is not None:
            self._take_in(own)
        else:
            self.read_on()

    def all(self) -> list[tuple[bytes, Place]]:
        """Return every key that has a record, and where it is, as far as the log has been read."""
        if self._index is not None and not self._knows_all:
            try:
                for key, at, size in self._index.all():
                    if key not in self._places:
                        self._resolve(key, (at, size))
            except UnusableIndexError:
                self._do_without_index()
        for key in list(self._unresolved):
            self._resolve(key, None)
        return [(key, place) for key, place in self._places.items() if place.at != NOTHING]

    def close(self) -> None:
        """Leave an index that the next session profits from, and close the files."""
        self._due = min(self._due, self._covered() + self._worth_it)
        self._index_if_due()
        if self._index is not None:
            self._index.close()
            self._index = None
        self.log.close()

    def reopen(self, *, forked: bool = False) -> None:
        """Open the log and the index anew: the log was replaced, or this is a forked child."""
        if forked and self._index is not None:
            # SQLite must not close in the child what the parent has open, and Python would when it is freed.
            _left_open.append(self._index)
        elif self._index is not None:
            self._index.close()
        self._index = None
        self.log.close()
        self.log = RecordLog(self._folder)
        if self.log.size() - self.log.start > self._worth_it:
            self._index = open_index(self._folder, self.log)
        self._start_over()

    def compact(self) -> None:
        """Write a log of nothing but what counts in place of this one; no other session may have the store open."""
        temporary = self._folder.tmp / f"log-{secrets.token_hex(8)}"
        try:
            places = sorted(self.all(), key=lambda entry: entry[1].at)
            contents = ((key, self.log.read(place.at, place.size, key)) for key, place in places)
            write_log(self._folder, temporary, ((key, content) for key, content in contents if content))
            temporary.replace(self._folder.log)
        finally:
            temporary.unlink(missing_ok=True)
        self.reopen()
        remove_indexes(self._folder, self.log)

    def counted_bytes(self) -> int:
        """Return the bytes of the frames that count."""
        return sum(place.size for _, place in self.all())

    def _start_over(self) -> None:
        """Forget everything, and read what the index does not cover."""
        self._places: dict[bytes, Place] = {}
        self._unresolved: dict[bytes, list[Frame]] = {}
        # Whether all of the log was read, so that the index need not be asked: it is for those who come later.
        self._knows_all = self._index is None
        self._due = self._covered() + self._index_bytes
        self.log.rewind(self._covered())
        for frame in self.log.read_on():
            self._take_in(frame)

    def _covered(self) -> int:
        return self.log.start if self._index is None else self._index.upto

    def _take_in(self, frame: Frame) -> None:
        place = self._places.get(frame.key)
        if place is not None:
            self._places[frame.key] = _after(place, frame)
        elif self._knows_all:
            self._places[frame.key] = _after(_NOWHERE, frame)
        else:
            self._unresolved.setdefault(frame.key, []).append(frame)

    def _resolve(self, key: bytes, indexed: tuple[int, int] | None) -> Place:
        place = _NOWHERE if indexed is None else Place(*indexed)
        for frame in self._unresolved.pop(key, ()):
            place = _after(place, frame)
        self._places[key] = place
        return place

    def _prepare(self, keys: list[bytes]) -> None:
        """Ask the index for many keys at once; `place` then need not ask for each."""
        if self._index is None or self._knows_all:
            return
        unknown = [key for key in keys if key not in self._places]
        try:
            found = self._index.get_many(unknown)
        except UnusableIndexError:
            self._do_without_index()
            return
        for key in unknown:
            self._resolve(key, found.get(key))

    def _index_if_due(self) -> None:
        """Have the index cover the log once enough of it is not covered."""
        if self.log.end <= self._due:
            return
        # Whatever comes of it, the next try is only worth its time after as much again.
        due = self.log.end + self._index_bytes
        if self._index is None:
            self._index = open_index(self._folder, self.log, create=True, anew=self._index_is_wrong)
            self._index_is_wrong = False
        self._due = 0
        if self._index is not None:
            try:
                self._index.extend(self.log)
            except UnusableIndexError as error:
                if not error.busy:
                    self._drop_index()
            if not self._knows_all:
                self._start_over()
        self._due = max(due, self._due)

    def _do_without_index(self) -> None:
        """Read the whole log instead of an index that can't be read or does not fit it; a new one is made in time."""
        self._drop_index()
        self._start_over()

    def _drop_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
            self._index_is_wrong = True


def _pieces(places: list[tuple[Place, bytes]]) -> Iterator[list[tuple[Place, bytes]]]:
    """Yield runs of places that lie side by side in the log."""
    piece: list[tuple[Place, bytes]] = []
    for place, key in places:
        if piece:
            (first, _), (last, _) = piece[0], piece[-1]
            if place.at != last.at + last.size or place.at + place.size - first.at > _PIECE:
                yield piece
                piece = []
        piece.append((place, key))
    if piece:
        yield piece


def _decoded(key: bytes, content: bytes | None) -> Record | None:
    try:
        return decode_record(key, content) if content else None
    except ValueError:
        return None


def _after(place: Place, frame: Frame) -> Place:
    """Return where the record is once a frame has been taken in."""
    if place.at != frame.replaces:
        return place
    return _NOWHERE if frame.removes else Place(frame.at, frame.size)


# Of the parents of forked children.
_left_open: list[Index] = []
