"""What the Python builder checks of what it is given; `model` asks it before anything enters a graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowra.dag.graph.names import MAX_NAME_LENGTH, name_fault, shorten, type_fault
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.values import Flaw, InputRef, Link, LiteralCopier
from flowra.exceptions import GraphError

if TYPE_CHECKING:
    from flowra.dag.graph.model import Graph

__all__ = ["base_id", "checked_inputs", "checked_literal", "checked_name", "own_link", "type_of"]

_word_starts = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_not_in_ids = re.compile(r"[^A-Za-z0-9_-]+")


def checked_name(name: Any, what: str) -> str:
    """Return the name, or raise GraphError saying what is wrong with it."""
    if fault := name_fault(name):
        raise GraphError(f"that can't be the name of {what}", where=shorten(name), why=fault)
    return str(name)


def type_of(node: Any) -> tuple[str, int | None, type | None]:
    """Return type id, version and class of what `Graph.add` was given: a type id or a node class."""
    if isinstance(node, str):
        node_type, version, cls = node, None, None
    elif isinstance(node, type) and callable(getattr(node, "type_id", None)):
        declared = getattr(node, "version", None)
        version = declared if type(declared) is int else None
        node_type, cls = node.type_id(), node  # type: ignore[attr-defined]
    else:
        given = f"the class {node.__qualname__}" if isinstance(node, type) else shorten(node)
        raise GraphError(
            "a node is added by its type or its class",
            why=f"{given} is neither a node type nor a subclass of flowra.dag.node.Node",
            fix='for example graph.add("image/Resize", …)',
        )
    if fault := type_fault(node_type):
        raise GraphError("there can't be such a node type", where=shorten(node_type), why=fault)
    return node_type, version, cls


def base_id(node_type: str) -> str:
    """Return the id that a node of a type gets by itself: `detect_faces` for `image/DetectFaces`."""
    word = _word_starts.sub("_", node_type.rpartition("/")[2])
    return _not_in_ids.sub("_", word).lower()[: MAX_NAME_LENGTH - 20]  # leaves room for a number


def checked_inputs(graph: Graph, node_id: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a node as the graph holds them: own copies of literals, links without their graph."""
    checked: dict[str, Any] = {}
    for port, value in inputs.items():
        place: KeyPath = ("nodes", node_id, "inputs", port if isinstance(port, str) else "?")
        if fault := name_fault(port):
            raise GraphError("that can't be the name of a port", where=render_place(place), why=fault)
        copier = _InputCopier(graph)
        checked[port] = copier.copy(value)
        _raise_first(copier.flaws, place, "That can't be the value of an input")
    return checked


def checked_literal(value: Any, place: KeyPath, *, in_memory: bool) -> Any:
    """Return an own copy of a literal, or raise GraphError saying what JSON has no place for."""
    copier = LiteralCopier(in_memory=in_memory)
    copy = copier.copy(value)
    _raise_first(copier.flaws, place, "That can't be a value in a graph")
    return copy


def own_link(graph: Graph, link: Any, place: KeyPath) -> Link:
    """Return a link as the graph holds it, or raise GraphError if it is none of its own."""
    if not isinstance(link, Link):
        flaw = _no_value(link) or Flaw((), f"{shorten(link)} is no link", 'give the port of a node: node["image"]')
        _raise_first([flaw], place, "An output of a graph is the output of a node")
    copier = _InputCopier(graph)
    copy = copier.copy(link)
    _raise_first(copier.flaws, place, "That can't be an output of the graph")
    return copy  # type: ignore[no-any-return]


def _raise_first(flaws: list[Flaw], place: KeyPath, what: str) -> None:
    if flaws:
        path, reason, fix = flaws[0]
        raise GraphError(what, where=render_place((*place, *path)), why=reason, fix=fix)


def _no_value(value: Any) -> Flaw | None:
    from flowra.dag.graph.model import GraphNode

    if isinstance(value, GraphNode):
        return Flaw((), f"the node {value.id!r} is no value, its outputs are", f'name the port: {value.id}["image"]')
    return None


class _InputCopier(LiteralCopier):
    """Copies the value of an input: as literals are, with links and references where they may stand."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(in_memory=True)
        self.graph = graph

    def copy(self, value: Any, path: KeyPath = (), depth: int = 0) -> Any:
        if isinstance(value, Link):
            self._check(value, path, f"the node {value.node!r}")
            for name in (value.node, value.port):
                if fault := name_fault(name):
                    self.flaws.append(Flaw(path, fault))
            return Link(value.node, value.port)
        if isinstance(value, InputRef):
            self._check(value, path, f"the input {value.name!r}")
            if fault := name_fault(value.name):
                self.flaws.append(Flaw(path, fault))
            return InputRef(value.name)
        if flaw := _no_value(value):
            self.flaws.append(flaw._replace(path=path))
            return None
        return super().copy(value, path, depth)

    def _check(self, value: Link | InputRef, path: KeyPath, what: str) -> None:
        if value.graph is not None and value.graph is not self.graph:
            other = f"of the graph {value.graph.name!r}" if value.graph.name else "of another graph"
            fix = "add the node to this graph, or make the other graph a subgraph of it"
            self.flaws.append(Flaw(path, f"{what} is one {other}", fix))
        if any(isinstance(key, str) for key in path):
            fix = "links stand alone or in lists; give the node a list, or a node that makes the object"
            self.flaws.append(Flaw(path, "a link can't stand inside an object", fix))
