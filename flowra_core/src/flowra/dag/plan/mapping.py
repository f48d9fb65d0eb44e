"""Where a node maps over lists: an input declared as one item that receives a list.

Decided by types when the graph is planned: a source of type `List[T]` on a port that takes `T`, but no list, makes the
node run once for each item, and each of its outputs a list. Several mapped inputs go together item by item, and inputs
that are no lists are the same for every item. Lists of lists map level by level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flowra.dag.plan.logical import Constant, NodeOutput, PlannedNode
from flowra.dag.plan.varying import sample_of
from flowra.dag.port import Port
from flowra.exceptions import Problem
from flowra.type.fit import Fit, fit
from flowra.type.named import UnknownType
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.scalar import JSON, Anything

__all__ = ["item_type", "literal_depth", "nested", "refusal", "type_fit", "typed"]

#: Lists inside lists beyond this are a mistake, not a wish.
MAX_DEPTH = 8


class TypeFit(NamedTuple):
    """How a source fits a port.

    Attributes:
        fit: How one item does.
        depth: Over how many levels of lists the node has to map for it.
    """

    fit: Fit
    depth: int

    @property
    def plain(self) -> bool:
        """Whether it fits as it is."""
        return not self.depth and self.fit.kind != "refused"


def type_fit(source: ValueType, target: ValueType) -> TypeFit:
    """Return how a source fits a port, and over how many levels of lists the node has to map for it."""
    first = found = fit(source, target)
    depth = 0
    while found.kind == "refused" and isinstance(source, ListOf) and depth < MAX_DEPTH:
        source = source.item
        depth += 1
        found = fit(source, target)
    return TypeFit(first, 0) if found.kind == "refused" else TypeFit(found, depth)


def refusal(giver: str, source: ValueType, port: str, target: ValueType, found: Fit) -> str:
    """Return in words why what one gives can't go where another takes, naming both."""
    said = f"{giver} gives {source}, and {port} takes {target}"
    return said if found.why == f"{target} takes no {source}" else f"{said}: {found.why}"


def literal_depth(value: Any, port: Port) -> tuple[str | None, int]:
    """Return why a literal can't be given to a port (None if it can), and over how many levels of lists it maps."""
    reason = port.reason_against(value)
    if reason is None or not isinstance(value, list) or not value:
        return reason, 0
    depths = set()
    for item in value:
        inner, depth = literal_depth(item, port)
        if inner is not None:
            return reason, 0
        depths.add(depth)
    return (None, depths.pop() + 1) if len(depths) == 1 else (reason, 0)


def item_type(value_type: ValueType) -> ValueType | None:
    """Return the type of each item of a list that a port of a type takes as one value; None if it takes no list."""
    if isinstance(value_type, OptionalOf):
        return item_type(value_type.item)
    if isinstance(value_type, ListOf):
        return value_type.item
    if isinstance(value_type, UnionOf):
        return next((found for item in value_type.items if (found := item_type(item)) is not None), None)
    return value_type if isinstance(value_type, (Anything, JSON, UnknownType)) else None


def nested(value_type: ValueType, depth: int) -> ValueType:
    """Return a type inside as many lists."""
    for _ in range(depth):
        value_type = ListOf(value_type)
    return value_type


def typed(nodes: Mapping[str, PlannedNode], *, as_written: bool) -> tuple[dict[str, PlannedNode], list[Problem]]:
    """Return planned nodes with the levels over which each port maps, and what does not fit.

    Args:
        nodes: The nodes without subgraphs, in topological order. What can be seen within one graph was checked before;
            here the lists that run through the inputs of subgraphs show.
        as_written: Whether each literal stands in the node that takes it, where it was checked; otherwise some come
            through the inputs of the graph or of a subgraph.
    """
    found: dict[str, PlannedNode] = {}
    typing = _Typing(found)
    problems: list[Problem] = []
    for node in nodes.values():
        depths: dict[str, int] = {}
        for port, binding in node.links.items():
            target = _input(node, port)
            if type(binding) is NodeOutput and typing.plainly_fits(binding, target):
                continue
            problem, depth = typing.binding_depth(binding, target.value_type, f"nodes.{node.id}.inputs.{port}")
            problems += problem
            if depth:
                depths[port] = depth
        for port, literal in node.literals.items():
            if as_written and not isinstance(literal, list):
                continue
            reason, depth = literal_depth(sample_of(literal), _input(node, port))
            if reason:  # what stands in the node was checked before; what a graph input gives shows here
                problems.append(Problem(f"nodes.{node.id}.inputs.{port}", reason))
            if depth:
                depths[port] = depth
        if depths and node.description.lazy_ports:
            problems += _lazily_mapped(node, depths)
        planned = dataclasses.replace(node, depths=depths) if depths else node
        found[node.id] = planned
    return found, problems


def _lazily_mapped(node: PlannedNode, depths: Mapping[str, int]) -> Iterator[Problem]:
    """Yield the inputs over which a node would have to map before it is known whether they are computed at all."""
    lazy = {port for port in node.description.lazy_ports if port in node.links}
    known = max((depth for port, depth in depths.items() if port not in lazy), default=0)
    for port, depth in depths.items():
        if port in lazy and depth > known:
            yield Problem(
                f"nodes.{node.id}.inputs.{port}",
                "a list can't be gone through on an input that is only computed when it is asked for, since it would "
                "have to be there to know its items",
                "give a list of the same length to another input of the node too, as the one that it decides by",
            )


def _input(node: PlannedNode, name: str) -> Port:
    port = node.description.input(name)
    assert port is not None, "unknown ports are refused before"
    return port


class _Typing:
    """The types of the outputs of the nodes so far.

    Args:
        nodes: Those nodes, by id.
    """

    def __init__(self, nodes: Mapping[str, PlannedNode]) -> None:
        self._nodes = nodes
        # Links are many and their kinds few; descriptions and ports are told apart by their identity, which is quick.
        self._fitting: dict[tuple[int, str, int], bool] = {}

    def plainly_fits(self, output: NodeOutput, target: Port) -> bool:
        """Tell whether an output fits a port, and no list is mapped over."""
        source = self._nodes[output.node]
        if source.depths:
            return False
        kind = (id(source.description), output.port, id(target))
        known = self._fitting.get(kind)
        if known is None:
            known = self._fitting[kind] = type_fit(self._type(output), target.value_type).plain
        return known

    def _type(self, output: NodeOutput) -> ValueType:
        source = self._nodes[output.node]
        port = source.description.output(output.port)
        assert port is not None, "links to outputs that are not there were refused before"
        return nested(port.value_type, source.map_depth)

    def binding_depth(self, binding: Any, target: ValueType, place: str) -> tuple[list[Problem], int]:
        if isinstance(binding, NodeOutput):
            source = self._type(binding)
            found, depth = type_fit(source, target)
            if found.kind == "refused":
                return [Problem(place, refusal(str(binding), source, "it", target, found))], 0
            return [], depth
        item = item_type(target)
        inner = [self.binding_depth(each, target if item is None else item, place) for each in _items(binding)]
        deepest = max((depth for _, depth in inner), default=0)
        return [problem for problems, _ in inner for problem in problems], deepest + (item is None)


def _items(binding: Any) -> Iterator[Any]:
    return (item for item in binding if not isinstance(item, Constant))
