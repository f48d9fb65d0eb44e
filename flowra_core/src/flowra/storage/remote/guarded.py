"""An object store whose service may fail: tried again, within a time limit, and left alone while it is dead.

Whatever a store does over an object store goes through here, so that neither a pack nor the store above has a retry of
its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Buffer
from flowra.storage.remote.breaker import CircuitBreaker, CircuitOpenError
from flowra.storage.remote.deadline import Attempt
from flowra.storage.remote.objects import ObjectInfo, ObjectStore

if TYPE_CHECKING:
    from tenacity import Retrying

__all__ = ["GuardedObjects"]

T = TypeVar("T")

#: How often an operation is tried in all.
ATTEMPTS = 5
#: Seconds between two tries: drawn from 0 to this, doubled each time, at most `_LONGEST_WAIT`.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0
#: Seconds that a service may take to say how it stands with an object; what takes longer counts as no answer.
_ANSWER_TIME = 3.0
#: Seconds in which it has to answer while a transfer takes long, for the transfer to go on.
_SIGN_OF_LIFE_TIME = 1.0
#: What a transfer may take at most: these seconds, and its size at this many bytes a second.
_TRANSFER_TIME, _SLOWEST_TRANSFER = 60.0, 100_000
#: What a transfer of unknown size may take at most, in seconds.
_LONGEST_TRANSFER = 3600.0
#: Up to this many bytes what is written counts as a small request, not as a transfer.
_SMALL = 256 * 1024
#: An object that need not be there: whether the service answers is what is asked.
_SIGN_OF_LIFE = "flowra-is-anybody-there"


class GuardedObjects(ObjectStore):
    """Another object store, with retries, time limits and a circuit breaker around each operation.

    What is unavailable is tried again, with waits that grow and are drawn at random; what is refused is not. A transfer
    may take as long as it needs, as long as the service answers a small question meanwhile. A service that does not
    answer costs all callers together `patience` seconds and then nothing: every operation raises CircuitOpenError at
    once, until the service has been found to answer again.

    An operation whose answer was lost after it had been done is done again, which changes nothing: writing and removing
    are the same twice, and where something is to be written only if it is absent, what is there is compared.

    Args:
        objects: The object store.
        patience: Seconds.
        pause: Seconds before the service is looked at again; each look that fails doubles them.
    """

    def __init__(self, objects: ObjectStore, *, patience: float = 4.0, pause: float = 10.0) -> None:
        self.objects = objects
        self.location = objects.location
        self.conditional_put = objects.conditional_put
        self.breaker = CircuitBreaker(objects.location, self._look, patience=patience, pause=pause)

    @property
    def place(self) -> str:
        """Where the objects are; see `ObjectStore.place`."""
        return self.objects.place

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes | None:
        """Return an object's bytes; see `ObjectStore.get`."""
        return self._done(lambda: self.objects.get(name, start=start, length=length), longest=_LONGEST_TRANSFER)

    def download(self, name: str, target: Path) -> bool:
        """Write an object to a file; see `ObjectStore.download`."""
        return self._done(lambda: self.objects.download(name, target), longest=_LONGEST_TRANSFER)

    def put(self, name: str, parts: Sequence[Buffer], *, if_absent: bool = False) -> bool:
        """Write an object from buffers; see `ObjectStore.put`."""
        size = sum(memoryview(part).nbytes for part in parts)
        tried = False

        def put() -> bool:
            nonlocal tried
            again, tried = tried, True
            if self.objects.put(name, parts, if_absent=if_absent):
                return True
            # It may have been this very call, whose answer was lost.
            return again and self.objects.get(name, length=size + 1) == b"".join(parts)

        return self._done(put, longest=_longest(size))

    def upload(self, name: str, source: Path) -> None:
        """Write an object from a file; see `ObjectStore.upload`."""
        return self._done(lambda: self.objects.upload(name, source), longest=_longest(source.stat().st_size))

    def head(self, name: str) -> ObjectInfo | None:
        """Return what the service knows about an object; see `ObjectStore.head`."""
        return self._done(lambda: self.objects.head(name))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield objects; see `ObjectStore.list`. Tried again until the first has come."""
        pages = self._done(lambda: _begun(self.objects.list(prefix)), longest=_TRANSFER_TIME)
        if pages is None:
            return
        first, rest = pages
        yield first
        while (found := self._done(lambda: next(rest, None), longest=_TRANSFER_TIME, attempts=1)) is not None:
            yield found

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; see `ObjectStore.delete`."""
        listed = list(names)
        return self._done(lambda: self.objects.delete(listed), longest=_longest(0) + len(listed))

    def get_many(self, names: Sequence[str], pool: Executor, *, length: int) -> dict[str, bytes]:
        """Return the beginnings of some objects; see `ObjectStore.get_many`.

        If one fails, each is asked for by itself: of thousands some will, whenever all are asked for again.
        """
        ended = Event()

        def ask() -> dict[str, bytes]:
            try:
                return self.objects.get_many(names, pool, length=length)
            finally:
                ended.set()

        try:
            return self._tried(ask, _longest(0) + len(names))
        except CircuitOpenError:
            raise
        except StoreUnavailableError:
            if not ended.is_set():
                raise  # the pool's threads hang, and would take up nothing else
            return super().get_many(names, pool, length=length)

    def close(self) -> None:
        """Let go of connections."""
        self.objects.close()

    def _done(self, work: Callable[[], T], *, longest: float = 0.0, attempts: int = ATTEMPTS) -> T:
        """Return what an operation gives, tried again where that may help.

        Args:
            work: The operation.
            longest: The most seconds that it may take while the service answers; 0 for one that is an answer itself.
            attempts: How often it is tried.
        """
        answers = self.breaker.answers
        try:
            result: T = _retrying(attempts)(self._tried, work, longest)
        except CircuitOpenError:
            raise
        except StoreUnavailableError:
            self.breaker.gave_up(answers)
            raise
        return result

    def _tried(self, work: Callable[[], T], longest: float) -> T:
        left = self.breaker.time_left()
        attempt = Attempt(work)
        try:
            if not attempt.ended_within(min(left, _ANSWER_TIME)):
                self._wait_on(attempt, longest)
            result = attempt.result()
        except StoreUnavailableError as error:
            self.breaker.failed(error, attempt.began)
            raise
        except StoreError:
            self.breaker.answered()
            raise
        self.breaker.answered()
        return result

    def _wait_on(self, attempt: Attempt[Any], longest: float) -> None:
        """Wait for an attempt that takes long; raises StoreUnavailableError once the service does not answer."""
        while time.monotonic() < attempt.began + longest:
            asked = Attempt(self._sign_of_life)
            if not asked.ended_within(_SIGN_OF_LIFE_TIME):
                break
            asked.result()
            if attempt.ended_within(_ANSWER_TIME):
                return
        if not attempt.ended_within(0):
            took = time.monotonic() - attempt.began
            raise StoreUnavailableError(
                "the store does not answer", where=self.location, why=f"no answer within {took:.0f} s"
            )

    def _look(self) -> None:
        """Find out whether the service answers; raises StoreUnavailableError if not."""
        asked = Attempt(self._sign_of_life)
        if not asked.ended_within(_ANSWER_TIME):
            raise StoreUnavailableError("the store does not answer", where=self.location)
        asked.result()

    def _sign_of_life(self) -> object:
        try:
            return self.objects.head(_SIGN_OF_LIFE)
        except StoreUnavailableError:
            raise
        except StoreError:
            return None  # a refusal is an answer


def _longest(size: int) -> float:
    return 0.0 if 0 < size <= _SMALL else _TRANSFER_TIME + size / _SLOWEST_TRANSFER


def _begun(iterator: Iterator[T]) -> tuple[T, Iterator[T]] | None:
    first = next(iterator, None)
    return None if first is None else (first, iterator)


def _retrying(attempts: int) -> Retrying:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        retry=retry_if_exception(
            lambda error: isinstance(error, StoreUnavailableError) and not isinstance(error, CircuitOpenError)
        ),
        reraise=True,
    )
