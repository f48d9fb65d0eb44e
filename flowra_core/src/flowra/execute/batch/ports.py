"""The ports of a node of a graph, by name, for those who set one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.graph.names import subgraph_name
from flowra.dag.plan.interface import input_port
from flowra.dag.port import Port
from flowra.exceptions import PluginError, UsageError, printable

__all__ = ["SHOWN", "NodePorts", "ports_of"]

#: The most characters of what was given that a message repeats before it says what is wrong with it.
SHOWN = 80


@dataclass(frozen=True)
class NodePorts:
    """The ports of a node that can be set.

    Attributes:
        node: The node's id.
        type: Its type.
        inputs: Those of `InputArgs`, or of a subgraph.
        init: Those of `InitArgs`.
    """

    node: str
    type: str
    inputs: Mapping[str, Port]
    init: Mapping[str, Port]

    def find(self, name: str) -> Port | None:
        """Return a port by name."""
        return self.inputs.get(name) or self.init.get(name)

    def unknown(self, port: str, *, where: str) -> UsageError:
        """Return the error for a port that is not there."""
        known = ", ".join([*self.inputs, *self.init]) or "none"
        return UsageError(
            f"{self.node} ({self.type}) has no port {printable(port, SHOWN)!r}", where=where, fix=f"its ports: {known}"
        )


def ports_of(graph: Graph, node_id: str, catalog: NodeCatalog, *, place: str) -> NodePorts | None:
    """Return the ports of a node; None where its type can't be had.

    Args:
        graph: The graph.
        node_id: The node.
        catalog: The node types at hand.
        place: What was written, for the error.

    Raises:
        UsageError: There is no such node.
    """
    node = graph.nodes.get(node_id)
    if node is None:
        known = ", ".join(list(graph.nodes)[:8]) or "none"
        raise UsageError(f"the graph has no node {printable(node_id, SHOWN)!r}", where=place, fix=f"its nodes: {known}")
    name = subgraph_name(node.type)
    if name is not None:
        inner = graph.subgraphs.get(name)
        if inner is None:
            return None
        return NodePorts(node_id, node.type, {each.name: input_port(each) for each in inner.inputs.values()}, {})
    try:
        description = catalog.brought(node.node_class) if node.node_class is not None else catalog.describe(node.type)
    except PluginError:
        return None
    return NodePorts(
        node_id,
        node.type,
        {port.name: port for port in description.inputs},
        {port.name: port for port in description.init},
    )
