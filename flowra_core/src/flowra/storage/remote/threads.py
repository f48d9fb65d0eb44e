"""The threads on which a store asks its service for many things side by side."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Lock

__all__ = ["Threads"]


class Threads:
    """A pool of threads, made when it is first needed, and made anew where one can't be relied on.

    Args:
        number: How many threads.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def pool(self) -> Executor:
        """Return the pool."""
        with self._lock:
            if self._pool is None or self._process != os.getpid():
                # A forked child has none of its parent's threads.
                self._process = os.getpid()
                self._pool = ThreadPoolExecutor(self._number, thread_name_prefix="flowra-remote")
            return self._pool

    def leave(self) -> None:
        """Use these threads no more: they wait for a service that does not answer, and end when they have."""
        with self._lock:
            self._pool = None

    def close(self) -> None:
        """Let go, without waiting for a service that may not answer."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None
