"""The physical plan: what of a logical plan really has to run, in stages, once the cache was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flowra.dag.plan.logical import LogicalPlan, NodeOutput

__all__ = ["PhysicalPlan", "Stage", "physical_plan"]


@dataclass(frozen=True, slots=True)
class Stage:
    """Nodes that run one after the other in one place: a chain in which each takes the only output of the one before.

    Attributes:
        nodes: Their ids, in order.
        resources: What the stage needs: of each kind the most that one of its nodes needs.
        isolation: `process` if one of its nodes runs in a process of its own.
    """

    nodes: tuple[str, ...]
    resources: Mapping[str, float]
    isolation: str


@dataclass(frozen=True)
class PhysicalPlan:
    """What really has to run.

    Attributes:
        logical: The plan that it was made of.
        known: The nodes whose results are recorded.
        needed: The known nodes whose values something that runs, or the result, asks for; the values of the others
            are never read.
        missed: Nodes that were looked up and have no record.
    """

    logical: LogicalPlan
    known: frozenset[str]
    needed: frozenset[str]
    missed: frozenset[str]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """What runs, in an order in which each stage comes after those it takes values from."""
        return _stages(self.logical, self.known)

    def __str__(self) -> str:
        """Return the plan as text: what is cached, then the stages."""
        running = sum(len(stage.nodes) for stage in self.stages)
        rows = [f"{self.logical.name or 'the graph'}: {running:,} of {len(self.logical.nodes):,} nodes to run"]
        if self.known:
            read = [node for node in self.logical.nodes if node in self.needed]
            unread = len(self.known) - len(read)
            rows.append(
                f"cached: {len(self.known):,} nodes" + (f", {unread:,} of them not even read" if unread else "")
            )
            rows += [f"  {self.logical.nodes[node].type:<24} {node}" for node in read]
        for number, stage in enumerate(self.stages, 1):
            about = [f"{name} {amount:g}" for name, amount in stage.resources.items()]
            rows.append(f"stage {number}" + (f" ({', '.join(about)})" if about else ""))
            rows += [f"  {self.logical.nodes[node]}" for node in stage.nodes]
        return "\n".join(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, for people and tools that look at it."""
        return {
            "name": self.logical.name,
            "nodes": len(self.logical.nodes),
            "cached": sorted(self.known),
            "read": sorted(self.needed),
            "stages": [
                {"nodes": list(stage.nodes), "resources": dict(stage.resources), "isolation": stage.isolation}
                for stage in self.stages
            ],
        }


def physical_plan(
    logical: LogicalPlan,
    known: frozenset[str],
    missed: frozenset[str],
    wanted: Iterable[NodeOutput],
) -> PhysicalPlan:
    """Cut away what is known, and fuse what is left into stages.

    Args:
        logical: The logical plan.
        known: The nodes whose results are recorded.
        missed: Nodes that were looked up and have no record.
        wanted: The outputs that are asked for.
    """
    needed = {output.node for output in wanted if output.node in known}
    if known:
        for node in logical.nodes.values():
            if node.id not in known:
                needed.update(source.node for source in node.sources() if source.node in known)
    return PhysicalPlan(logical, known, frozenset(needed), missed)


def _stages(logical: LogicalPlan, known: frozenset[str]) -> tuple[Stage, ...]:
    consumers: dict[str, set[str]] = {}
    sources: dict[str, list[str]] = {}
    for node in logical.nodes.values():
        if node.id in known:
            continue
        found = list(dict.fromkeys(source.node for source in node.sources() if source.node not in known))
        sources[node.id] = found
        for source in found:
            consumers.setdefault(source, set()).add(node.id)
    chains: dict[str, list[str]] = {}
    for node_id, found in sources.items():
        node = logical.nodes[node_id]
        before = found[0] if len(found) == 1 else None
        joins = (
            before is not None
            and len(consumers[before]) == 1
            and not (node.map_depth or logical.nodes[before].map_depth or node.description.lazy_ports)
        )
        # A chain is known by its last node, so that each node finds the chain it continues.
        if joins and before is not None and len(chains[before]) < _LONGEST:
            chain = chains.pop(before)
            chain.append(node_id)
        else:
            chain = [node_id]
        chains[node_id] = chain
    order = {node_id: position for position, node_id in enumerate(sources)}
    ordered = sorted(chains.values(), key=lambda chain: order[chain[0]])
    return tuple(_stage(logical, chain) for chain in ordered)


#: Nodes in one stage, at most: what runs in one piece can't be spread or taken up in the middle.
_LONGEST = 64


def _stage(logical: LogicalPlan, chain: list[str]) -> Stage:
    resources: dict[str, float] = {}
    isolation = "thread"
    for node_id in chain:
        traits = logical.nodes[node_id].description.traits
        for name, amount in traits.resources.items():
            resources[name] = max(amount, resources.get(name, 0.0))
        if traits.isolation == "process":
            isolation = "process"
    return Stage(tuple(chain), resources, isolation)
