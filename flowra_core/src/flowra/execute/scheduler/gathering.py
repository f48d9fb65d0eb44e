"""Calls of nodes that take several at once: gathered until there are enough, or nothing else is left to do."""

from __future__ import annotations

from collections import deque
from typing import Any

from flowra.dag.plan.logical import PlannedNode
from flowra.execute.scheduler.state import Call

__all__ = ["Gathering", "Gatherings"]


class Gathering:
    """Calls that are made together.

    Attributes:
        node: The planned node of the first; the others are of the same class, with the same `InitArgs`.
        calls: The calls.
        kind: What they have in common.
        begun: Whether it takes no more of them.
    """

    __slots__ = ("begun", "calls", "kind", "node")

    def __init__(self, kind: Any, node: PlannedNode) -> None:
        self.kind = kind
        self.node = node
        self.calls: list[Call] = []
        self.begun = False


class Gatherings:
    """The calls that wait for others. The scheduler's lock is held by whoever calls.

    A node whose one instance is used by one call at a time has one gathering run at a time: what becomes ready
    meanwhile is gathered behind it, so that the busier it is, the more it gets together.
    """

    def __init__(self) -> None:
        self._open: dict[Any, Gathering] = {}
        self._full: dict[Any, deque[Gathering]] = {}
        self._busy: set[Any] = set()

    def add(self, call: Call) -> tuple[Gathering | None, Gathering | None]:
        """Add a call; return a gathering that is to be run now, or one that is to be run when nothing else is left."""
        kind = _kind(call.node)
        traits = call.node.description.traits
        gathering = self._open.get(kind)
        begun = gathering is None
        if gathering is None:
            gathering = self._open[kind] = Gathering(kind, call.node)
        gathering.calls.append(call)
        if len(gathering.calls) < traits.batch_size:
            return None, gathering if begun and kind not in self._busy else None
        del self._open[kind]
        # The one that may lie in the queue, for when nothing else is left, is not this one any more.
        full = Gathering(kind, gathering.node)
        full.calls, gathering.calls = gathering.calls, []
        gathering = full
        if kind in self._busy:
            self._full.setdefault(kind, deque()).append(gathering)
            return None, None
        self._begin(gathering)
        return gathering, None

    def begin(self, gathering: Gathering) -> bool:
        """Tell whether a gathering that nothing was left for is to be run now: it may have been filled meanwhile."""
        if self._open.get(gathering.kind) is not gathering or gathering.kind in self._busy:
            return False
        del self._open[gathering.kind]
        self._begin(gathering)
        return True

    def _begin(self, gathering: Gathering) -> None:
        gathering.begun = True
        traits = gathering.node.description.traits
        if traits.warm and not traits.thread_safe:
            self._busy.add(gathering.kind)

    def end(self, gathering: Gathering) -> tuple[Gathering | None, Gathering | None]:
        """Take note that a gathering has been run; return the next of its kind, as `add` does."""
        kind = gathering.kind
        if kind not in self._busy:
            return None, None
        self._busy.discard(kind)
        waiting = self._full.get(kind)
        if waiting:
            following = waiting.popleft()
            if not waiting:
                del self._full[kind]
            self._begin(following)
            return following, None
        return None, self._open.get(kind)


def _kind(node: PlannedNode) -> Any:
    """Return what nodes have in common whose calls can be made by one instance."""
    return node if node.init else node.description.node_class or node.type
