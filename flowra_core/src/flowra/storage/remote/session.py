"""A session: that it is alive, and what it uses, so that a collection on another machine takes nothing of it.

In ordinary times a session only writes a sign of life every few seconds, and remembers by itself what it uses: nothing
is sent for a value or a record. When a sign of life finds that a collection has been announced, the session answers
with all that it uses, and from then on is *careful* until the collection has ended: before it relies on anything new
it says so, and then looks whether the collection is about to remove that. The collection does it the other way round:
it says what it is about to remove, and then reads what sessions use. Whichever comes first, one of them sees the other.
`collecting.py` is the other side.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.refs import DIGEST_SIZE
from flowra.storage.remote.layout import Layout, is_name
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.pulses import LOST_AFTER, Pulses, pulse

__all__ = ["MOST_DIGESTS", "RemoteSession", "Round", "digests_in"]

#: Bytes of digests that are read from one object: those of eight million.
MOST_DIGESTS = 256 << 20
_NOTHING: frozenset[bytes] = frozenset()
_MOST_READ = 1024
#: Seconds between looks at a collection that is waited for: first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
#: Seconds that a closing session waits for a sign of life that is on its way.
_PATIENCE = 5.0


class Round:
    """A collection that is going on, as it is announced.

    Attributes:
        id: Its own name.
        session: Whoever collects.
    """

    __slots__ = ("id", "session")

    def __init__(self, id: str, session: str) -> None:
        self.id = id
        self.session = session

    def to_bytes(self) -> bytes:
        """Return the announcement."""
        return json.dumps({"round": self.id, "session": self.session}).encode()

    @classmethod
    def read(cls, objects: ObjectStore, layout: Layout) -> Round | None:
        """Return the collection that is announced, if there is one."""
        content = objects.get(layout.round, length=_MOST_READ)
        try:
            found = json.loads(content) if content is not None else None
            names = None if found is None else (str(found["round"]), str(found["session"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        # They become parts of objects' names: what can't be one was made up.
        return cls(*names) if names is not None and all(map(is_name, names)) else None


class RemoteSession:
    """This process's session on a store. Any thread may call it.

    Args:
        objects: Where it writes.
        layout: The names.
        every: Seconds between two signs of life.
        notices: What it has to say.

    Attributes:
        id: Its name.
        pulses: What it sees of others.
        chores: Called with each sign of life.
    """

    def __init__(self, objects: ObjectStore, layout: Layout, every: float, notices: Notices) -> None:
        self._objects = objects
        self._layout = layout
        self._every = every
        self._notices = notices
        self.pulses = Pulses(objects, layout, every)
        self.chores: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None
        self._round: Round | None = None
        self._condemned: frozenset[bytes] | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.id = f"{time.time_ns():x}-{os.getpid():x}-{secrets.token_hex(4)}"
        self._process = os.getpid()
        self._begun = False
        self._beginning = threading.Lock()
        self._mutex = threading.Lock()
        self._closing = threading.Event()
        self._thread = None
        self._beats = 0
        self._last_beat = time.monotonic()
        self._numbers = itertools.count(1)
        self._used: set[bytes] = set()
        self._round = self._condemned = None
        # What the collection that is going on was told.
        self._said: set[bytes] = set()
        self._dead: set[str] = set()
        self._collecting = ""
        self._spoke = False

    def touch(self, *digests: bytes) -> frozenset[bytes]:
        """Say that keys or values are used, before looking whether they are there.

        Returns:
            Those that a collection is about to remove: they are as good as gone, and can be written once it has ended.
        """
        self.begin()
        with self._mutex:
            self._used.update(digests)
            going_on = self._round
            if going_on is None:
                return _NOTHING
            new = [digest for digest in digests if digest not in self._said]
            condemned = self._condemned
        if new:
            self._say(going_on, f"{next(self._numbers)}", new)
            with self._mutex:
                if self._round is going_on:
                    self._said.update(new)
        if condemned is None:
            condemned = self._read_condemned(going_on)
        return condemned.intersection(digests)

    def begin(self) -> None:
        """Announce the session, if that was not done yet.

        Raises:
            StoreError: The store can't be written just now.
        """
        if self._begun and os.getpid() == self._process:
            return
        if os.getpid() != self._process:
            # A forked child: the signs of life are its parent's.
            self._begin_anew()
        with self._beginning:
            if self._begun:
                return
            try:
                self._beat()
            except StoreUnavailableError:
                raise
            except StoreError as error:  # no right to write, or no space: what is there can be read all the same
                self._notices.count(
                    "unprotected",
                    f"what this session uses can't be said to others ({error.what}: {error.why}), and a collection may "
                    "take it; it is then computed again",
                )
            else:
                self._thread = threading.Thread(target=self._go_on, name="flowra-remote-session", daemon=True)
                self._thread.start()
            self._begun = True

    @property
    def registered(self) -> bool:
        """Whether others know of this session."""
        return self._thread is not None and os.getpid() == self._process

    @property
    def healthy(self) -> bool:
        """Whether nobody can take this session for lost, as far as its own clock says."""
        return time.monotonic() - self._last_beat < (LOST_AFTER - 1) * self._every

    @property
    def used(self) -> frozenset[bytes]:
        """What it uses."""
        with self._mutex:
            return frozenset(self._used)

    @contextmanager
    def collecting(self, going_on: Round) -> Iterator[None]:
        """Be the one that collects while the block runs, after announcing it; other threads are careful as others are.

        The block begins with the answer of this session.
        """
        self._collecting = going_on.id
        try:
            self._objects.put(self._layout.round, [going_on.to_bytes()])
            self._follow(going_on)
            yield
        finally:
            self._collecting = ""
            with suppress(StoreError):  # the next sign of life removes it
                self._objects.delete([self._layout.round])
            self._follow(None)

    def wait_for_collection(self) -> None:
        """Wait until the collection that is going on has ended, or whoever makes it is lost."""
        wait = _FIRST_WAIT
        while (found := Round.read(self._objects, self._layout)) is not None:
            if self._is_dead(found):
                break
            self._closing.wait(wait)
            if self._closing.is_set():
                break
            wait = min(2 * wait, _LONGEST_WAIT)
        self._follow(None if found is None or self._is_dead(found) else found)

    def close(self) -> None:
        """End the session."""
        self._closing.set()
        if self._thread is None or os.getpid() != self._process:
            return
        self._thread.join(_PATIENCE)
        self._thread = None
        own = self._layout.sessions + self.id
        with suppress(StoreError):  # it is then taken for lost, after a while
            names = [own] if not self._spoke else [each.name for each in self._objects.list(own)]
            self._objects.delete(names)

    def _go_on(self) -> None:
        while not self._closing.wait(self._every):
            with suppress(StoreError):  # the next one may come through
                self._beat()
            for chore in self.chores:
                with suppress(StoreError):
                    chore()

    def _beat(self) -> None:
        """Give a sign of life, and see whether a collection is announced."""
        self._beats += 1
        began = time.monotonic()
        self._objects.put(self._layout.sessions + self.id, [pulse(self._beats, self._every)])
        self._last_beat = began
        # After the sign of life: a collection that is not found here finds this session.
        found = Round.read(self._objects, self._layout)
        if found is not None and found.session == self.id and found.id != self._collecting:
            self._objects.delete([self._layout.round])  # of a collection of ours that could not end itself
            found = None
        self._follow(None if found is None or self._is_dead(found) else found)

    def _is_dead(self, found: Round) -> bool:
        if found.session == self.id:
            return found.id != self._collecting
        if found.id not in self._dead and self.pulses.is_lost(found.session):
            self._dead.add(found.id)
        return found.id in self._dead

    def _follow(self, found: Round | None) -> None:
        """Answer a collection that was not known yet; be careful for as long as it goes on."""
        with self._mutex:
            before = self._round.id if self._round is not None else None
            if found is None or found.id == before:
                if found is None:
                    self._round = self._condemned = None
                return
            # Whoever touches something from here on says so itself; what was touched before is in the answer.
            self._round, self._condemned, self._said = found, None, set()
            used = sorted(self._used)
        try:
            self._say(found, "0", used)
        except StoreError:
            with self._mutex:
                self._round = None  # not answered: the next sign of life tries again
            raise
        with self._mutex:
            if self._round is found:
                self._said.update(used)

    def _say(self, to: Round, number: str, used: list[bytes]) -> None:
        self._spoke = True
        self._objects.put(f"{self._layout.sessions}{self.id}.{to.id}.{number}", [b"".join(used)])

    def _read_condemned(self, going_on: Round) -> frozenset[bytes]:
        content = self._objects.get(self._layout.collections + going_on.id, length=MOST_DIGESTS)
        if content is None:
            return _NOTHING  # not said yet; whoever collects reads first what sessions use
        condemned = frozenset(digests_in(content))
        with self._mutex:
            if self._round is going_on:
                self._condemned = condemned
        return condemned


def digests_in(content: bytes) -> list[bytes]:
    """Return the digests that lie one after the other in an object."""
    return [content[at : at + DIGEST_SIZE] for at in range(0, len(content) - DIGEST_SIZE + 1, DIGEST_SIZE)]
