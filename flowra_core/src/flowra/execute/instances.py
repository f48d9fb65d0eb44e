"""Node instances, made once for each class and `InitArgs` and kept warm."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowra.dag.context import RunContext
from flowra.dag.node import BaseArgs, Node
from flowra.execute.resources import Offer

if TYPE_CHECKING:
    from flowra.model import UsedModel

__all__ = ["InstancePool", "InstanceSlot", "models_of", "remember_models"]

#: What a warm instance keeps between calls; of the rest (processors, licences) only calls take.
_KEPT = ("memory", "gpu_memory")
#: Where an instance has the models that it asked for when it was made.
_MODELS = "__flowra_models__"
_NO_MODELS: Mapping[str, UsedModel] = MappingProxyType({})


class InstancePool:
    """The node instances of a session: `init` is called when one is made, `close` when it is let go.

    Beyond a number of warm instances, or of what there is of the `memory` and the `gpu_memory` that their classes state
    in `resources`, the one that was used least lately is closed; one that is in use never is. Room is made before a new
    one is made.

    Args:
        most: How many warm instances are kept.
        offer: How much there is; None for no end of it.
    """

    def __init__(self, most: int = 64, offer: Offer | None = None) -> None:
        self._most = most
        self._offer = offer
        self._lock = threading.Lock()
        self._slots: dict[tuple[type[Node], str], InstanceSlot] = {}
        # The slots that hold a warm instance, the one used least lately first.
        self._warm: OrderedDict[InstanceSlot, None] = OrderedDict()

    def slot(self, node_class: type[Node], init: BaseArgs) -> InstanceSlot:
        """Return the place of the instances for a class and its `InitArgs`."""
        key = (node_class, init.sha256 if type(init).__ports__ else "")
        with self._lock:
            found = self._slots.get(key)
            if found is None:
                found = self._slots[key] = self._made(node_class, init)
            return found

    def _made(self, node_class: type[Node], init: BaseArgs) -> InstanceSlot:
        if node_class.isolation == "process":
            from flowra.execute.isolation.slot import IsolatedSlot

            return IsolatedSlot(self, node_class, init)
        return (_WarmSlot if node_class.init is not Node.init else InstanceSlot)(self, node_class, init)

    def close(self) -> None:
        """Close every instance; one that fails to close is warned of, and the others are closed all the same."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
            self._warm.clear()
        _warn([failure for slot in slots for failure in slot.close()])

    def used(self, slot: InstanceSlot) -> None:
        """Note that a warm instance is used."""
        with self._lock:
            self._warm[slot] = None
            self._warm.move_to_end(slot)

    def make_room(self, slot: InstanceSlot) -> None:
        """Close the warm instances that are too many once this slot has one; it counts as in use."""
        surplus: list[InstanceSlot] = []
        with self._lock:
            self._warm[slot] = None
            self._warm.move_to_end(slot)
            short = {name: self._over(name) for name in _KEPT if slot.takes(name)}
            for each in list(self._warm):
                helps = any(over > 0 and each.takes(name) for name, over in short.items())
                if (helps or len(self._warm) > self._most) and not each.in_use:
                    del self._warm[each]
                    short = {name: over - each.takes(name) for name, over in short.items()}
                    surplus.append(each)
        _warn([failure for each in surplus for failure in each.evict()])

    def forget(self, slot: InstanceSlot) -> None:
        """Note that a slot has no instance after all."""
        with self._lock:
            self._warm.pop(slot, None)

    def _over(self, name: str) -> float:
        """Return how much more the warm instances take of a resource than there is."""
        return sum(each.takes(name) for each in self._warm) - self._offer.amount(name) if self._offer else 0.0


class InstanceSlot:
    """The instances of a class without an `init` of its own: each call that runs at the same time gets its own."""

    def __init__(self, pool: InstancePool, node_class: type[Node], init: BaseArgs) -> None:
        self._pool = pool
        self._class = node_class
        self._init = init
        self._free: list[Node] = []

    def takes(self, resource: str) -> float:
        """Return how much an instance takes of a resource while it is kept, as its class states."""
        return self._class.resources.get(resource, 0)

    @property
    def in_use(self) -> bool:
        """Whether a call has an instance."""
        return False

    def take(self, context: RunContext) -> Node:
        """Return an instance for one call; raises whatever `init` raises."""
        try:
            return self._free.pop()
        except IndexError:
            return self._class()

    def give(self, instance: Node) -> None:
        """Take an instance back."""
        self._free.append(instance)

    def discard(self, instance: Node) -> None:
        """Let go of an instance whose call ran out of time: it may run on, and no other call is to wait for it."""

    def renew(self, instance: Node, context: RunContext) -> Node:
        """Return another instance in place of one that holds what is out of date; raises whatever `init` raises."""
        self.discard(instance)
        self.give(instance)
        return self.take(context)

    def evict(self) -> list[str]:
        """Close the warm instance, unless a call has taken it meanwhile; return what went wrong in words."""
        return []

    def close(self) -> list[str]:
        """Close the instances, and return what went wrong in words."""
        instances, self._free = self._free, []
        return [failure for each in instances if (failure := _close(each))]


class _WarmSlot(InstanceSlot):
    """The one instance of a class with an `init`: it may hold a model.

    Calls use it one at a time, or all at once if the class says that it is thread-safe.
    """

    def __init__(self, pool: InstancePool, node_class: type[Node], init: BaseArgs) -> None:
        super().__init__(pool, node_class, init)
        self._making = threading.Lock()
        self._turn = threading.Lock()
        self._instance: Node | None = None
        self._users = 0
        self._discarded: list[Node] = []
        # What was out of date while several calls used it, with how many still do.
        self._retired: dict[int, tuple[Node, int]] = {}

    @property
    def in_use(self) -> bool:
        return self._users > 0

    def take(self, context: RunContext) -> Node:
        if not self._class.thread_safe:
            self._turn.acquire()
        try:
            with self._making:
                # In use before it is made, so that nobody who makes room for another takes it for idle.
                self._users += 1
                try:
                    found = self._made(context)
                except BaseException:
                    self._users -= 1
                    raise
        except BaseException:
            if not self._class.thread_safe:
                self._turn.release()
            raise
        return found

    def _made(self, context: RunContext) -> Node:
        if self._instance is not None:
            self._pool.used(self)
            return self._instance
        self._pool.make_room(self)
        try:
            instance = self._class()
            before = context.models_used()
            instance.init(context, self._init)
            remember_models(
                instance, {each: used for each, used in context.models_used().items() if each not in before}
            )
        except BaseException:
            self._pool.forget(self)
            raise
        self._instance = instance
        return instance

    def renew(self, instance: Node, context: RunContext) -> Node:
        if not self._class.thread_safe:
            return super().renew(instance, context)
        with self._making:
            if self._instance is instance:
                self._retired[id(instance)] = (instance, self._users)
                self._instance, self._users = None, 0
        self.give(instance)
        return self.take(context)

    def _leave_retired(self, instance: Node) -> list[str]:
        """Take back an instance that was replaced, and close it when its last call is done."""
        with self._making:
            users = self._retired.pop(id(instance))[1] - 1
            if users:
                self._retired[id(instance)] = (instance, users)
                return []
        return self._closed(instance)

    def give(self, instance: Node) -> None:
        if id(instance) in self._retired:
            _warn(self._leave_retired(instance))
            return
        with self._making:
            if any(each is instance for each in self._discarded):
                self._discarded = [each for each in self._discarded if each is not instance]
                discarded = True
            else:
                self._users -= 1
                discarded = False
        if discarded:
            _warn([failure] if (failure := _close(instance)) else [])
        elif not self._class.thread_safe:
            self._turn.release()

    def discard(self, instance: Node) -> None:
        if self._class.thread_safe:
            return  # others use it too, and nobody waits for it
        with self._making:
            if self._instance is not instance:
                return
            self._instance = None
            self._users -= 1
            self._discarded.append(instance)
        self._turn.release()

    def evict(self) -> list[str]:
        with self._making:
            if self._users:
                return []
            instance, self._instance = self._instance, None
        return self._closed(instance)

    def close(self) -> list[str]:
        with self._making:
            instance, self._instance = self._instance, None
        return self._closed(instance)

    def _closed(self, instance: Node | None) -> list[str]:
        failure = _close(instance) if instance is not None else ""
        return [failure] if failure else []


def remember_models(instance: Node, models: Mapping[str, UsedModel]) -> None:
    """Note which models an instance asked for when it was made: what it computes depends on them."""
    if models:
        vars(instance)[_MODELS] = models


def models_of(instance: Node) -> Mapping[str, UsedModel]:
    """Return the models that an instance asked for when it was made."""
    found: Mapping[str, UsedModel] = instance.__dict__.get(_MODELS, _NO_MODELS)
    return found


def _close(instance: Node) -> str:
    try:
        instance.close()
    except (Exception, SystemExit) as error:  # noqa: BLE001  a pack's mistake must not keep the others open
        return f"node {type(instance).type_id()} failed to close: {type(error).__name__}: {error}"
    return ""


def _warn(failures: list[str]) -> None:
    for failure in failures:
        warnings.warn(failure, RuntimeWarning, stacklevel=3)
