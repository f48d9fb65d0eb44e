"""Replaces each subgraph by its nodes, and each reference to a graph input by what the run gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from flowra.dag.graph import MISSING, GraphNode, InputRef, Link
from flowra.dag.graph.names import subgraph_name
from flowra.dag.graph.scope import Scope
from flowra.dag.plan.interface import Interfaces
from flowra.dag.plan.logical import Constant, NodeOutput, PlannedNode
from flowra.dag.plan.mapping import item_type
from flowra.dag.plan.varying import NOTHING_VARIES, Varied, Varying
from flowra.exceptions import GraphError
from flowra.type.model_reference import is_model_reference
from flowra.type.value.base import ValueType
from flowra.type.value.containers import OptionalOf
from flowra.type.value.media import MediaType
from flowra.type.value.model import Model
from flowra.type.value.scalar import File, Folder, is_url

__all__ = ["MAX_NODES", "expand", "given_by_run", "located"]

#: The most nodes that a graph may have once its subgraphs are expanded: a few lines can describe billions.
MAX_NODES = 1_000_000


@dataclass(frozen=True)
class _Given:
    """A value that a run gives for a graph input: relative paths in it are taken from the working directory."""

    value: Any


@dataclass(frozen=True)
class _Task:
    scope: Scope
    prefix: str
    bindings: Mapping[str, Any]


class _Expansion:
    def __init__(self, interfaces: Interfaces, folder: Path, varied: Varied) -> None:
        self.varied = varied
        self.interfaces = interfaces
        self.migrates = interfaces.migrates
        self.folder = folder
        self.nodes: dict[str, PlannedNode] = {}
        self.count = 0
        # Outputs of subgraphs, by what they stand for: ("outer", "port") is ("outer/inner", "port").
        self.aliases: dict[NodeOutput, NodeOutput] = {}

    def run(self, scope: Scope, given: Mapping[str, Any]) -> None:
        bindings = {
            name: self._top(name, _Given(given[name]) if name in given else declared.default)
            for name, declared in scope.graph.inputs.items()
        }
        pending = [_Task(scope, "", bindings)]
        while pending:
            task = pending.pop()
            # The last is expanded first, so that nodes keep the order in which the graph names them.
            pending += reversed(list(self._expand(task)))

    def _top(self, name: str, value: Any) -> Any:
        """Return what an input of the whole graph is bound to."""
        if name not in self.varied.inputs:
            return value
        return Varying(name, value.value if isinstance(value, _Given) else value)

    def _expand(self, task: _Task) -> Iterator[_Task]:
        for node in task.scope.graph.nodes.values():
            self.count += 1  # subgraphs count too: nested, they can be billions without a single node in them
            if self.count > MAX_NODES:
                raise GraphError(
                    f"the graph has more than {MAX_NODES:,} nodes once its subgraphs are expanded",
                    where=f"subgraph {task.prefix or '(top)'}",
                    fix="split it, or run it over a list of items instead of repeating its nodes",
                )
            name = subgraph_name(node.type)
            if name is None:
                self._plan(node, task)
                continue
            inner = task.scope.find(name)
            assert inner is not None, "unknown subgraphs are refused before"
            prefix = f"{task.prefix}{node.id}/"
            for output, link in inner.graph.outputs.items():
                self.aliases[NodeOutput(prefix[:-1], output)] = self.renamed(link, inner, prefix)
            bindings = {
                name: self._bound(node.inputs[name], task) if name in node.inputs else declared.default
                for name, declared in inner.graph.inputs.items()
            }
            if self.varied.ports and not task.prefix:
                bindings = {port: self._varied(node, port, value) for port, value in bindings.items()}
            yield _Task(inner, prefix, bindings)

    def renamed(self, link: Link, scope: Scope, prefix: str) -> NodeOutput:
        if not self.migrates:
            return NodeOutput(_within(prefix, link.node), link.port)
        node = scope.graph.nodes[link.node]
        description = self.interfaces.of(node, scope)
        assert description is not None, "unknown types are refused before"
        port = self.interfaces.renamed_output(node, link.port, description)
        return NodeOutput(_within(prefix, link.node), port)

    def _bound(self, value: Any, task: _Task) -> Any:
        """Return an input's value with links as node outputs and references as what they stand for."""
        if isinstance(value, Link):
            return self.renamed(value, task.scope, task.prefix)
        if isinstance(value, InputRef):
            return task.bindings[value.name]
        if isinstance(value, list):
            return [self._bound(item, task) for item in value]
        return value

    def _varied(self, node: GraphNode, port: str, value: Any) -> Any:
        """Return a value of a node at the top, or a stand-in if it varies."""
        return Varying(f"{node.id}.{port}", value) if (node.id, port) in self.varied.ports else value

    def _plan(self, node: GraphNode, task: _Task) -> None:
        description = self.interfaces.of(node, task.scope)
        assert description is not None, "unknown types are refused before"
        given_init, given = self.interfaces.arguments(node, description)
        literals: dict[str, Any] = {}
        links: dict[str, Any] = {}
        for name, written in given.items():
            if type(written) is Link:
                links[name] = self.renamed(written, task.scope, task.prefix)
                continue
            value = self._bound(written, task)
            port = description.input(name)
            assert port is not None, "unknown ports are refused before"
            if value is MISSING:
                continue  # an optional input of a subgraph that nobody gave: the node's own default holds
            if _has_outputs(value):
                links[name] = _frozen(value, port.value_type, self.folder)
            else:
                literals[name] = located(value, port.value_type, self.folder)
                if self.varied.ports and not task.prefix:
                    literals[name] = self._varied(node, name, literals[name])
        init: dict[str, Any] = {}
        if given_init:
            init = {
                port.name: located(given_init[port.name], port.value_type, self.folder)
                for port in description.init
                if port.name in given_init
            }
            if self.varied.ports and not task.prefix:
                init = {port: self._varied(node, port, value) for port, value in init.items()}
        identity = _within(task.prefix, node.id)
        self.nodes[identity] = PlannedNode(identity, description, init, literals, links)

    def resolve(self, output: NodeOutput) -> NodeOutput:
        """Follow the outputs of subgraphs to the node that really gives the value."""
        while (behind := self.aliases.get(output)) is not None:
            output = behind
        return output

    def resolved(self, binding: Any) -> Any:
        """Follow the outputs of subgraphs in what a linked port holds."""
        if isinstance(binding, NodeOutput):
            return self.resolve(binding)
        if isinstance(binding, tuple) and not isinstance(binding, Constant):
            return tuple(self.resolved(item) for item in binding)
        return binding


def expand(
    scope: Scope,
    interfaces: Interfaces,
    folder: Path,
    given: Mapping[str, Any],
    varied: Varied = NOTHING_VARIES,
) -> tuple[dict[str, PlannedNode], dict[str, NodeOutput]]:
    """Return the nodes of a graph without subgraphs, and its outputs.

    Args:
        scope: The graph; it was checked before.
        interfaces: What its nodes look like.
        folder: What relative paths in the graph are taken from.
        given: Values of the graph's inputs; relative paths in them are taken from the working directory.
        varied: What varies from item to item: a stand-in takes its place.
    """
    expansion = _Expansion(interfaces, folder, varied)
    expansion.run(scope, given)
    if expansion.aliases:
        for identity, node in expansion.nodes.items():
            if node.links:
                links = {port: expansion.resolved(binding) for port, binding in node.links.items()}
                expansion.nodes[identity] = PlannedNode(node.id, node.description, node.init, node.literals, links)
    outputs = {
        name: expansion.resolve(expansion.renamed(link, scope, "")) for name, link in scope.graph.outputs.items()
    }
    return expansion.nodes, outputs


def _within(prefix: str, node_id: str) -> str:
    # At the top the very same text: its hash is known already.
    return prefix + node_id if prefix else node_id


def _has_outputs(value: Any) -> bool:
    return isinstance(value, NodeOutput) or (isinstance(value, list) and any(map(_has_outputs, value)))


def _frozen(value: Any, value_type: ValueType, folder: Path) -> Any:
    if isinstance(value, NodeOutput):
        return value
    if isinstance(value, list) and _has_outputs(value):
        item = item_type(value_type) or value_type
        return tuple(_frozen(each, item, folder) for each in value)
    return Constant(located(value, value_type, folder))


def given_by_run(value: Any) -> Any:
    """Return a value so that `located` takes relative paths in it from the working directory."""
    return _Given(value)


def located(value: Any, value_type: ValueType, folder: Path) -> Any:
    """Return a literal with the relative paths in it taken from a folder, where the type says that text is a path."""
    if isinstance(value, Varying):
        return value  # located with each value that it stands for
    if isinstance(value, _Given):
        return located(value.value, value_type, Path.cwd())
    if isinstance(value_type, OptionalOf):
        return located(value, value_type.item, folder)
    if isinstance(value, list):
        item = item_type(value_type) or value_type
        return [located(each, item, folder) for each in value]
    if not value_type.reads_files or not isinstance(value, (str, PurePath)):
        return value
    if isinstance(value_type, (File, Folder)) and not value_type.exists:
        return value
    if isinstance(value, str) and (is_url(value) or (isinstance(value_type, Model) and is_model_reference(value))):
        return value
    path = Path(value).expanduser()
    located_path = path if path.is_absolute() else folder / path
    return str(located_path) if isinstance(value_type, MediaType) else located_path
