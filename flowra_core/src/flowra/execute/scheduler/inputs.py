"""What the inputs of a call hold, and what keeps a call from being made."""

from __future__ import annotations

from typing import Any

from flowra.dag.plan.logical import Constant, NodeOutput, PlannedNode
from flowra.execute.scheduler.items import pick, split
from flowra.execute.scheduler.state import Call, NodeState, Scope
from flowra.execute.values import Ended, Failed, Held, Many

__all__ = ["add_lazy", "blocked", "calls_of"]


def calls_of(state: NodeState, node: PlannedNode) -> Call | tuple[list[Call], Any] | Ended | Failed:
    """Return the call that a node makes; or, where it maps, its calls and how they lie in lists.

    A list that is not there, since its branch ended or what gives it failed, is returned as that.

    Raises:
        LengthsDifferError: Lists that it maps over together differ in length.
    """
    inputs = dict(node.literals) if state.literals is None else {**node.literals, **state.literals}
    lazy_ports = node.description.lazy_ports
    for port, binding in node.links.items():
        if port not in lazy_ports:
            inputs[port] = _gathered(binding, state.scope)
    if not node.depths:
        return Call(state, node, 0, (), inputs)
    eager_depths = {port: depth for port, depth in node.depths.items() if port in inputs}
    found = split(inputs, eager_depths)
    if isinstance(found, (Ended, Failed)):
        return found
    items, shape = found
    return [Call(state, node, index, item, each) for index, (item, each) in enumerate(items)], shape


def add_lazy(call: Call) -> None:
    """Put the lazy inputs that a call asked for beside its others; those that it did not ask for are None."""
    for port in call.node.description.lazy_ports:
        if port not in call.node.links:
            continue  # a literal, which was there from the start
        if call.needed is None or port not in call.needed:
            call.inputs[port] = None
            continue
        value = _gathered(call.node.links[port], call.state.scope)
        call.inputs[port] = pick(value, call.item, call.node.depths.get(port, 0))


def blocked(call: Call) -> Ended | Failed | None:
    """Return why a call can't be made: a failure before it, or the end of its branch; None where it can.

    In a whole list an ended item is no reason: the node gets the list without it.
    """
    ended: Ended | None = None
    for value in call.inputs.values():
        if type(value) is Held:
            continue
        if isinstance(value, Failed):
            return value
        if isinstance(value, Many):
            if (failure := _failure_in(value)) is not None:
                return failure
        elif isinstance(value, Ended):
            ended = value
    return ended


def _failure_in(value: Many) -> Failed | None:
    for item in value.items:
        if isinstance(item, Failed):
            return item
        if isinstance(item, Many) and (inner := _failure_in(item)) is not None:
            return inner
    return None


def _gathered(binding: Any, scope: Scope) -> Any:
    if type(binding) is NodeOutput:
        outputs = scope[binding.node].outputs
        assert outputs is not None, "a node's values are kept until each taker has run"
        return outputs[binding.port]
    if isinstance(binding, Constant):
        return binding.value
    return Many([_gathered(item, scope) for item in binding])
