"""Values that a worker keeps in memory beside the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from flowra.execute.values import ABSENT, Held, Many
from flowra.storage.refs import BlobRef
from flowra.type.value.base import ValueType

__all__ = ["ValuesAtHand"]


class ValuesAtHand:
    """Values that were made or read here, so that the next call need not read them from the store."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, tuple[BlobRef, Any, ValueType, int]] = OrderedDict()
        self._bytes = 0

    def keep(self, value: Held) -> None:
        """Keep the data of a value that is in memory and in the store; what was kept longest goes for it."""
        size = value.size
        if not size or not isinstance(value.ref, BlobRef) or value.data is ABSENT:
            return
        with self._lock:
            if value.ref.digest in self._held:
                return
            self._held[value.ref.digest] = value.ref, value.data, value.type, size
            self._bytes += size
            while self._bytes > self._most:
                _, freed = self._held.popitem(last=False)
                self._bytes -= freed[-1]

    def fill(self, value: Any) -> None:
        """Give a value that is known by its reference alone the data that is kept for it, if any."""
        if isinstance(value, Many):
            for item in value.items:
                self.fill(item)
        elif isinstance(value, Held) and value.data is ABSENT and value.ref is not None:
            with self._lock:
                found = self._held.get(value.ref.digest)
                if found is not None:
                    self._held.move_to_end(value.ref.digest)
                    value.data = found[1]

    def find(self, digest: bytes) -> tuple[BlobRef, Any, ValueType] | None:
        """Return reference, data and type of the value with a digest; None where it is not kept."""
        with self._lock:
            found = self._held.get(digest)
        return None if found is None else found[:3]
