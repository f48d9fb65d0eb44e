"""How busy this process keeps the processors, and which nodes rather wait than compute.

More threads that compute than there are processors take more time together than one after the other: they fight for
the interpreter, and push each other's data out of the processors' caches. Threads that wait for a file, a network or
another process are welcome beside them.
"""

from __future__ import annotations

import time
from typing import NamedTuple

__all__ = ["Load", "Used", "used_so_far"]

#: Seconds over which the process is watched, at least.
_WINDOW = 0.01
#: What of one processor's time the process uses, at most, where all that it runs is waiting.
_IDLE = 0.5
#: What part of its time a call waits, at least, where its node is taken for one that waits; or computes, where not.
_PART = 0.5


class Used(NamedTuple):
    """Seconds of processors' time that were used so far.

    Attributes:
        own: By the thread that asks.
        process: By all threads of the process.
    """

    own: float
    process: float


def used_so_far() -> Used:
    """Return what this thread and the process have used."""
    return Used(time.thread_time(), time.process_time())


class Load:
    """Watches this process and the node types that it runs.

    Args:
        processors: How many there are for it.
    """

    def __init__(self, processors: float) -> None:
        self.processors = processors
        self._idle = False
        self._at = time.perf_counter()
        self._used = time.process_time()
        self._waiting: set[str] = set()

    def is_idle(self) -> bool:
        """Return whether the process hardly computed since somebody asked last. The scheduler's lock is held."""
        now = time.perf_counter()
        if (seconds := now - self._at) >= _WINDOW:
            used = time.process_time()
            self._idle = used - self._used <= _IDLE * seconds
            self._at, self._used = now, used
        return self._idle

    def waits(self, node_type: str) -> bool:
        """Return whether calls of a node type were seen to wait for most of their time."""
        return node_type in self._waiting

    def note(self, node_type: str, seconds: float, before: Used, after: Used) -> None:
        """Note how a call spent its time.

        While others compute, its thread may wait for the interpreter; only what is left beyond all that the process
        has used it surely waited for something outside.

        Args:
            node_type: The type of its node.
            seconds: How long it took.
            before: What was used when it began.
            after: What was used when it ended, on the same thread.
        """
        if seconds - (after.process - before.process) >= _PART * seconds:
            self._waiting.add(node_type)
        elif after.own - before.own >= _PART * seconds:
            self._waiting.discard(node_type)
