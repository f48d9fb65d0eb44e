"""Keeps what a run holds in memory within a budget: the oldest values are left to the store."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

from flowra.execute.runner import CallRunner
from flowra.execute.values import ABSENT, Held, Many, Value

__all__ = ["MemoryBudget"]

#: Data that holds no bytes worth counting, and is most of what nodes hand on.
_SMALL = frozenset({bool, int, float, str, type(None), type(ABSENT)})


class MemoryBudget:
    """Counts the bytes of values, and spills the oldest when they are too many.

    Args:
        most: Bytes that may be held.
        runner: Writes a value to the store, and reads it again when a node needs it.
    """

    def __init__(self, most: int, runner: CallRunner) -> None:
        self._most = most
        self._runner = runner
        self._lock = threading.Lock()
        self._bytes = 0
        # By id, since values are equal only to themselves; an entry leaves with its value.
        self._held: OrderedDict[int, tuple[weakref.ref[Held], int]] = OrderedDict()

    def add(self, outputs: Mapping[str, Value]) -> None:
        """Count values, and spill others if that is too much."""
        for value in outputs.values():
            if type(value) is Held and type(value.data) in _SMALL:
                continue
            if isinstance(value, Many):
                self.add({str(index): item for index, item in enumerate(value.items)})
            elif isinstance(value, Held) and (size := value.size):
                with self._lock:
                    key = id(value)
                    self._forget(key)
                    self._held[key] = (weakref.ref(value, partial(self._forget, key)), size)
                    self._bytes += size
        while self._bytes > self._most and self._spill_oldest():
            pass

    def drop(self, outputs: Mapping[str, Value]) -> None:
        """Forget the data of values that lie in the store, since nobody takes them any more."""
        for value in outputs.values():
            if isinstance(value, Many):
                self.drop({str(index): item for index, item in enumerate(value.items)})
            elif isinstance(value, Held) and value.data is not ABSENT and value.ref is not None:
                with self._lock:
                    self._forget(id(value))
                value.data = ABSENT

    def _forget(self, key: int, _: weakref.ref[Held] | None = None) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self._bytes -= found[1]

    def _spill_oldest(self) -> bool:
        with self._lock:
            if len(self._held) <= 1:
                return False
            _, (reference, size) = self._held.popitem(last=False)
            self._bytes -= size
        value = reference()
        if value is not None and value.data is not ABSENT:
            self._runner.spill(value)
        return True
