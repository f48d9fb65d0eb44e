"""Asks the cache what of a plan is known, before anything runs.

Keys follow from records: once a node's result is recorded, the digests in the record make the keys of what comes after
it. So one walk over the plan finds all that is known, and not a single value is read for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowra.dag.plan.logical import Constant, LogicalPlan, NodeOutput, PlannedNode
from flowra.dag.plan.physical import PhysicalPlan, physical_plan
from flowra.execute.cache import ResultCache
from flowra.execute.reading import mark_origin
from flowra.execute.scheduler.items import LengthsDifferError, gather, split
from flowra.execute.scheduler.state import Call, NodeState
from flowra.execute.values import Ended, Failed, Many, Value

__all__ = ["ask_cache"]


def ask_cache(
    logical: LogicalPlan, cache: ResultCache, wanted: Iterable[NodeOutput]
) -> tuple[PhysicalPlan, dict[str, Mapping[str, Value]]]:
    """Return the physical plan of a logical one, and the values of what is known, none of them read."""
    known: dict[str, Mapping[str, Value]] = {}
    missed: set[str] = set()
    for node in logical.nodes.values():
        if node.description.lazy_ports or any(source.node not in known for source in node.sources()):
            continue
        outputs = _recalled(node, known, cache)
        if outputs is None:
            missed.add(node.id)
        else:
            known[node.id] = outputs
    refs = {name: {port: cache.ref_of(value) for port, value in outputs.items()} for name, outputs in known.items()}
    return physical_plan(logical, refs, frozenset(missed), wanted), known


def _recalled(
    node: PlannedNode, known: Mapping[str, Mapping[str, Value]], cache: ResultCache
) -> Mapping[str, Value] | None:
    """Return what a node gave, if every call of it is recorded."""
    state = NodeState(node.id, node, {}, 0)
    inputs = {**node.literals, **{port: _gathered(binding, known) for port, binding in node.links.items()}}
    ports = [port.name for port in node.description.outputs]
    if not node.depths:
        return _recalled_call(Call(state, node, 0, (), inputs), ports, cache)
    try:
        found = split(inputs, node.depths)
    except LengthsDifferError:
        return None  # said when it runs
    if isinstance(found, (Ended, Failed)):
        return dict.fromkeys(ports, found)
    items, shape = found
    results: list[Mapping[str, Value]] = []
    for index, (item, each) in enumerate(items):
        outputs = _recalled_call(Call(state, node, index, item, each), ports, cache)
        if outputs is None:
            return None
        results.append(outputs)
    return {port: gather(results, shape, port) for port in ports}


def _recalled_call(call: Call, ports: list[str], cache: ResultCache) -> Mapping[str, Value] | None:
    ended = next((value for value in call.inputs.values() if isinstance(value, Ended)), None)
    if ended is not None:
        return dict.fromkeys(ports, ended)
    found = cache.find(call)
    if isinstance(found, Ended):
        return dict.fromkeys(ports, found)
    for port, value in (found or {}).items():
        mark_origin(value, call, port)
    return found


def _gathered(binding: Any, known: Mapping[str, Mapping[str, Value]]) -> Any:
    if isinstance(binding, NodeOutput):
        return known[binding.node][binding.port]
    if isinstance(binding, Constant):
        return binding.value
    return Many([_gathered(item, known) for item in binding])
