"""A circuit breaker: once a service is known not to answer, nobody waits for it, until it answers again."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread

from flowra.exceptions import StoreError, StoreUnavailableError

__all__ = ["CircuitBreaker", "CircuitOpenError"]


class CircuitOpenError(StoreUnavailableError):
    """A service that was not asked at all, since it did not answer a moment ago."""


class CircuitBreaker:
    """Counts how long a service has not answered, and has it left alone then.

    While it is left alone, a look on a thread of its own finds out whether it answers again; no caller waits for that.

    Args:
        location: The service's address, for the error.
        probe: Asks the service something small; raises StoreUnavailableError if it does not answer.
        patience: Seconds that all callers together wait in vain before the service is left alone.
        pause: Seconds between two looks; each that fails doubles them.
        longest_pause: The most seconds between two looks.
    """

    def __init__(
        self,
        location: str,
        probe: Callable[[], object],
        *,
        patience: float = 4.0,
        pause: float = 10.0,
        longest_pause: float = 300.0,
    ) -> None:
        self.patience = patience
        self._location = location
        self._probe = probe
        self._first_pause = self._pause = pause
        self._longest_pause = longest_pause
        self._lock = Lock()
        self._answers = 0
        # When the first attempt since the last answer began to fail.
        self._silent_since: float | None = None
        self._next_look: float | None = None
        self._looking = False
        self._reason: StoreUnavailableError | None = None

    @property
    def is_open(self) -> bool:
        """Whether the service is left alone."""
        return self._next_look is not None

    @property
    def answers(self) -> int:
        """How often the service has answered so far."""
        return self._answers

    def time_left(self) -> float:
        """Return for how many more seconds an attempt may wait.

        Raises:
            CircuitOpenError: The service is left alone.
        """
        with self._lock:
            if self._next_look is not None:
                if not self._looking and time.monotonic() >= self._next_look:
                    self._looking = True
                    Thread(target=self._look, name="flowra-store-probe", daemon=True).start()
                raise self._error()
            if self._silent_since is None:
                return self.patience
            return max(0.0, self._silent_since + self.patience - time.monotonic())

    def answered(self) -> None:
        """Note that the service has answered."""
        with self._lock:
            self._close()

    def failed(self, error: StoreUnavailableError, began: float) -> None:
        """Note that an attempt failed.

        Args:
            error: How.
            began: When it began, by `time.monotonic`.
        """
        with self._lock:
            self._reason = error
            if self._silent_since is None:
                self._silent_since = began
            if time.monotonic() >= self._silent_since + self.patience:
                self._open()

    def gave_up(self, answers: int) -> None:
        """Note that an operation has used up its tries.

        Args:
            answers: How often the service had answered when the operation began; if it has answered others since, it
                is not left alone.
        """
        with self._lock:
            if self._answers == answers and self._next_look is None:
                self._open()

    def _open(self) -> None:
        if self._next_look is None:
            self._next_look = time.monotonic() + self._pause

    def _close(self) -> None:
        self._answers += 1
        self._silent_since = self._next_look = None
        self._pause = self._first_pause

    def _look(self) -> None:
        try:
            self._probe()
            answered = True
        except StoreUnavailableError:
            answered = False
        except StoreError:
            answered = True
        with self._lock:
            self._looking = False
            if answered:
                self._close()
            else:
                self._pause = min(2 * self._pause, self._longest_pause)
                self._next_look = time.monotonic() + self._pause

    def _error(self) -> CircuitOpenError:
        reason = self._reason
        why = "" if reason is None else f"{reason.what}: {reason.why}" if reason.why else reason.what
        return CircuitOpenError(
            "the store does not answer, and is left alone for a while", where=self._location, why=why or None
        )
