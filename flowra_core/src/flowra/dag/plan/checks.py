"""Checks a graph against the installed packs: types, ports, literals, and whether links fit.

Everything is reported at once, each problem with its place; nothing of a pack is imported where its manifest is
enough.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.graph import MISSING, Graph, GraphNode, InputRef, Link, structural_problems
from flowra.dag.graph.order import is_in_order, source_ids, topological_order
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.scope import Scope, scopes
from flowra.dag.plan.interface import Interfaces, input_port
from flowra.dag.plan.mapping import item_type, literal_depth, nested, refusal, type_fit
from flowra.dag.port import Port
from flowra.exceptions import PluginError, Problem
from flowra.type.component_type import inner_type
from flowra.type.named import value_type_from_json
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf

__all__ = ["Checked", "check", "checked", "holds_links"]


class Checked(NamedTuple):
    """What came of checking a graph.

    Attributes:
        problems: Every mistake: those that show in the graph alone, and those that show against the packs.
        interfaces: What its nodes look like.
        maps: Whether a node maps over a list that stands, or is given by a node, in the same graph as the node.
    """

    problems: list[Problem]
    interfaces: Interfaces
    maps: bool


def checked(graph: Graph, catalog: NodeCatalog) -> Checked:
    """Check a graph against the packs at hand."""
    problems = structural_problems(graph)
    interfaces = Interfaces(catalog)
    maps = False
    for scope in scopes(graph):
        checking = _ScopeCheck(scope, interfaces)
        problems += checking.problems()
        maps = maps or bool(checking.depths)
    return Checked(problems, interfaces, maps)


def check(graph: Graph, catalog: NodeCatalog) -> list[Problem]:
    """Return every mistake of a graph."""
    return checked(graph, catalog).problems


class _Declared(NamedTuple):
    """Ports by their names, and those that must be given."""

    by_name: dict[str, Port]
    required: tuple[Port, ...]


class _ScopeCheck:
    """The checks of one graph: the outermost, or a subgraph."""

    def __init__(self, scope: Scope, interfaces: Interfaces) -> None:
        self.scope = scope
        self.graph = scope.graph
        self.interfaces = interfaces
        self.inputs = {each.name: input_port(each) for each in self.graph.inputs.values()}
        # Over how many levels of lists each node maps, known once its own links were looked at.
        self.depths: dict[str, int] = {}
        # Nodes are many and kinds of links few. Ports are told apart by their identity, which is quick; the interfaces
        # keep them.
        self._declared: dict[int, _Declared] = {}
        self._fitting: dict[tuple[str, int | None, str, int], bool] = {}

    def problems(self) -> Iterator[Problem]:
        yield from self._graph_inputs()
        for node in _sources_first(self.graph):
            yield from self._node(node)
        for name, link in self.graph.outputs.items():
            yield from self._source(link, ("outputs", name))

    def _at(self, path: Iterable[str | int], reason: str, fix: str | None = None) -> Problem:
        return Problem(render_place((*self.scope.path, *path)), reason, fix)

    def _graph_inputs(self) -> Iterator[Problem]:
        for declared in self.graph.inputs.values():
            try:
                value_type_from_json(declared.type)
            except ValueError as error:
                yield self._at(("inputs", declared.name, "type"), str(error))
                continue
            if declared.default is not MISSING:
                reason = self.inputs[declared.name].reason_against(declared.default)
                if reason:
                    yield self._at(("inputs", declared.name, "default"), reason)

    def _node(self, node: GraphNode) -> Iterator[Problem]:
        path = ("nodes", node.id)
        description = self.interfaces.of(node, self.scope)
        if description is None:
            error = self.interfaces.errors.get(node.type)
            if error is not None:  # without one it is an unknown subgraph, which was reported with the structure
                yield self._at((*path, "type"), error.what + (f": {error.why}" if error.why else ""), error.fix)
            return
        try:
            init, inputs = self.interfaces.arguments(node, description)
        except PluginError as error:
            yield self._at((*path, "version"), error.what, error.fix)
            return
        if init or description.init:
            yield from self._arguments(node, init, description.init, "init")
        yield from self._arguments(node, inputs, description.inputs, "inputs")

    def _arguments(
        self, node: GraphNode, given: dict[str, Any], ports: tuple[Port, ...], role: str
    ) -> Iterator[Problem]:
        declared = self._declared.get(id(ports))
        if declared is None:
            required = tuple(port for port in ports if port.required)
            declared = self._declared[id(ports)] = _Declared({port.name: port for port in ports}, required)
        path = ("nodes", node.id, role)
        for name, value in given.items():
            port = declared.by_name.get(name)
            if port is None:
                owner = node.type if role == "inputs" else f"{node.type} {role}"
                yield self._at((*path, name), f"{owner} has no port {name!r}", _choices(name, declared.by_name))
            elif not (isinstance(value, Link) and self._plainly_fits(value, port)):
                yield from self._value(node, value, port, (*path, name))
        for port in declared.required:
            if port.name not in given:
                wanted = port.description or f"it takes {port.value_type}"
                yield self._at((*path, port.name), f"is missing: {wanted}", "give it a value or a link")

    def _plainly_fits(self, link: Link, port: Port) -> bool:
        """Tell whether a link is right, and no list is mapped over; if not, it is to be looked at closely."""
        source = self.graph.nodes.get(link.node)
        if source is None or link.node in self.depths:
            return False
        kind = (source.type, source.version, link.port, id(port))
        known = self._fitting.get(kind)
        if known is None:
            description = self.interfaces.of(source, self.scope)
            current = description is not None and source.version in (None, description.version)
            given = description.output(link.port) if description is not None and current else None
            known = given is not None and type_fit(given.value_type, port.value_type).plain
            self._fitting[kind] = known
        return known

    def _value(self, node: GraphNode, value: Any, port: Port, path: KeyPath) -> Iterator[Problem]:
        if isinstance(value, (Link, InputRef)):
            yield from self._linked(node, value, port.value_type, port.name, path, 0)
        elif holds_links(value):
            yield from self._list(node, value, port.value_type, port.name, path, 0)
        else:
            reason, depth = literal_depth(value, port)
            self._maps(node, depth)
            if reason:
                yield self._at(path, reason)

    def _list(
        self, node: GraphNode, value: list[Any], value_type: ValueType, port: str, path: KeyPath, depth: int
    ) -> Iterator[Problem]:
        inner = inner_type(value_type)
        if isinstance(inner, ListOf) and (reason := inner.reason_against_length(len(value))):
            yield self._at(path, reason)
        item = item_type(inner)
        if item is None:
            item, depth = value_type, depth + 1
            self._maps(node, depth)
        for index, each in enumerate(value):
            place = (*path, index)
            if isinstance(each, (Link, InputRef)):
                yield from self._linked(node, each, item, port, place, depth)
            elif holds_links(each):
                yield from self._list(node, each, item, port, place, depth)
            elif reason := item.accepts_literal(each):
                yield self._at(place, reason)

    def _linked(
        self, node: GraphNode, value: Link | InputRef, target: ValueType, port: str, path: KeyPath, depth: int
    ) -> Iterator[Problem]:
        if isinstance(value, InputRef):
            declared = self.inputs.get(value.name)
            if declared is None:
                return
            source, giver = declared.value_type, f"the graph input {value.name}"
        else:
            yield from self._source(value, path)
            origin = self.graph.nodes.get(value.node)
            found = self.interfaces.output_type(origin, value.port, self.scope) if origin is not None else None
            if found is None:
                return
            source, giver = nested(found, self.depths.get(value.node, 0)), str(value)
        fitted, levels = type_fit(source, target)
        self._maps(node, levels + depth)
        if fitted.kind == "refused":
            yield self._at(path, refusal(giver, source, port, target, fitted))

    def _maps(self, node: GraphNode, depth: int) -> None:
        if depth:
            self.depths[node.id] = max(depth, self.depths.get(node.id, 0))

    def _source(self, link: Link, path: KeyPath) -> Iterator[Problem]:
        node = self.graph.nodes.get(link.node)
        description = self.interfaces.of(node, self.scope) if node is not None else None
        if node is None or description is None:
            return  # a dangling link or an unknown type, reported where it stands
        name = self.interfaces.renamed_output(node, link.port, description)
        if description.output(name) is None:
            known = {port.name: port for port in description.outputs}
            yield self._at(path, f"{link.node} ({node.type}) has no output {link.port!r}", _choices(link.port, known))


def _sources_first(graph: Graph) -> Iterable[GraphNode]:
    """Return the nodes, each after those it takes values from: what they give depends on whether they map over lists.

    Nodes on a cycle come last.
    """
    if is_in_order(graph):
        return graph.nodes.values()
    order = topological_order(source_ids(graph))
    return [graph.nodes[each] for each in dict.fromkeys([*order, *graph.nodes])]


def holds_links(value: Any) -> bool:
    """Tell whether a value is a list with links in it."""
    return isinstance(value, list) and any(isinstance(each, (Link, InputRef)) or holds_links(each) for each in value)


def _choices(name: str, known: dict[str, Port] | dict[str, NodeDescription]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"it has {', '.join(known)}" if known else "it has none"
