"""The remote tier of a store, which may not answer, or may let us read only: the run goes on either way."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.listener import Bulletin
from flowra.storage.remote.breaker import CircuitBreaker, CircuitOpenError
from flowra.storage.remote.store import RemoteStore
from flowra.storage.store import Store

__all__ = ["RemoteTier"]

T = TypeVar("T")

#: Seconds for which a store is left alone after it did not answer, where no circuit breaker says so.
_PAUSE = 5.0


class RemoteTier:
    """A remote store, asked as long as it answers. What is wrong with it is said once.

    Args:
        store: The store.
        bulletin: Where it is said.
        breaker: What knows whether the store's service answers, if there is such a thing.

    Attributes:
        store: The store.
        location: Its address.
        place: The same for all addresses that certainly mean the same store.
        readable: Whether it lets us read; False once it has refused.
        writable: Whether it lets us write; False once it has refused.
    """

    def __init__(self, store: Store, bulletin: Bulletin, breaker: CircuitBreaker | None = None) -> None:
        self.store = store
        self.location = store.location
        self.place = store.place if isinstance(store, RemoteStore) else store.location
        self.readable = True
        self.writable = not getattr(store, "read_only", False)
        self._bulletin = bulletin
        self._breaker = breaker
        self._lock = Lock()
        self._lost_at: float | None = None
        self._reason: StoreError | None = None
        self._said_lost = False

    def check(self) -> None:
        """Ask it for something that is not there, to know at once how it stands with us.

        Raises:
            StoreDeniedError: It lets us not even read.
        """
        try:
            self.store.lookup(bytes(32))
        except StoreUnavailableError as error:
            self._lost(error)
        except StoreDeniedError as error:
            # Not at the object that was asked for, but at the store.
            raise StoreDeniedError(
                "the store does not let us in", where=self.location, why=in_words(error), fix=error.fix
            ) from error
        else:
            self._answered()

    def answers(self) -> bool:
        """Return whether it can be asked now."""
        if self._breaker is not None:
            try:
                self._breaker.time_left()
            except CircuitOpenError:
                return False
        lost_at = self._lost_at
        return lost_at is None or self._breaker is not None or time.monotonic() >= lost_at + _PAUSE

    def lost_for(self) -> float:
        """Return for how many seconds it has not answered; 0 while it does."""
        lost_at = self._lost_at
        return 0.0 if lost_at is None else time.monotonic() - lost_at

    @property
    def reason(self) -> str:
        """Why it does not do what it should, in words; empty while it does."""
        reason = self._reason
        return "" if reason is None else in_words(reason)

    def ask(self, question: Callable[[Store], T], otherwise: T) -> T:
        """Return what it answers to a question that changes nothing; something else if it does not answer."""
        if not self.readable or not self.answers():
            return otherwise
        try:
            answer = question(self.store)
        except StoreUnavailableError as error:
            self._lost(error)
        except StoreDeniedError as error:
            self._refused(error)
        except StoreError as error:
            self._bulletin.say(f"{self.location} could not be read: {in_words(error)}", once=error.what)
        else:
            self._answered()
            return answer
        return otherwise

    def write(self, work: Callable[[Store], T]) -> T:
        """Have it do something that changes it.

        Raises:
            StoreUnavailableError: It does not answer.
            StoreDeniedError: It does not let us; it is not asked again.
            StoreError: It can't.
        """
        if not self.writable:
            # Not the first refusal itself: it would grow by a traceback each time.
            fix = self._reason.fix if self._reason is not None else None
            raise StoreDeniedError("the store is read-only", where=self.location, why=self.reason or None, fix=fix)
        if not self.answers():
            raise StoreUnavailableError("the store does not answer", where=self.location, why=self.reason or None)
        try:
            result = work(self.store)
        except StoreUnavailableError as error:
            self._lost(error)
            raise
        except StoreDeniedError as error:
            self._made_read_only(error)
            raise
        self._answered()
        return result

    def _answered(self) -> None:
        if self._lost_at is None:
            return
        with self._lock:
            again, self._lost_at = self._lost_at is not None, None
            if self.readable and self.writable:
                self._reason = None
        if again:
            self._bulletin.say(f"{self.location} answers again", "info")

    def _lost(self, error: StoreUnavailableError) -> None:
        with self._lock:
            self._reason = error
            if self._lost_at is None or self._breaker is None:
                self._lost_at = time.monotonic()
            first, self._said_lost = not self._said_lost, True
        if first:
            self._bulletin.say(
                f"{self.location} does not answer: the run goes on with what is on this machine ({in_words(error)})"
            )

    def _refused(self, error: StoreDeniedError) -> None:
        with self._lock:
            first, self.readable, self.writable, self._reason = self.readable, False, False, error
        if first:
            self._bulletin.say(
                f"{self.location} refuses: the run goes on with what is on this machine ({in_words(error)})"
            )

    def note_not_written(self) -> None:
        """Say, once, that results are not sent since the address says that the store is only read."""
        if isinstance(self.store, RemoteStore) and self.store.read_only:
            self.store.note_not_written()

    def _made_read_only(self, error: StoreDeniedError) -> None:
        with self._lock:
            first, self.writable, self._reason = self.writable, False, error
        if first:
            self._bulletin.say(
                f"{self.location} is read-only for us: results are taken from it, and none are put there "
                f"({in_words(error)})"
            )


def in_words(error: StoreError) -> str:
    """Return an error in a line; of a store that is left alone, why that is so."""
    if isinstance(error, CircuitOpenError) and error.why:
        return error.why
    return f"{error.what}: {error.why}" if error.why else error.what
