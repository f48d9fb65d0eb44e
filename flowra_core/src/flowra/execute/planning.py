"""Asks the cache what of a plan is known, before anything runs.

Keys follow from records: once a node's result is recorded, the digests in the record make the keys of what comes after
it. So one walk over the plan finds all that is known, and not a single value is read for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowra.dag.plan.garbage import collection_paused
from flowra.dag.plan.logical import Constant, LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.plan.physical import PhysicalPlan, physical_plan
from flowra.execute.cache import ResultCache
from flowra.execute.reading import mark_origin
from flowra.execute.scheduler.items import LengthsDifferError, gather, split
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.values import Ended, Failed, Many, Value

__all__ = ["ask_cache"]

#: What is known of a plan: the outputs of nodes by port.
Known = dict[str, Mapping[str, Value]]


def ask_cache(logical: LogicalPlan, cache: ResultCache, wanted: Iterable[NodeOutput]) -> tuple[PhysicalPlan, Known]:
    """Return the physical plan of a logical one, and the values of what is known, none of them read."""
    known: Known = {}
    missed: set[str] = set()
    with collection_paused():
        together: dict[str, PlannedNode] = {}
        for node in logical.nodes.values():
            sources = node.sources()
            # Nodes that take nothing from each other are looked up together.
            if any(source.node in together for source in sources):
                _look_up(together, known, missed, cache)
                together = {}
            if not node.description.lazy_ports and all(
                source.node in known or source.node in together for source in sources
            ):
                together[node.id] = node
        _look_up(together, known, missed, cache)
        return physical_plan(logical, frozenset(known), frozenset(missed), wanted), known


def _look_up(nodes: Mapping[str, PlannedNode], known: Known, missed: set[str], cache: ResultCache) -> None:
    """Put into `known` what nodes gave of which every call is recorded, and the ids of the others into `missed`."""
    calls: list[Call] = []
    mapped: list[_Mapped] = []
    for node in nodes.values():
        inputs = dict(node.literals)
        for port, binding in node.links.items():
            inputs[port] = _gathered(binding, known)
        state = NodeState(node.id, node, {}, 0)
        if node.depths:
            mapped.append(_Mapped(state, node, inputs))
            calls += mapped[-1].calls
        elif (ended := _ended(inputs)) is not None:
            known[node.id] = _instead(node, ended)
        else:
            calls.append(Call(state, node, 0, (), inputs))
    found: dict[Call, Mapping[str, Value] | None] = {}
    for call, given in zip(calls, cache.find_many(calls), strict=True):
        if isinstance(given, Ended):
            found[call] = _instead(call.node, given)
            continue
        found[call] = given
        for port, value in (given or {}).items():
            mark_origin(value, call, port)
    whole = {call.node.id: outputs for call, outputs in found.items() if not call.node.depths}
    whole.update((each.node.id, each.gathered(found)) for each in mapped)
    for name, outputs in whole.items():
        if outputs is None:
            missed.add(name)
        else:
            known[name] = outputs


class _Mapped:
    """A node that maps over lists, and is looked up.

    Args:
        state: A state for it.
        node: The node.
        inputs: Its inputs.

    Attributes:
        calls: The calls of it that the cache has to be asked for.
    """

    def __init__(self, state: NodeState, node: PlannedNode, inputs: dict[str, Any]) -> None:
        self.node = node
        self.calls: list[Call] = []
        self._results: list[Call | Ended] = []
        self._shape: Any = 0
        # What stands for all of it: None where its lists don't go together, which is said when it runs.
        self._instead: Ended | Failed | None = None
        self._split = False
        try:
            found = split(inputs, node.depths)
        except LengthsDifferError:
            return
        if isinstance(found, (Ended, Failed)):
            self._instead = found
            return
        self._split = True
        items, self._shape = found
        for index, (item, each) in enumerate(items):
            ended = _ended(each)
            if ended is None:
                self.calls.append(Call(state, node, index, item, each))
            self._results.append(self.calls[-1] if ended is None else ended)

    def gathered(self, found: Mapping[Call, Mapping[str, Value] | None]) -> Mapping[str, Value] | None:
        """Return what the node gave, if every call of it is recorded; `found` is what each call gave."""
        if self._instead is not None:
            return _instead(self.node, self._instead)
        if not self._split:
            return None
        results: list[Mapping[str, Value]] = []
        for each in self._results:
            outputs = _instead(self.node, each) if isinstance(each, Ended) else found[each]
            if outputs is None:
                return None
            results.append(outputs)
        return {port.name: gather(results, self._shape, port.name) for port in self.node.description.outputs}


def _instead(node: PlannedNode, value: Ended | Failed) -> Mapping[str, Value]:
    return dict.fromkeys((port.name for port in node.description.outputs), value)


def _ended(inputs: Mapping[str, Any]) -> Ended | None:
    for value in inputs.values():
        if isinstance(value, Ended):
            return value
    return None


def _gathered(binding: Any, known: Known) -> Any:
    if type(binding) is NodeOutput:
        return known[binding.node][binding.port]
    if isinstance(binding, Constant):
        return binding.value
    return Many([_gathered(item, known) for item in binding])
