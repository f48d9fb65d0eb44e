"""What a remote store has to say to people: each thing once, and counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Literal

__all__ = ["Notice", "Notices"]

#: damaged: a value whose bytes are not those of its digest. transfer: bytes that came wrong, and right when they were
#: read again. malformed: a record that is none. incomplete: a record whose value is gone. untrusted: a record that is
#: not signed by one who is trusted. read-only: something that was not written. unprotected: the session can't say what
#: it uses. unlocked: a key computed without being the only one. collection: a collection that was broken off.
Notice = Literal[
    "damaged",
    "transfer",
    "malformed",
    "incomplete",
    "untrusted",
    "read-only",
    "unprotected",
    "unlocked",
    "collection",
]
_LOG = logging.getLogger("flowra.storage")


class Notices:
    """Counts what happened, and says each kind once.

    Args:
        location: The store's address; it stands before what is said.

    Attributes:
        counts: How often each kind happened.
        tell: Who is told; the logger `flowra.storage`, unless somebody takes its place.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._lock = Lock()
        self.counts: Counter[Notice] = Counter()
        self.tell: Callable[[str], None] = _LOG.warning

    def count(self, kind: Notice, text: str) -> None:
        """Count a thing, and say what it is the first time."""
        with self._lock:
            self.counts[kind] += 1
            first = self.counts[kind] == 1
        if first:
            self.tell(f"{self._location}: {text}")
