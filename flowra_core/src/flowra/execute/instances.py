"""Node instances, made once for each class and `InitArgs` and kept warm."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node

__all__ = ["InstancePool"]

_Key = tuple[type[Node], str]


@dataclass
class _Slot:
    """The instances for one class and `InitArgs`."""

    making: threading.Lock = field(default_factory=threading.Lock)
    in_use: threading.Lock = field(default_factory=threading.Lock)
    warm: Node | None = None
    free: list[Node] = field(default_factory=list)
    users: int = 0


class InstancePool:
    """The node instances of a session: `init` is called when one is made, `close` when it is let go.

    A class with an `init` of its own has one instance for each `InitArgs`: it may hold a model. Calls use it one at a
    time, or all at once if the class says that it is thread-safe. A class without one has nothing to share, so each
    call that runs at the same time gets an instance of its own.

    Args:
        most: How many warm instances are kept; beyond it the one that was used least lately is closed.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._slots: OrderedDict[_Key, _Slot] = OrderedDict()

    @contextmanager
    def borrow(self, node_class: type[Node], args: BaseArgs, context: RunContext) -> Iterator[Node]:
        """Lend an instance for a class and its `InitArgs`, making it if there is none; `init` may raise."""
        key = (node_class, args.sha256 if type(args).__ports__ else "")
        slot = self._slot(key)
        try:
            if node_class.init is Node.init:
                with self._lock:
                    instance = slot.free.pop() if slot.free else None
                instance = instance if instance is not None else node_class()
                try:
                    yield instance
                finally:
                    with self._lock:
                        slot.free.append(instance)
            elif node_class.thread_safe:
                yield self._warm(slot, node_class, args, context)
            else:
                with slot.in_use:
                    yield self._warm(slot, node_class, args, context)
        finally:
            self._done(slot)

    def close(self) -> None:
        """Close every instance; one that fails to close is warned of, and the others are closed all the same."""
        with self._lock:
            slots, self._slots = list(self._slots.items()), OrderedDict()
        _close([(node_class, slot) for (node_class, _), slot in slots])

    def _slot(self, key: _Key) -> _Slot:
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
            else:
                self._slots.move_to_end(key)
            slot.users += 1
            return slot

    def _done(self, slot: _Slot) -> None:
        surplus: list[tuple[type[Node], _Slot]] = []
        with self._lock:
            slot.users -= 1
            if len(self._slots) > self._most:
                idle = [key for key, each in self._slots.items() if not each.users]
                surplus = [(key[0], self._slots.pop(key)) for key in idle[: len(self._slots) - self._most]]
        _close(surplus)

    def _warm(self, slot: _Slot, node_class: type[Node], args: BaseArgs, context: RunContext) -> Node:
        with slot.making:
            if slot.warm is None:
                instance = node_class()
                instance.init(context, args)
                slot.warm = instance
            return slot.warm


def _close(slots: list[tuple[type[Node], _Slot]]) -> None:
    failures = []
    for node_class, slot in slots:
        for instance in [*([slot.warm] if slot.warm is not None else []), *slot.free]:
            try:
                instance.close()
            except (Exception, SystemExit) as error:  # noqa: BLE001  a pack's mistake must not keep the others open
                failures.append(f"node {node_class.type_id()} failed to close: {type(error).__name__}: {error}")
    for failure in failures:
        warnings.warn(failure, RuntimeWarning, stacklevel=3)
