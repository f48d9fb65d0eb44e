"""The states of the nodes that run for the items of a batch; what several items share is one state for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowra.dag.plan.logical import PlannedNode
from flowra.execute.batch.item import BatchItem
from flowra.execute.batch.template import BatchTemplate, Filled, OpenNode
from flowra.execute.scheduler.state import ITEM_MARK, ItemEnd, NodeState, Scope

__all__ = ["BatchStates"]


@dataclass(slots=True)
class _Shared:
    """A state that several items share.

    Attributes:
        state: The state; None until an item has it.
        left: How many items are still to come that take it; None if nobody counts them.
    """

    state: NodeState | None
    left: int | None


class BatchStates:
    """Makes the states of items. The scheduler's lock is held by whoever calls.

    Args:
        template: The plan of all items.
        closed: The states of the nodes that are the same for all of them.
    """

    def __init__(self, template: BatchTemplate, closed: Scope) -> None:
        self._template = template
        self._closed = {name: closed[name] for name in template.border if name in closed}
        for state in self._closed.values():
            state.takers += 1  # the items that are still to come
        self._shares = {each.node.id: template.shares(each) for each in template.open}
        self._shared: dict[tuple[str, tuple[int, ...]], _Shared] = {}

    def make(self, item: BatchItem, filled: Mapping[str, Filled]) -> tuple[NodeState, list[NodeState]]:
        """Return the state that an item ends with, behind those of its nodes; and states that nobody comes to take.

        The latter may be let go as soon as nobody takes them who is there already.
        """
        prefix = f"{ITEM_MARK}{item.index}/"
        scope: Scope = dict(self._closed)
        own: list[NodeState] = []
        done: list[NodeState] = []
        for each in self._template.open:
            name = each.node.id
            if self._shares[name] == 1:
                state = _state(each, filled.get(name), prefix, scope)
                own.append(state)
            else:
                shared = self._count(each, item)
                if shared.state is None:
                    shared.state = _state(each, filled.get(name), prefix, scope)
                    shared.state.takers += 1  # as above
                    own.append(shared.state)
                state = shared.state
                if shared.left == 0:
                    done.append(state)
            scope[name] = state
        end = NodeState(prefix, None, scope, 0)
        end.keep = True
        end.eager = tuple(scope[name] for name in self._template.ends)
        for source in end.eager:
            source.takers += 1
        states = tuple(scope[each.node.id] for each in self._template.open)
        end.replaced = ItemEnd(item, states, own)
        return end, done

    def forget(self, end: NodeState) -> None:
        """Take apart what an item's states hold of each other once it has ended, so that they are let go at once."""
        for each in self._template.open:
            if self._shares[each.node.id] == 1:
                end.scope[each.node.id].scope = {}

    def skip(self, item: BatchItem) -> list[NodeState]:
        """Take note that an item is not run, and return the states that nobody comes to take any more."""
        done = []
        for each in self._template.open:
            if self._shares[each.node.id] != 1:
                shared = self._count(each, item)
                if shared.left == 0 and shared.state is not None:
                    done.append(shared.state)
        return done

    def close(self) -> list[NodeState]:
        """Return the states that were kept for items to come: there are none any more."""
        shared = [each.state for each in self._shared.values() if each.state is not None]
        self._shared.clear()
        return [*self._closed.values(), *shared]

    def _count(self, each: OpenNode, item: BatchItem) -> _Shared:
        """Return what an item shares with others of one node, after having counted it."""
        key = (each.node.id, tuple(item.position[axis] for axis in each.axes))
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _Shared(None, self._shares[each.node.id])
        if shared.left is not None:
            shared.left -= 1
            if not shared.left:
                del self._shared[key]
        return shared


def _state(each: OpenNode, filled: Filled | None, prefix: str, scope: Scope) -> NodeState:
    node: PlannedNode = each.node if filled is None else filled.node
    state = NodeState(prefix + each.node.id, node, scope, 0)
    if filled is not None:
        state.literals = filled.literals
    state.eager = _taken(each.eager, scope)
    if each.lazy:
        state.lazy = _taken(each.lazy, scope)
    return state


def _taken(names: Iterable[str], scope: Scope) -> tuple[NodeState, ...]:
    states = tuple([scope[name] for name in names])
    for source in states:
        source.takers += 1
    return states
