"""Whether other sessions are alive, as far as this process can see by its own clock.

A session writes a number that grows into its object, every few seconds. An observer remembers when it saw the number
change, by its own monotonic clock: clocks of two machines are never compared, and one that is moved does no harm.
"""

from __future__ import annotations

import json
import time
from threading import Lock

from flowra.storage.remote.layout import Layout
from flowra.storage.remote.objects import ObjectStore

__all__ = ["LOST_AFTER", "Pulses", "pulse"]

#: Signs of life that are missed before a session counts as lost.
LOST_AFTER = 4
#: No session's word counts that it is seldom heard of: the slowest allowed.
_SLOWEST = 300.0
_MOST_READ = 1024


def pulse(beat: int, every: float) -> bytes:
    """Return what a session writes: the number of the beat, and the seconds to the next."""
    return json.dumps({"beat": beat, "every": every}).encode()


class Pulses:
    """What this process has seen of other sessions. Any thread may ask.

    Args:
        objects: Where the sessions write.
        layout: The names.
        every: Seconds between this session's own signs of life.
    """

    def __init__(self, objects: ObjectStore, layout: Layout, every: float) -> None:
        self._objects = objects
        self._layout = layout
        self._every = every
        self._lock = Lock()
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_lost(self, session: str) -> bool:
        """Look at a session, and tell whether it has ended, or shown no sign of life for too long.

        Whoever waits for it asks again and again: the time counts from the first look.
        """
        content = self._objects.get(self._layout.sessions + session, length=_MOST_READ)
        now = time.monotonic()
        with self._lock:
            if content is None:
                self._seen.pop(session, None)
                return True
            before, since = self._seen.get(session, (None, now))
            if content != before:
                self._seen[session] = (content, now)
                return False
        return now - since > LOST_AFTER * max(self._every, _stated(content))


def _stated(content: bytes) -> float:
    try:
        every = json.loads(content)["every"]
        return min(float(every), _SLOWEST)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return 0.0
