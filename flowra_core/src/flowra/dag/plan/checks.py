"""Checks a graph against the installed packs: types, ports, literals, and whether links fit.

Everything is reported at once, each problem with its place; nothing of a pack is imported where its manifest is
enough.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.graph import MISSING, Graph, GraphNode, InputRef, Link, structural_problems
from flowra.dag.graph.order import source_ids, topological_order
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.scope import Scope, scopes
from flowra.dag.plan.interface import Interfaces, input_port
from flowra.dag.plan.mapping import item_type, literal_depth, nested, type_fit
from flowra.dag.port import Port
from flowra.exceptions import PluginError, Problem
from flowra.type.component_type import inner_type
from flowra.type.named import value_type_from_json
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf

__all__ = ["check"]


def check(graph: Graph, catalog: NodeCatalog) -> list[Problem]:
    """Return every mistake of a graph: those that show in the graph alone, and those that show against the packs."""
    problems = structural_problems(graph)
    interfaces = Interfaces(catalog)
    for scope in scopes(graph):
        problems += _ScopeCheck(scope, interfaces).problems()
    return problems


class _ScopeCheck:
    """The checks of one graph: the outermost, or a subgraph."""

    def __init__(self, scope: Scope, interfaces: Interfaces) -> None:
        self.scope = scope
        self.graph = scope.graph
        self.interfaces = interfaces
        self.inputs = {each.name: input_port(each) for each in self.graph.inputs.values()}
        # Over how many levels of lists each node maps, known once its own links were looked at.
        self.depths: dict[str, int] = {}

    def problems(self) -> Iterator[Problem]:
        yield from self._graph_inputs()
        # Sources first: what a node gives depends on whether it maps over a list. Nodes on a cycle come last.
        ordered = dict.fromkeys([*topological_order(source_ids(self.graph)), *self.graph.nodes])
        for node_id in ordered:
            yield from self._node(self.graph.nodes[node_id])
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
            arguments = self.interfaces.migrated(node, description)
        except PluginError as error:
            yield self._at((*path, "version"), error.what, error.fix)
            return
        yield from self._arguments(node, arguments.init, description.init, "init", f"{node.type} init")
        yield from self._arguments(node, arguments.inputs, description.inputs, "inputs", node.type)

    def _arguments(
        self, node: GraphNode, given: dict[str, Any], ports: tuple[Port, ...], role: str, owner: str
    ) -> Iterator[Problem]:
        path = ("nodes", node.id, role)
        known = {port.name: port for port in ports}
        for name, value in given.items():
            port = known.get(name)
            if port is None:
                yield self._at((*path, name), f"{owner} has no port {name!r}", _choices(name, known))
            else:
                yield from self._value(node, value, port, (*path, name))
        for port in ports:
            if port.required and port.name not in given:
                wanted = port.description or f"it takes {port.value_type}"
                yield self._at((*path, port.name), f"is missing: {wanted}", "give it a value or a link")

    def _value(self, node: GraphNode, value: Any, port: Port, path: KeyPath) -> Iterator[Problem]:
        if isinstance(value, (Link, InputRef)):
            yield from self._linked(node, value, port.value_type, port.name, path, 0)
        elif _holds_links(value):
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
            elif _holds_links(each):
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
            yield self._at(path, f"{giver} gives {source}, and {port} takes {target}: {fitted.why}")

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


def _holds_links(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, (Link, InputRef)) or _holds_links(each) for each in value)


def _choices(name: str, known: dict[str, Port] | dict[str, NodeDescription]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"it has {', '.join(known)}" if known else "it has none"
