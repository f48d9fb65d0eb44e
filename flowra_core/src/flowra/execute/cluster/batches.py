"""Which calls go to a worker together: as many cheap ones as are worth a message, and what can only follow on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowra.dag.plan.logical import NodeOutput, PlannedNode
from flowra.dag.traits import NodeTraits
from flowra.execute.cluster.wire import binding_to_wire, class_target, literal_to_wire, pack, value_to_wire
from flowra.execute.encoding import NotStorableError
from flowra.execute.scheduler.state import Call, NodeState, Scope
from flowra.execute.values import Ended, Failed

__all__ = ["SECONDS", "Batch", "Costs", "Waiting", "goes_alone", "unreachable"]

#: Seconds that a batch of cheap calls is to take, about: long beside a message, short beside what people wait for.
SECONDS = 0.05
#: A node that takes longer than this, in seconds, is computed ahead only where nothing else could be done meanwhile.
_AHEAD = 0.005
#: Seconds that a call which was lost with a worker waits for its key: the worker may stand still, and hold it.
_PATIENCE = 2.0
#: Calls in a batch, at most.
MOST = 4000

Reply = Any


@dataclass(slots=True, eq=False)
class Waiting:
    """A call that is to be made on a worker.

    Attributes:
        call: The call.
        answer: Takes what comes of it.
        asks: Whether it only asks which lazy inputs the node needs.
        losses: How many workers were lost while they had it.
        alone: Whether it goes alone, since something went wrong with a batch that it was in.
    """

    call: Call
    answer: Callable[[Reply], None]
    asks: bool = False
    losses: int = 0
    alone: bool = False


class Costs:
    """What calls cost, by node type, as seen last."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._awaited: set[str] = set()

    def of(self, node: PlannedNode) -> float | None:
        """Return the seconds that a call takes a worker; None where none was made yet."""
        return 0.0 if node.type in self._awaited else self._seconds.get(node.type)

    def note(self, node: PlannedNode, seconds: float, *, awaited: bool) -> None:
        """Take note of what a call took."""
        if awaited:
            self._awaited.add(node.type)
        before = self._seconds.get(node.type, seconds)
        self._seconds[node.type] = (before + seconds) / 2


def goes_alone(waiting: Waiting) -> bool:
    """Tell whether a call is to have a worker's thread for itself."""
    return waiting.asks or waiting.alone or _is_special(waiting.call.node.description.traits)


def _is_special(traits: NodeTraits) -> bool:
    return traits.timeout is not None or traits.once or traits.isolation == "process" or bool(traits.resources)


@dataclass(eq=False)
class Batch:
    """Calls that go to a worker in one message.

    Attributes:
        roots: The calls that the scheduler asked for.
        ahead: The nodes that take values from them and from what is there alone.
        seconds: What it is thought to take.
        sent: How many calls it was sent with, besides those that follow on them; fewer may be left of them.
    """

    roots: list[Waiting]
    ahead: list[NodeState] = field(default_factory=list)
    seconds: float = 0.0
    sent: int = 0

    def grow(self, costs: Costs, usable: Callable[[PlannedNode], bool]) -> None:
        """Add nodes that will be ready as soon as those of the batch have run."""
        inside = {root.call.state for root in self.roots if not root.call.item}
        pending = deque(inside)
        while pending and self.seconds < SECONDS and len(self.roots) + len(self.ahead) < MOST:
            consumers = pending.popleft().consumers
            for state in consumers:
                if state in inside or not _may_follow(state, inside) or not usable(state.node):  # type: ignore[arg-type]
                    continue
                assert state.node is not None
                cost = costs.of(state.node)
                if cost is not None and cost > _AHEAD and len(consumers) > 1:
                    continue
                inside.add(state)
                self.ahead.append(state)
                self.seconds += cost or 0.0
                pending.append(state)
                if self.seconds >= SECONDS:
                    return

    def to_wire(self) -> dict[str, Any]:
        """Return the batch as plain data.

        Raises:
            NotStorableError: An input can't be written, or a node's class can't be imported on a worker.
        """
        nodes: dict[PlannedNode, int] = {}
        packed: list[bytes] = []

        def number(node: PlannedNode) -> int:
            if node not in nodes:
                nodes[node] = len(packed)
                packed.append(_node_to_wire(node))
            return nodes[node]

        places = {root.call.state: index for index, root in enumerate(self.roots) if not root.call.item}
        places.update((state, len(self.roots) + index) for index, state in enumerate(self.ahead))
        takers: dict[NodeState, int] = {}
        for state in self.ahead:
            for source in state.eager:
                takers[source] = takers.get(source, 0) + 1
        calls = []
        for root in self.roots:
            call = root.call
            exported = bool(call.item) or call.state.keep or call.state.takers > takers.get(call.state, 0)
            literals, inputs = _inputs_to_wire(call)
            calls.append(
                [
                    number(call.node),
                    call.state.name,
                    call.item,
                    call.attempt,
                    call.state.depth,
                    literals,
                    inputs,
                    exported,
                ]
            )
        for state in self.ahead:
            assert state.node is not None
            inputs = {port: _ahead_to_wire(binding, state.scope, places) for port, binding in state.node.links.items()}
            exported = state.keep or state.takers > takers.get(state, 0)
            literals = _literals_to_wire(state.node, state.literals or {})
            calls.append([number(state.node), state.name, (), 0, state.depth, literals, inputs, exported])
        self.sent = len(self.roots)
        return {
            "kind": "needs" if self.roots[0].asks else "calls",
            "nodes": packed,
            "calls": calls,
            "seconds": SECONDS,
            "patience": _PATIENCE if any(root.losses for root in self.roots) else None,
        }


def _may_follow(state: NodeState, inside: set[NodeState]) -> bool:
    """Tell whether a node can run once others have, with no decision of the scheduler in between."""
    node = state.node
    if node is None or node.depths or node.description.lazy_ports or not state.active or state.ended:
        return False
    if _is_special(node.description.traits):
        return False
    for source in state.eager:
        if source in inside:
            continue
        outputs = source.outputs
        if not source.ended or outputs is None or any(isinstance(each, (Failed, Ended)) for each in outputs.values()):
            return False
    return True


def unreachable(node: PlannedNode) -> str:
    """Return why no worker can import the class of a node; empty where one can."""
    brought = node.description.node_class
    if brought is None:
        return ""
    if "<locals>" in brought.__qualname__:
        return f"{brought.__qualname__} is made inside a function"
    return f"{brought.__qualname__} lies in the program itself" if brought.__module__ == "__main__" else ""


def _node_to_wire(node: PlannedNode) -> bytes:
    if reason := unreachable(node):
        raise NotStorableError(reason)
    brought = node.description.node_class
    description = node.description
    types = {port.name: port.value_type for port in (*description.init, *description.inputs)}
    return pack(
        [
            node.id,
            node.type,
            {port: literal_to_wire(value, types[port]) for port, value in node.init.items()},
            {port: literal_to_wire(value, types[port]) for port, value in node.literals.items()},
            {port: binding_to_wire(binding) for port, binding in node.links.items()},
            dict(node.depths),
            None if brought is None else class_target(brought),
        ]
    )


def _inputs_to_wire(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs of a call: literals that are not the node's own, and values."""
    inputs: dict[str, Any] = {}
    node = call.node
    for port, value in call.inputs.items():
        if port in node.links:
            lazy = value is None and port in node.description.lazy_ports
            inputs[port] = ["literal", None] if lazy else value_to_wire(value)
    return _literals_to_wire(
        node, {port: value for port, value in call.inputs.items() if port not in node.links}
    ), inputs


def _literals_to_wire(node: PlannedNode, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those literals of a call that are not the node's own."""
    literals: dict[str, Any] = {}
    for port, value in given.items():
        if value is not node.literals.get(port):
            declared = node.description.input(port)
            assert declared is not None
            literals[port] = literal_to_wire(value, declared.value_type)
    return literals


def _ahead_to_wire(binding: Any, scope: Scope, places: Mapping[NodeState, int]) -> list[Any]:
    if type(binding) is NodeOutput:
        state = scope[binding.node]
        place = places.get(state)
        if place is not None:
            return ["given", place, binding.port]
        assert state.outputs is not None
        return value_to_wire(state.outputs[binding.port])
    if type(binding) is tuple:
        return ["many", [_ahead_to_wire(item, scope, places) for item in binding]]
    return value_to_wire(binding.value)
