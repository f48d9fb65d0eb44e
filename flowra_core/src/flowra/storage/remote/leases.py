"""The right to compute a key, across machines, on a service that has no locks.

A right is an object that names a session; it is put only if there is none. It counts for as long as that session shows
signs of life (`pulses.py`), so holding a thousand keys costs no more than holding one, and whoever dies lets go of all
within a few of them. Whoever waits looks at the object now and then.

None of this has to hold for results to be right: two that compute one key at once publish one after the other, and the
second adopts what the first gave. So a right that can't be taken because the service doesn't answer is taken for held.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from threading import Condition, Lock

from flowra.exceptions import StoreError
from flowra.storage.remote.layout import Layout, is_name
from flowra.storage.remote.notices import Notices
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.session import RemoteSession
from flowra.storage.store import KeyLock

__all__ = ["LeasedKey", "Leases", "settle"]

#: Seconds between looks at another's right: first, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 1.0
#: Seconds between two questions whether to give up.
_ASKED = 0.05
_MOST_READ = 256
#: Seconds that are waited at least before what was written without a condition is read again.
_SETTLES = 0.02


class Leases:
    """The rights that this session has taken, and how it takes and gives them. Any thread may call it.

    Args:
        objects: Where they lie.
        layout: The names.
        session: Who takes them; None for a store that is only read: then this process's threads alone are kept apart.
        notices: What there is to say.
    """

    def __init__(self, objects: ObjectStore, layout: Layout, session: RemoteSession | None, notices: Notices) -> None:
        self._objects = objects
        self._layout = layout
        self._session = session
        self._notices = notices
        self._condition = Condition(Lock())
        # By name: what the object holds; empty while it is being taken.
        self._held: dict[str, str] = {}
        # Objects that could not be removed, with what they hold.
        self._left: list[tuple[str, str]] = []
        if session is not None:
            session.chores.append(self._remove_what_is_left)

    def lock(self, key: bytes, timeout: float | None, give_up: Callable[[], bool] | None) -> KeyLock:
        """Return the right to compute a key, still to be taken."""
        return LeasedKey(self, self._layout.lock(key), timeout, give_up)

    def take(self, name: str, timeout: float | None = 0, give_up: Callable[[], bool] | None = None) -> bool:
        """Wait for a right; return whether it is held now."""
        patience = _Patience(timeout, give_up)
        with self._condition:
            while name in self._held:
                if not patience.wait(self._condition.wait):
                    return False
            self._held[name] = ""
        taken = False
        try:
            taken = self._take_across_machines(name, patience)
        finally:
            if not taken:
                self._forget(name)
        return taken

    def give(self, name: str) -> None:
        """Give a right back."""
        token = self._held.get(name)
        try:
            # First the object: a thread that waits here may put its own under this name as soon as it is its turn.
            if token and self._session is not None:
                self._remove(name, token, surely_ours=self._session.healthy)
        except StoreError:
            # Others wait until it is removed, or until this session has ended.
            self._remove_later(name, token or "")
        finally:
            self._forget(name)

    def holds(self, name: str) -> bool:
        """Tell whether a right that was taken is still this session's, as far as it can know without asking."""
        return self._session is not None and self._session.healthy and bool(self._held.get(name))

    def _forget(self, name: str) -> None:
        with self._condition:
            self._held.pop(name, None)
            self._condition.notify_all()

    def _remove(self, name: str, token: str, *, surely_ours: bool) -> None:
        if surely_ours or self._objects.get(name, length=_MOST_READ) == token.encode():
            self._objects.delete([name])

    def _take_across_machines(self, name: str, patience: _Patience) -> bool:
        session = self._session
        if session is None:
            return True
        token = ""
        try:
            session.begin()
            if not session.registered:
                return True
            token = f"{session.id} {secrets.token_hex(8)}"
            put_first = True
            while not self._try(name, token, session, put_first=put_first):
                put_first = False
                if not patience.wait(time.sleep):
                    return False
        except StoreError as error:
            self._notices.count(
                "unlocked",
                f"keys are computed without keeping others from it, since the store does not answer: {error.what}",
            )
            # It may have been put all the same, and others would wait for it as long as this session lives.
            self._remove_later(name, token)
            return True
        with self._condition:
            self._held[name] = token
        return True

    def _try(self, name: str, token: str, session: RemoteSession, *, put_first: bool) -> bool:
        found = None if put_first else self._objects.get(name, length=_MOST_READ)
        if found is None:
            began = time.monotonic()
            if self._objects.put(name, [token.encode()], if_absent=True):
                if self._objects.conditional_put:
                    return True
                settle(began)
            found = self._objects.get(name, length=_MOST_READ)
        # Ours also where the answer to an earlier attempt was lost.
        if found == token.encode():
            return True
        orphaned = found is not None and self._is_orphaned(found, session)
        # Looked at once more: another one who waits may have taken it over meanwhile.
        if orphaned and self._objects.get(name, length=_MOST_READ) == found:
            self._objects.delete([name])
        return False

    def _is_orphaned(self, found: bytes, session: RemoteSession) -> bool:
        holder, _, _ = found.decode("ascii", "replace").partition(" ")
        if holder == session.id:
            with self._condition:
                # What an attempt has left whose answer was lost: no thread here holds it.
                return found.decode("ascii", "replace") not in self._held.values()
        return not is_name(holder) or session.pulses.is_lost(holder)

    def _remove_later(self, name: str, token: str) -> None:
        with self._condition:
            self._left.append((name, token))

    def _remove_what_is_left(self) -> None:
        with self._condition:
            left, self._left = self._left, []
        while left:
            try:
                self._remove(*left[-1], surely_ours=False)
            except StoreError:
                with self._condition:
                    self._left += left
                raise
            left.pop()


class LeasedKey(KeyLock):
    """What `RemoteStore.lock` returns."""

    __slots__ = ("_give_up", "_leases", "_name", "_taken", "_timeout")

    def __init__(self, leases: Leases, name: str, timeout: float | None, give_up: Callable[[], bool] | None) -> None:
        self._leases = leases
        self._name = name
        self._timeout = timeout
        self._give_up = give_up
        self._taken = False

    def acquire(self) -> bool:
        """Take the key, waiting for whoever has it."""
        self._taken = self._leases.take(self._name, self._timeout, self._give_up)
        return self._taken

    def release(self) -> None:
        """Give the key back."""
        if self._taken:
            self._taken = False
            self._leases.give(self._name)


class _Patience:
    """How long, and how often, somebody waits."""

    def __init__(self, timeout: float | None, give_up: Callable[[], bool] | None) -> None:
        self._ends = None if timeout is None else time.monotonic() + timeout
        self._give_up = give_up
        self._pause = _FIRST_WAIT

    def wait(self, sleep: Callable[[float], object]) -> bool:
        """Wait for a while, longer each time; return False once there is no more waiting."""
        # Jitter: those that wait for one key must not ask all at once.
        until = time.monotonic() + self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self._pause = min(1.5 * self._pause, _LONGEST_WAIT)
        while True:
            if self._give_up is not None and self._give_up():
                return False
            now = time.monotonic()
            if self._ends is not None:
                if now >= self._ends:
                    return False
                until = min(until, self._ends)
            if now >= until:
                return True
            if sleep(min(_ASKED, until - now)):
                return True  # somebody has given something back


def settle(began: float) -> None:
    """Wait until others that looked before this process wrote have written, too: then all read the same.

    Args:
        began: When this process looked, by its monotonic clock; others are taken for up to twice as slow.
    """
    time.sleep(max(_SETTLES, 2 * (time.monotonic() - began)))
