"""What a node of a graph looks like from outside: a node class, or a subgraph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.dag.graph import MISSING, Graph, GraphInput, GraphNode
from flowra.dag.graph.names import subgraph_name
from flowra.dag.graph.scope import Scope
from flowra.dag.plan.migration import Migrated, migrated
from flowra.dag.port import Port
from flowra.exceptions import PluginError
from flowra.type.component_type import REQUIRED, component_for
from flowra.type.named import value_type_from_json
from flowra.type.value.base import ValueType
from flowra.type.value.scalar import Anything

__all__ = ["Interfaces", "input_port"]


@dataclass
class Interfaces:
    """Looks up what nodes look like, each type and subgraph once.

    Attributes:
        catalog: The node types at hand.
        errors: The types that can't be had, with the reason; they are looked up once, however many nodes have them.
    """

    catalog: NodeCatalog
    errors: dict[str, PluginError] = field(default_factory=dict)
    _described: dict[str | type, NodeDescription] = field(default_factory=dict)
    _subgraphs: dict[int, NodeDescription] = field(default_factory=dict)
    _migrated: dict[int, Migrated | PluginError] = field(default_factory=dict)

    def of(self, node: GraphNode, scope: Scope) -> NodeDescription | None:
        """Return what a node looks like, or None if its type can't be had (`errors` then says why)."""
        # The class itself, if it came with one: two classes of one name may be used side by side.
        asked = node.node_class if node.node_class is not None else node.type
        described = self._described.get(asked)
        if described is not None:
            return described
        name = subgraph_name(node.type)
        if name is not None:
            inner = scope.find(name)
            return None if inner is None else self._subgraph(node.type, inner)
        if node.type in self.errors:
            return None
        try:
            described = self._described[asked] = (
                self.catalog.describe(asked) if isinstance(asked, str) else self.catalog.brought(asked)
            )
        except PluginError as error:
            self.errors[node.type] = error
        return described

    def arguments(self, node: GraphNode, description: NodeDescription) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a node's `InitArgs` and inputs as its installed version takes them.

        Raises:
            PluginError: The graph is newer than the installed pack, or there is no way from the graph's version.
        """
        if node.version is None or node.version == description.version:
            return node.init, node.inputs
        found = self._migration(node, description)
        return found.init, found.inputs

    def _migration(self, node: GraphNode, description: NodeDescription) -> Migrated:
        known = self._migrated.get(id(node))
        if known is None:
            try:
                known = migrated(node, description, self.catalog)
            except PluginError as error:
                known = error
            self._migrated[id(node)] = known
        if isinstance(known, PluginError):
            raise known
        return known

    @property
    def migrates(self) -> bool:
        """Whether a node was written for another version of its type than the installed one; known after a check."""
        return bool(self._migrated)

    def output_type(self, node: GraphNode, port: str, scope: Scope) -> ValueType | None:
        """Return the type of an output, or None if node or port can't be had."""
        description = self.of(node, scope)
        if description is None:
            return None
        found = description.output(self.renamed_output(node, port, description))
        return found.value_type if found is not None else None

    def renamed_output(self, node: GraphNode, port: str, description: NodeDescription) -> str:
        """Return the present name of an output that a graph may name as an earlier version of the node did."""
        if node.version is None or node.version == description.version:
            return port
        try:
            return self._migration(node, description).outputs.get(port, port)
        except PluginError:
            return port

    def _subgraph(self, type_id: str, scope: Scope) -> NodeDescription:
        # A stack of our own: what one subgraph gives may come from the next, thousands deep.
        pending = [(type_id, scope)] if id(scope.graph) not in self._subgraphs else []
        while pending:
            name, inner = pending[-1]
            if id(inner.graph) not in self._subgraphs:
                # Without outputs at first: subgraphs that contain themselves are mistakes, and must not loop here.
                inputs = tuple(input_port(each) for each in inner.graph.inputs.values())
                self._subgraphs[id(inner.graph)] = NodeDescription(name, summary=inner.graph.description, inputs=inputs)
                pending += self._behind(inner)
            else:
                pending.pop()
                found = self._subgraphs[id(inner.graph)]
                self._subgraphs[id(inner.graph)] = replace(found, outputs=self._outputs(inner.graph, inner))
        return self._subgraphs[id(scope.graph)]

    def _behind(self, scope: Scope) -> Iterator[tuple[str, Scope]]:
        """Yield the subgraphs, not looked at yet, that outputs of a graph come from."""
        for link in scope.graph.outputs.values():
            source = scope.graph.nodes.get(link.node)
            name = subgraph_name(source.type) if source is not None else None
            inner = scope.find(name) if name is not None else None
            if source is not None and inner is not None and id(inner.graph) not in self._subgraphs:
                yield source.type, inner

    def _outputs(self, graph: Graph, scope: Scope) -> tuple[Port, ...]:
        ports = []
        for name, link in graph.outputs.items():
            source = graph.nodes.get(link.node)
            value_type = self.output_type(source, link.port, scope) if source is not None else None
            value_type = value_type if value_type is not None else Anything()
            ports.append(Port(name, value_type, component_for(value_type)))
        return tuple(ports)


def input_port(declared: GraphInput) -> Port:
    """Return a graph input as a port; a type that is not known counts as any."""
    try:
        value_type = value_type_from_json(declared.type)
    except ValueError:
        value_type = Anything()
    default = REQUIRED if declared.default is MISSING else declared.default
    return Port(declared.name, value_type, component_for(value_type), default, declared.description)
