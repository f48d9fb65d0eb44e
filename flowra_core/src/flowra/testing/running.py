"""Runs a node or a graph for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from flowra.dag.graph import Graph
from flowra.dag.node import Node
from flowra.execute.session import Run, Session
from flowra.execute.session.events import Event, Log, NodeSkipped

__all__ = ["NodeOutputs", "RunGraph", "RunNode", "graph_runner", "node_runner"]


class NodeOutputs(SimpleNamespace):
    """The outputs of one call of a node, as attributes.

    Attributes:
        ended: Why the node ended its branch, if it did; it has no outputs then.
    """

    ended: str | None

    def __getattr__(self, name: str) -> Any:
        ended = self.__dict__.get("ended")
        if ended is not None and not name.startswith("_"):
            raise AttributeError(f"there is no output {name}: the node ended its branch ({ended})")
        known = ", ".join(port for port in self.__dict__ if port != "ended") or "none"
        raise AttributeError(f"the node has no output {name}; it has: {known}")


class RunNode(Protocol):
    """Runs one node: `run_node(Blur, image=photo, radius=3).image`."""

    def __call__(self, node: type[Node] | str, init: Mapping[str, Any] | None = None, /, **inputs: Any) -> NodeOutputs:
        """Run a node, given by its class or its type id, and return its outputs.

        Args:
            node: The class, or the type id: `"image/Blur"`.
            init: Its `InitArgs`.
            **inputs: Its inputs by port.

        Raises:
            GraphInvalidError: There is no such port or type, or a literal is none of the port's.
            NodeFailedError: The node failed, or its outputs are not what it declares.
        """


class RunGraph(Protocol):
    """Runs a graph: `run_graph("examples/faces.json", photo="me.jpg")["picture"]`."""

    def __call__(self, graph: Graph | str | Path, /, **inputs: Any) -> Run:
        """Run a graph and return the run, which succeeded.

        Args:
            graph: The graph, or its file.
            **inputs: Values of the graph's inputs.

        Raises:
            GraphInvalidError: The graph has mistakes.
            NodeFailedError: The first failure.
        """


def node_runner(session: Session) -> RunNode:
    """Return what runs single nodes in a session."""

    def run_node(node: type[Node] | str, init: Mapping[str, Any] | None = None, /, **inputs: Any) -> NodeOutputs:
        graph = Graph("run_node")
        added = graph.add(node, init=init, inputs=inputs)
        description = session.catalog.describe(node) if isinstance(node, str) else node.describe()
        for port in description.outputs:
            graph.output(port.name, added[port.name])
        listener = _Listener()
        run = session.run(graph, observers=[listener]).raise_for_status()
        return NodeOutputs(**run.outputs, ended=listener.ended.get(added.id))

    return run_node


def graph_runner(session: Session) -> RunGraph:
    """Return what runs graphs in a session."""

    def run_graph(graph: Graph | str | Path, /, **inputs: Any) -> Run:
        made = graph if isinstance(graph, Graph) else Graph.load(graph)
        return session.run(made, inputs=inputs, observers=[_Listener()]).raise_for_status()

    return run_graph


class _Listener:
    """Prints what nodes log, so that pytest shows it with a test that fails, and notes which branches ended."""

    def __init__(self) -> None:
        self.ended: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Log):
            print(event.text)
        elif isinstance(event, NodeSkipped):
            self.ended[event.node] = event.reason
