"""The state of a run: which nodes wait for what, and the calls that a node makes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from flowra.dag.plan.logical import LogicalPlan, NodeOutput, PlannedNode, outputs_in
from flowra.execute.batch.item import BatchItem
from flowra.execute.values import Value

__all__ = [
    "ITEM_MARK",
    "Call",
    "ItemEnd",
    "Items",
    "NodeState",
    "Replaced",
    "Scope",
    "item_of",
    "node_name",
    "roots",
    "scope_of",
]

#: What the names of the nodes that run for an item of a batch begin with: `@12/detect`.
ITEM_MARK = "@"

_claiming = threading.Lock()

#: The states of the nodes of one plan, by the node's id in it.
Scope = dict[str, "NodeState"]


class NodeState:
    """A node of the run, or the end of an expansion.

    Attributes:
        name: Its id in the run: below an expansion, the call's name stands before the node's id.
        node: The planned node; None for the end of an expansion.
        scope: The states that its links mean.
        depth: In how many expansions it lies.
        eager: The states that it takes values from at once.
        lazy: The states behind its lazy inputs alone.
        consumers: The active states that wait for it.
        waiting: How many of the states that it waits for have not ended.
        takers: How many states have yet to take its values; at zero they are let go unless they are kept.
        keep: Whether its outputs are asked for.
        active: Whether it is to run.
        outputs: Its outputs by port once it has ended; None again when they were let go.
        ended: Whether it has ended.
        items: The calls that it makes, where it maps over a list.
        replaced: For the end of an expansion or of an item of a batch, what it stands for.
        literals: What literals of the node are for one item of a batch; None where they are as the node has them.
        ran_at: When a call of it began to run last, by `time.perf_counter`; 0 if none really ran.
    """

    __slots__ = (
        "active", "consumers", "depth", "eager", "ended", "items", "keep", "lazy", "literals", "name", "node",
        "outputs", "ran_at", "replaced", "scope", "takers", "waiting",
    )  # fmt: skip

    def __init__(self, name: str, node: PlannedNode | None, scope: Scope, depth: int) -> None:
        self.name = name
        self.node = node
        self.scope = scope
        self.depth = depth
        self.eager: tuple[NodeState, ...] = ()
        self.lazy: tuple[NodeState, ...] = ()
        self.consumers: list[NodeState] = []
        self.waiting = 0
        self.takers = 0
        self.keep = False
        self.active = False
        self.outputs: Mapping[str, Value] | None = None
        self.ended = False
        self.items: Items | None = None
        self.replaced: Replaced | ItemEnd | None = None
        self.literals: Mapping[str, Any] | None = None
        self.ran_at = 0.0


@dataclass(slots=True)
class Items:
    """The calls of a node that maps over a list.

    Attributes:
        left: How many of them have not ended.
        results: What they gave.
        shape: How they lie in lists.
        began: When the first began, by `time.perf_counter`.
    """

    left: int
    results: list[Any]
    shape: Any
    began: float


@dataclass(frozen=True, slots=True)
class Replaced:
    """What an expansion stands for.

    Attributes:
        call: The call that returned the graph.
        outputs: Which output of the graph each output of the call is.
    """

    call: Call
    outputs: Mapping[str, NodeOutput]


@dataclass(frozen=True, slots=True)
class ItemEnd:
    """The end of an item of a batch.

    Attributes:
        item: The item.
        states: The states of the nodes that run for it.
        own: Those of them that no other item had before.
    """

    item: BatchItem
    states: Sequence[NodeState]
    own: Sequence[NodeState]


@dataclass(slots=True, eq=False)
class Call:
    """One call of a node: the whole node, or one item where it maps over a list.

    Attributes:
        state: The node's state.
        node: The planned node.
        index: Its position among the node's calls.
        item: Its position in the lists that the node maps over; empty if it maps over none.
        inputs: Its inputs by port: literals as they are, linked ones as values; lazy ones once they were asked for.
        attempt: Which try it is, from 0.
        needed: The lazy inputs that it asked for; None before it was asked.
        waiting: How many states behind its lazy inputs it waits for.
        tries_over: How many of its tries have come to an end; counted only where they may run out of time.
    """

    state: NodeState
    node: PlannedNode
    index: int
    item: tuple[int, ...]
    inputs: dict[str, Any]
    attempt: int = 0
    needed: frozenset[str] | None = None
    waiting: int = 0
    tries_over: int = 0

    def claim(self, attempt: int) -> bool:
        """Take note that a try has come to its end, and tell whether it is the first end that it comes to.

        A try that ran out of time comes to a second one when its code returns after all.
        """
        with _claiming:
            if self.tries_over > attempt:
                return False
            self.tries_over = attempt + 1
            return True

    def again(self, inputs: dict[str, Any]) -> Call:
        """Return the same call, as if it had not been made yet."""
        return replace(self, inputs=inputs, attempt=0, tries_over=0)

    @property
    def name(self) -> str:
        """Its name for people: the node's, and the item in brackets."""
        return self.state.name if not self.item else self.state.name + "".join(f"[{index}]" for index in self.item)


def item_of(name: str) -> int | None:
    """Return the number of the item of a batch that a name of a call or node belongs to; None if it is none's."""
    if name[:1] != ITEM_MARK:
        return None
    return int(name[1 : name.index("/")])


def node_name(name: str) -> str:
    """Return a name without the item of a batch that it belongs to."""
    return name if name[:1] != ITEM_MARK else name[name.index("/") + 1 :]


def scope_of(
    plan: LogicalPlan, prefix: str, depth: int, *, known: Set[str] = frozenset(), needed: Set[str] = frozenset()
) -> Scope:
    """Make the states of a plan's nodes, linked to each other; none is active yet.

    Args:
        plan: The plan.
        prefix: What stands before the nodes' ids in their names.
        depth: In how many expansions it lies.
        known: Nodes whose results are known: they take nothing.
        needed: The known nodes that others take something from; the rest have no state.
    """
    scope: Scope = {}
    for identity, node in plan.nodes.items():
        if identity in known:
            if identity in needed:
                scope[identity] = NodeState(prefix + identity, node, scope, depth)
            continue
        state = scope[identity] = NodeState(prefix + identity, node, scope, depth)
        if not node.links:
            continue
        if lazy_ports := node.description.lazy_ports:
            eager = _states(scope, (binding for port, binding in node.links.items() if port not in lazy_ports))
            lazy = _states(scope, (binding for port, binding in node.links.items() if port in lazy_ports))
            state.lazy = tuple(each for each in lazy if each not in eager)
            for source in state.lazy:
                source.takers += 1
        else:
            eager = _states(scope, node.links.values())
        state.eager = eager
        for source in eager:
            source.takers += 1
    return scope


def _states(scope: Scope, bindings: Iterable[Any]) -> tuple[NodeState, ...]:
    found: dict[NodeState, None] = {}
    for binding in bindings:
        # One link is by far the most usual, and this is done for each node of the graph.
        if type(binding) is NodeOutput:
            found[scope[binding.node]] = None
        else:
            found.update((scope[output.node], None) for output in outputs_in(binding))
    return tuple(found)


def roots(plan: LogicalPlan, scope: Scope) -> list[NodeState]:
    """Return the nodes that are asked for by themselves: the ends of the graph, its outputs, the named targets."""
    asked = {output.node for output in plan.outputs.values()} | set(plan.targets)
    taken = {source for state in scope.values() for source in (*state.eager, *state.lazy)}
    return [state for identity, state in scope.items() if state not in taken or identity in asked]
