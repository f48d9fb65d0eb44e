"""One plan for all items of a batch: checked once, with what varies left open.

For each item only the values that vary are checked and put in. Nodes that don't depend on the item are planned, and
run, once; nodes that depend on a part of what varies are shared by the items that have this part in common.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flowra.dag.plan.expansion import given_by_run, located
from flowra.dag.plan.logical import Constant, LogicalPlan, NodeOutput, PlannedNode, outputs_in
from flowra.dag.plan.mapping import item_type, literal_depth
from flowra.dag.plan.merging import is_plain
from flowra.dag.plan.planner import outputs_of
from flowra.dag.plan.varying import holds_varying, names_in, sample_of, with_values
from flowra.dag.port import Port
from flowra.exceptions import GraphInvalidError, Problem
from flowra.type.value.base import ValueType

__all__ = ["BatchTemplate", "Filled", "OpenNode"]

#: How many nodes with `InitArgs` of their own are remembered.
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Filled:
    """A node with an item's values put in.

    Attributes:
        node: The planned node.
        literals: The values of this item, in place of those that the node has.
    """

    node: PlannedNode
    literals: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class OpenNode:
    """A node that depends on what varies, itself or through what it takes.

    Attributes:
        node: The node, with the samples that the graph was planned by.
        literals: The ports whose literals vary, with stand-ins.
        init: The arguments that vary, with stand-ins.
        links: The links that hold literals that vary.
        axes: Which axes it depends on: the source of items (0) and those of the sweep (1, 2, …).
        eager: The nodes that it takes values from at once.
        lazy: The nodes behind its lazy inputs alone.
    """

    node: PlannedNode
    literals: Mapping[str, Any]
    init: Mapping[str, Any]
    links: Mapping[str, Any]
    axes: tuple[int, ...]
    eager: tuple[str, ...]
    lazy: tuple[str, ...]

    @property
    def filled(self) -> bool:
        """Whether values are put into it."""
        return bool(self.literals or self.init or self.links)

    @property
    def planned_anew(self) -> bool:
        """Whether it has to be another planned node for each item, since more depends on its values than one call."""
        return bool(self.links or (self.literals and self.node.description.traits.fingerprinted))


class BatchTemplate:
    """A plan with what varies left open.

    Args:
        plan: The plan of the graph with stand-ins.
        lengths: How many values each axis has; 0 for the source of items, whose number need not be known.
        axis_of: The axis of each name that varies.
        declared: The inputs of the graph that vary, as ports.
        besides: Outputs that are asked for besides the graph's own.

    Attributes:
        plan: The whole plan, with samples.
        wanted: Which outputs are asked for, by name.
        exported: Those of them that are the graph's own.
        open: The nodes that depend on what varies, in topological order.
        lengths: How many values each axis has.
    """

    def __init__(
        self,
        plan: LogicalPlan,
        lengths: Sequence[int],
        axis_of: Mapping[str, int],
        declared: Mapping[str, Port],
        besides: Mapping[str, NodeOutput] | None = None,
    ) -> None:
        self.lengths = tuple(lengths)
        self._declared = declared
        found: dict[str, OpenNode] = {}
        nodes: dict[str, PlannedNode] = {}
        for node in plan.nodes.values():
            opened = _opened(node, found, axis_of)
            nodes[node.id] = node if opened is None else opened.node
            if opened is not None:
                found[node.id] = opened
        self.open = tuple(found.values())
        self.plan = dataclasses.replace(plan, nodes=nodes)
        self.exported = outputs_of(self.plan)
        self.wanted = {**self.exported, **(besides or {})}
        self._folder = plan.folder
        self._initialised: dict[tuple[str, str], PlannedNode] = {}

    @cached_property
    def closed(self) -> LogicalPlan:
        """The part of the plan that is the same for all items."""
        varying = {each.node.id for each in self.open}
        nodes = {name: node for name, node in self.plan.nodes.items() if name not in varying}
        return dataclasses.replace(self.plan, nodes=nodes, outputs={}, targets=self.plan.targets & nodes.keys())

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """The nodes that have to end for an item to be done: those asked for, and those nobody takes anything from."""
        taken = {source.node for node in self.plan.nodes.values() for source in node.sources()}
        asked = {output.node for output in self.wanted.values()}
        varying = {each.node.id for each in self.open}
        ends = [
            name
            for name in self.plan.nodes
            if name in asked or (name in varying and (name not in taken or name in self.plan.targets))
        ]
        return tuple(ends)

    @cached_property
    def closed_roots(self) -> tuple[str, ...]:
        """The nodes that are the same for all items, and run even if no item takes anything from them."""
        taken = {source.node for node in self.plan.nodes.values() for source in node.sources()}
        return tuple(name for name in self.closed.nodes if name not in taken or name in self.plan.targets)

    @cached_property
    def border(self) -> tuple[str, ...]:
        """The nodes that are the same for all items, and that items take something from."""
        taken = {source for each in self.open for source in (*each.eager, *each.lazy)}
        return tuple(name for name in self.closed.nodes if name in taken or name in self.ends)

    def shares(self, node: OpenNode) -> int | None:
        """Return how many items share what a node gives for one of them; None if nobody counts them.

        1 is a node of the item alone.
        """
        if 0 not in node.axes and self.lengths[0] != 1:
            return None
        shared = 1
        for axis, length in enumerate(self.lengths):
            if axis not in node.axes:
                shared *= max(length, 1)
        return shared

    def fill(self, values: Mapping[str, Any], of_graph: Set[str] = frozenset()) -> dict[str, Filled]:
        """Put an item's values in.

        Args:
            values: By `input` or `node.port`, one for each name that varies.
            of_graph: The names whose values the graph has: relative paths in them are taken from its folder, in the
                others from the working directory.

        Raises:
            GraphInvalidError: Values can't be used; carries all that can't.
        """
        filled: dict[str, Filled] = {}
        given = {name: value if name in of_graph else given_by_run(value) for name, value in values.items()}
        problems = [
            Problem(name, reason)
            for name, port in self._declared.items()
            if (reason := port.reason_against(values[name])) is not None
        ]
        for each in self.open:
            if each.filled:
                filled[each.node.id] = self._filled(each, values, given, problems)
        if problems:
            raise GraphInvalidError(
                f"the item can't be run: {len(problems)} mistakes" if len(problems) > 1 else "the item can't be run",
                list(dict.fromkeys(problems)),
            )
        return filled

    def _filled(
        self, each: OpenNode, values: Mapping[str, Any], given: Mapping[str, Any], problems: list[Problem]
    ) -> Filled:
        node = each.node
        literals: dict[str, Any] = {}
        for name, open_literal in each.literals.items():
            port = node.description.input(name)
            assert port is not None, "unknown ports are refused before"
            plain = with_values(open_literal, lambda varying: values[varying.name])
            reason, depth = literal_depth(plain, port)
            if reason is not None:
                problems.append(Problem(", ".join(names_in(open_literal)), reason))
            elif depth != node.depths.get(name, 0):
                reason = "is a list where the first item's is none, or is none"
                problems.append(Problem(", ".join(names_in(open_literal)), reason))
            else:
                literals[name] = self._put_in(open_literal, port.value_type, given)
        init: dict[str, Any] = {}
        for name, argument in each.init.items():
            port = next(each for each in node.description.init if each.name == name)
            reason = port.reason_against(with_values(argument, lambda varying: values[varying.name]))
            if reason is not None:
                problems.append(Problem(", ".join(names_in(argument)), reason))
            else:
                init[name] = self._put_in(argument, port.value_type, given)
        if init:
            node = self._with_init(node, init)
        if not each.planned_anew:
            return Filled(node, literals)
        types = {port.name: port.value_type for port in node.description.inputs}
        links = {name: self._linked(binding, types[name], given) for name, binding in each.links.items()}
        own = dataclasses.replace(node, literals={**node.literals, **literals}, links={**node.links, **links})
        return Filled(own, None)

    def _with_init(self, node: PlannedNode, init: Mapping[str, Any]) -> PlannedNode:
        """Return a node with other `InitArgs`: the same one for the same, since its calls share an instance."""
        if not all(map(is_plain, init.values())):
            return dataclasses.replace(node, init={**node.init, **init})
        key = node.id, repr(sorted(init.items()))
        found = self._initialised.get(key)
        if found is None:
            if len(self._initialised) >= _REMEMBERED:
                self._initialised.clear()
            found = self._initialised[key] = dataclasses.replace(node, init={**node.init, **init})
        return found

    def _put_in(self, open_literal: Any, value_type: ValueType, given: Mapping[str, Any]) -> Any:
        return located(with_values(open_literal, lambda varying: given[varying.name]), value_type, self._folder)

    def _linked(self, binding: Any, value_type: ValueType, given: Mapping[str, Any]) -> Any:
        """Return what a port is linked to with values put into the literals in it."""
        if isinstance(binding, Constant):
            return Constant(self._put_in(binding.value, value_type, given))
        if isinstance(binding, tuple) and not isinstance(binding, NodeOutput):
            item = item_type(value_type) or value_type
            return tuple(self._linked(each, item, given) for each in binding)
        return binding


def _opened(node: PlannedNode, before: Mapping[str, OpenNode], axis_of: Mapping[str, int]) -> OpenNode | None:
    """Return a node as one that depends on what varies; None if it does not."""
    literals = {name: value for name, value in node.literals.items() if holds_varying(value)}
    init = {name: value for name, value in node.init.items() if holds_varying(value)}
    links = {name: binding for name, binding in node.links.items() if any(True for _ in _constants(binding))}
    axes = {axis_of[name] for value in (*literals.values(), *init.values()) for name in names_in(value)}
    axes |= {axis_of[name] for binding in links.values() for each in _constants(binding) for name in names_in(each)}
    for source in node.sources():
        if source.node in before:
            axes.update(before[source.node].axes)
    if not axes:
        return None
    lazy_ports = node.description.lazy_ports
    eager = _sources(binding for port, binding in node.links.items() if port not in lazy_ports)
    lazy = _sources(binding for port, binding in node.links.items() if port in lazy_ports)
    sampled = dataclasses.replace(
        node,
        literals={name: sample_of(value) for name, value in node.literals.items()} if literals else node.literals,
        init={name: sample_of(value) for name, value in node.init.items()} if init else node.init,
        links={name: _with_samples(binding) for name, binding in node.links.items()} if links else node.links,
    )
    return OpenNode(
        sampled,
        literals,
        init,
        links,
        tuple(sorted(axes)),
        eager,
        tuple(each for each in lazy if each not in eager),
    )


def _sources(bindings: Iterator[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(output.node for binding in bindings for output in outputs_in(binding)))


def _constants(binding: Any) -> Iterator[Any]:
    """Yield the literals in a list of links that vary."""
    if isinstance(binding, Constant):
        if holds_varying(binding.value):
            yield binding.value
    elif isinstance(binding, tuple) and not isinstance(binding, NodeOutput):
        for each in binding:
            yield from _constants(each)


def _with_samples(binding: Any) -> Any:
    if isinstance(binding, Constant):
        return Constant(sample_of(binding.value))
    if isinstance(binding, tuple) and not isinstance(binding, NodeOutput):
        return tuple(map(_with_samples, binding))
    return binding
