"""Collection: dropping what was not used for longest, while sessions on other machines go on.

A collection has an announced *round*, in these steps:

1. It takes the right to collect, and announces the round. Sessions that begin later find it there.
2. It waits until each session that is alive has said what it uses; from its answer on, a session is careful
   (`session.py`). One that shows no sign of life, by this process's own clock, is lost, and needs nothing.
3. It reads the records, chooses, and writes down what it is about to remove: the *condemned*.
4. It reads once more what sessions have said since. What is used is spared; no session relies on the rest any more, for
   whoever comes from now on finds it condemned before using it.
5. It removes records, then values. Before each batch it makes sure, by its own clock, that nobody can have taken it for
   lost: then it would stop.
6. It removes the announcement, and what lost sessions have left.

Which record was used last is told by the service's own clock: sessions leave a list of what they used when they end,
and every hour, and the time of that object counts (`uses.py`). Clocks of machines are not compared.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flowra.exceptions import StoreError
from flowra.storage.refs import BlobRef
from flowra.storage.remote.blobs import RemoteBlobs
from flowra.storage.remote.layout import Layout
from flowra.storage.remote.leases import Leases
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.pulses import LOST_AFTER
from flowra.storage.remote.records import RemoteRecords
from flowra.storage.remote.session import MOST_DIGESTS, RemoteSession, Round, digests_in
from flowra.storage.remote.uses import Uses
from flowra.storage.reports import Collected

__all__ = ["Collector"]

_BATCH = 500
#: Seconds between looks at sessions that have not answered: first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
#: A session that is alive and has not answered after as many of the signs of life that a lost one misses is broken.
_PATIENCE = 10
#: Seconds beyond the time after which another collector counts as lost: it is only looked at now and then.
_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record, and what collecting it takes."""

    key: bytes
    size: int
    used: float
    created: float
    blobs: dict[bytes, int]


class Collector:
    """Collects over a store. One collection at a time, over all machines.

    Args:
        objects: What is collected.
        layout: The names.
        session: This process's session.
        leases: What keeps others from collecting.
        blobs: The values.
        records: The records.
        uses: When records were used.
        notices: What there is to say.
        every: Seconds between two signs of life.
    """

    def __init__(
        self,
        objects: ObjectStore,
        layout: Layout,
        session: RemoteSession,
        leases: Leases,
        blobs: RemoteBlobs,
        records: RemoteRecords,
        uses: Uses,
        notices: Notices,
        every: float,
    ) -> None:
        self._objects = objects
        self._layout = layout
        self._session = session
        self._leases = leases
        self._blobs = blobs
        self._records = records
        self._uses = uses
        self._notices = notices
        self._every = every
        self._right = f"{layout.collections}collector"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that collects or checks while the block runs.

        Raises:
            StoreError: Another one does so.
        """
        if not self._leases.take(self._right, timeout=LOST_AFTER * self._every + _MARGIN):
            raise StoreError(
                "the store is being collected or checked already",
                where=self._objects.location,
                why="another session does it",
                fix="wait until it is done",
            )
        try:
            if not self._leases.holds(self._right):
                raise StoreError(
                    "the store can't be collected or checked",
                    where=self._objects.location,
                    why="this session may not write to it, or its service does not answer",
                    fix="use credentials that may write and delete",
                )
            yield
        finally:
            self._leases.give(self._right)

    def collect(self, max_bytes: int, pool: Executor) -> Collected:
        """Drop records and values, the least recently used first, until they take at most `max_bytes`; and sweep.

        Raises:
            StoreError: Another one collects, a session does not answer, or the store can't be written.
        """
        with self.alone():
            going_on = Round(secrets.token_hex(8), self._session.id)
            # What a collection has left that was killed.
            left = [each.name for each in self._objects.list(self._layout.collections) if each.name != self._right]
            self._objects.delete(left)
            try:
                with self._session.collecting(going_on):
                    lost = self._hear_all(going_on)
                    return self._collect(max_bytes, going_on, lost, pool)
            finally:
                with suppress(StoreError):  # the next collection sweeps
                    self._objects.delete([self._layout.collections + going_on.id, *self._said(going_on)])

    def _collect(self, max_bytes: int, going_on: Round, lost: Sequence[str], pool: Executor) -> Collected:
        times, lists = self._uses.read()
        entries: list[_Entry] = []
        broken: list[bytes] = []
        for page in self._records.everything(pool):
            broken += page.broken
            for record, about in page.records:
                used = max(about.modified, times.get(record.key, 0.0))
                entries.append(_Entry(record.key, about.size, used, record.created, _sizes(record.blobs())))
        live = self._live(going_on, pool)
        kept, victims = _choose(entries, live, max_bytes)
        needed = {digest for entry in kept for digest in entry.blobs}
        blobs = list(self._blobs.all())
        condemned = [each for each in blobs if each.digest not in needed and each.digest not in live]
        digests = [entry.key for entry in victims] + broken + [each.digest for each in condemned]
        self._objects.put(self._layout.collections + going_on.id, [b"".join(digests)])
        live = self._live(going_on, pool)
        spared = [entry for entry in victims if entry.key in live]
        needed.update(digest for entry in spared for digest in entry.blobs)
        gone = {entry.key for entry in victims} - live
        self._remove([self._layout.record(key) for key in sorted(gone.union(broken) - live)])
        taken = [each for each in condemned if each.digest not in needed and each.digest not in live]
        self._remove([self._layout.blob(each) for each in taken])
        self._blobs.forget(taken)
        leftovers = self._of_the_lost(lost)
        self._remove(leftovers)
        there = {entry.key for entry in entries} - gone
        self._uses.keep({key: used for key, used in times.items() if key in there}, lists)
        rest = _sizes(blobs)
        for each in taken:
            rest.pop(each.digest, None)
        in_use = live | {digest for entry in [*kept, *spared] if entry.key in live for digest in entry.blobs}
        return Collected(
            records=len(gone),
            blobs=len(taken),
            bytes=sum(each.size for each in taken),
            leftovers=len(leftovers),
            kept_bytes=sum(rest.values()),
            in_use_bytes=sum(size for digest, size in rest.items() if digest in in_use),
        )

    def _hear_all(self, going_on: Round) -> list[str]:
        """Wait until every session has answered; return those that are lost."""
        lost: list[str] = []
        wait = _FIRST_WAIT
        ends = time.monotonic() + _PATIENCE * LOST_AFTER * self._every
        while True:
            sessions, answered = self._sessions(going_on)
            open_ones = sessions - answered - set(lost)
            silent = {each for each in open_ones if not self._session.pulses.is_lost(each)}
            lost += sorted(open_ones - silent)
            if not silent:
                return lost
            if time.monotonic() > ends:
                raise StoreError(
                    "the store can't be collected now",
                    where=self._objects.location,
                    why=f"{len(silent)} sessions are alive and don't say what they use",
                    fix="end the programs that use the store, or try again",
                )
            time.sleep(wait)
            wait = min(1.5 * wait, _LONGEST_WAIT, self._every)

    def _sessions(self, going_on: Round) -> tuple[set[str], set[str]]:
        """Return the sessions there are, and those that have answered."""
        sessions, answered = set(), set()
        for each in self._objects.list(self._layout.sessions):
            session, _, rest = each.name.removeprefix(self._layout.sessions).partition(".")
            if not rest:
                sessions.add(session)
            elif rest == f"{going_on.id}.0":
                answered.add(session)
        return sessions, answered

    def _said(self, going_on: Round) -> list[str]:
        part = f".{going_on.id}."
        return [each.name for each in self._objects.list(self._layout.sessions) if part in each.name]

    def _live(self, going_on: Round, pool: Executor) -> frozenset[bytes]:
        """Return all that sessions have said to use."""
        live = set(self._session.used)

        def read(name: str) -> list[bytes]:
            return digests_in(self._objects.get(name, length=MOST_DIGESTS) or b"")

        for digests in pool.map(read, self._said(going_on)):
            live.update(digests)
        return frozenset(live)

    def _remove(self, names: Sequence[str]) -> None:
        for at in range(0, len(names), _BATCH):
            if not self._leases.holds(self._right):
                self._notices.count("collection", "a collection stopped: the store did not answer for too long")
                raise StoreError(
                    "the collection stopped half-way",
                    where=self._objects.location,
                    why="the store did not answer for so long that others may take this session for lost",
                    fix="collect again",
                )
            self._objects.delete(names[at : at + _BATCH])

    def _of_the_lost(self, lost: Sequence[str]) -> list[str]:
        """Return what lost sessions have left: themselves, what they said, and the rights that they hold."""
        sessions: dict[str, list[str]] = {}
        for each in self._objects.list(self._layout.sessions):
            session = each.name.removeprefix(self._layout.sessions).partition(".")[0]
            sessions.setdefault(session, []).append(each.name)
        gone = {session for session, names in sessions.items() if self._layout.sessions + session not in names}
        names = [name for session in sorted(gone.union(lost)) for name in sessions.get(session, ())]
        for each in self._objects.list(self._layout.locks):
            holder = (self._objects.get(each.name, length=256) or b"").partition(b" ")[0].decode("ascii", "replace")
            if holder in lost or holder not in sessions:
                names.append(each.name)
        return names


def _choose(entries: list[_Entry], live: frozenset[bytes], max_bytes: int) -> tuple[list[_Entry], list[_Entry]]:
    """Return the records to keep and those to drop: the least recently used, until the rest fits."""
    counted: set[bytes] = set()
    total = 0
    kept: list[_Entry] = []

    def more(entry: _Entry) -> int:
        return entry.size + sum(size for digest, size in entry.blobs.items() if digest not in counted)

    def keep(entry: _Entry) -> None:
        nonlocal total
        total += more(entry)
        counted.update(entry.blobs)
        kept.append(entry)

    rest = []
    for entry in sorted(entries, key=lambda each: (each.used, each.created, each.key), reverse=True):
        if entry.key in live:
            keep(entry)
        else:
            rest.append(entry)
    for number, entry in enumerate(rest):
        if total + more(entry) > max_bytes:
            return kept, rest[number:]
        keep(entry)
    return kept, []


def _sizes(blobs: Iterable[BlobRef]) -> dict[bytes, int]:
    return {each.digest: each.size for each in blobs}
