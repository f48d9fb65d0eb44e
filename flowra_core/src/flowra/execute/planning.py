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
    asking = [_Asking(node, known) for node in nodes.values()]
    found = iter(cache.find_many([call for each in asking for call in each.calls]))
    for each in asking:
        outputs = each.outputs([next(found) for _ in each.calls])
        if outputs is None:
            missed.add(each.node.id)
        else:
            known[each.node.id] = outputs


class _Asking:
    """A node that is looked up.

    Args:
        node: The node.
        known: What is known of those it takes values from.

    Attributes:
        calls: The calls of it that the cache has to be asked for.
    """

    def __init__(self, node: PlannedNode, known: Known) -> None:
        self.node = node
        self.calls: list[Call] = []
        self._whole: Ended | Failed | None = None
        self._shape: Any = 0
        self._unequal = False
        inputs = dict(node.literals)
        for port, binding in node.links.items():
            inputs[port] = _gathered(binding, known)
        state = NodeState(node.id, node, {}, 0)
        if not node.depths:
            self._whole = _ended(inputs)
            if self._whole is None:
                self.calls = [Call(state, node, 0, (), inputs)]
            return
        self._ended: dict[int, Ended] = {}
        try:
            split_up = split(inputs, node.depths)
        except LengthsDifferError:
            self._unequal = True  # said when it runs
            return
        if isinstance(split_up, (Ended, Failed)):
            self._whole = split_up
            return
        items, self._shape = split_up
        for index, (item, each) in enumerate(items):
            ended = _ended(each)
            if ended is not None:
                self._ended[index] = ended
            else:
                self.calls.append(Call(state, node, index, item, each))

    def outputs(self, found: list[dict[str, Value] | Ended | None]) -> Mapping[str, Value] | None:
        """Return what the node gave, if every call of it is recorded; `found` is what its calls gave."""
        ports = [port.name for port in self.node.description.outputs]
        if self._whole is not None:
            return dict.fromkeys(ports, self._whole)
        if self._unequal or any(each is None for each in found):
            return None
        results: dict[int, Mapping[str, Value]] = {}
        for call, each in zip(self.calls, found, strict=True):
            if isinstance(each, Ended):
                results[call.index] = dict.fromkeys(ports, each)
            elif each is not None:
                for port, value in each.items():
                    mark_origin(value, call, port)
                results[call.index] = each
        if not self.node.depths:
            return results[0]
        results.update((index, dict.fromkeys(ports, ended)) for index, ended in self._ended.items())
        in_order = [results[index] for index in range(len(results))]
        return {port: gather(in_order, self._shape, port) for port in ports}


def _ended(inputs: Mapping[str, Any]) -> Ended | None:
    return next((value for value in inputs.values() if isinstance(value, Ended)), None)


def _gathered(binding: Any, known: Known) -> Any:
    if type(binding) is NodeOutput:
        return known[binding.node][binding.port]
    if isinstance(binding, Constant):
        return binding.value
    return Many([_gathered(item, known) for item in binding])
