"""How busy this process keeps the processors, and which nodes rather wait than compute.

More threads that compute than there are processors take more time together than one after the other: they fight for
the interpreter, and push each other's data out of the processors' caches. Threads that wait for a file, a network or
another process are welcome beside them.
"""

from __future__ import annotations

import time

__all__ = ["Load"]

#: Seconds over which the process is watched, at least.
_WINDOW = 0.01
#: What of one processor's time the process uses, at most, where all that it runs is waiting.
_IDLE = 0.5
#: What part of its time a call computes, at most, where its node is taken for one that waits.
_WAITING = 0.25
#: How much the last call counts in that.
_LAST = 0.5


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
        self._computing: dict[str, float] = {}

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
        return self._computing.get(node_type, 1.0) <= _WAITING

    def note(self, node_type: str, seconds: float, computed: float, threads: int) -> None:
        """Note how a call spent its time.

        Where more threads were at work than there are processors, they may have kept it waiting: then only that it
        computed more than was thought says something of its node.

        Args:
            node_type: The type of its node.
            seconds: How long it took.
            computed: How many of them its thread computed.
            threads: How many threads were at work, its own included.
        """
        part, before = computed / seconds, self._computing.get(node_type, 1.0)
        if part > before or threads <= self.processors:
            self._computing[node_type] = before + _LAST * (part - before)
