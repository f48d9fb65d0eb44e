"""Writes graphs: to plain data, and to the one text that a graph has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flowra.dag.graph.files import write_whole
from flowra.dag.graph.model import FORMAT, MISSING, Graph, GraphInput, GraphNode
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.values import MAX_DEPTH, InputRef, Link, LiteralCopier, has_dollar_key
from flowra.exceptions import GraphError

__all__ = ["graph_to_json", "graph_to_text", "save_graph"]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def graph_to_json(graph: Graph) -> dict[str, Any]:
    """Return the graph as plain data; see `Graph.to_json`."""
    return _whole(_head(graph), _parts(graph, ()))


def graph_to_text(graph: Graph) -> str:
    """Return the text of the graph's file; see `Graph.to_text`."""
    return "".join(_text(graph))


def save_graph(graph: Graph, path: Path) -> None:
    """Write the graph's file; see `Graph.save`."""
    try:
        write_whole(path, _text(graph))
    except OSError as error:
        raise GraphError("the graph can't be saved", where=str(path), why=error.strerror or str(error)) from None


def _head(graph: Graph) -> dict[str, Any]:
    return {**({} if graph.schema is None else {"$schema": graph.schema}), "format": FORMAT}


def _parts(graph: Graph, path: KeyPath) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a graph; those that hold named things with an iterator of names and data."""
    if len(path) > 2 * MAX_DEPTH:
        why = f"subgraphs nested more than {MAX_DEPTH} levels deep"
        raise GraphError("the graph can't be saved", where=render_place(path[:2]), why=why)
    if graph.name:
        yield "name", _saved(graph.name, (*path, "name"))
    if graph.description:
        yield "description", _saved(graph.description, (*path, "description"))
    if graph.inputs:
        yield "inputs", ((name, _input(each, (*path, "inputs", name))) for name, each in graph.inputs.items())
    yield "nodes", ((name, _node(each, (*path, "nodes", name))) for name, each in graph.nodes.items())
    if graph.outputs:
        yield "outputs", ((name, {"$from": str(link)}) for name, link in graph.outputs.items())
    if graph.subgraphs:
        subgraphs = graph.subgraphs.items()
        yield "subgraphs", ((name, _parts(each, (*path, "subgraphs", name))) for name, each in subgraphs)
    if graph.ui is not None:
        yield "ui", _saved(graph.ui, (*path, "ui"))


def _input(declared: GraphInput, path: KeyPath) -> dict[str, Any]:
    data: dict[str, Any] = {"type": _saved(declared.type, (*path, "type"))}
    if declared.default is not MISSING:
        data["default"] = _saved_value(declared.default, (*path, "default"))
    if declared.description:
        data["description"] = _saved(declared.description, (*path, "description"))
    return data


def _node(node: GraphNode, path: KeyPath) -> dict[str, Any]:
    data: dict[str, Any] = {"type": node.type}
    if node.version is not None:
        data["version"] = node.version
    if node.init:
        data["init"] = {name: _saved_value(value, (*path, "init", name)) for name, value in node.init.items()}
    if node.inputs:
        data["inputs"] = {name: _saved_value(value, (*path, "inputs", name)) for name, value in node.inputs.items()}
    if node.ui is not None:
        data["ui"] = _saved(node.ui, (*path, "ui"))
    return data


class _SavedValues(LiteralCopier):
    """Turns the values of inputs to those of a file, where links are objects and literals that look alike quoted."""

    def copy(self, value: Any, path: KeyPath = (), depth: int = 0) -> Any:
        if isinstance(value, Link):
            return {"$from": str(value)}
        if isinstance(value, InputRef):
            return {"$input": value.name}
        return super().copy(value, path, depth)

    def copy_object(self, value: dict[Any, Any], path: KeyPath, depth: int) -> Any:
        outermost = not any(isinstance(key, str) for key in path)
        copier = self if not outermost else LiteralCopier()
        copy = LiteralCopier.copy_object(copier, value, path, depth)
        if copier is not self:
            self.flaws.extend(copier.flaws)
        return {"$literal": copy} if outermost and has_dollar_key(copy) else copy


def _saved_value(value: Any, path: KeyPath) -> Any:
    kind = type(value)
    if kind is Link:  # most inputs are links, and a run's journal keeps the whole graph
        return {"$from": str(value)}
    if kind is int or kind is bool:
        return value
    return _finished(_SavedValues(), value, path)


def _saved(value: Any, path: KeyPath) -> Any:
    return _finished(LiteralCopier(), value, path)


def _finished(copier: LiteralCopier, value: Any, path: KeyPath) -> Any:
    copy = copier.copy(value)
    if copier.flaws:
        inside, reason, fix = copier.flaws[0]
        raise GraphError("the graph can't be saved", where=render_place((*path, *inside)), why=reason, fix=fix)
    return copy


def _whole(data: dict[str, Any], parts: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in parts:
        if key == "subgraphs":
            data[key] = {name: _whole({}, inner) for name, inner in value}
        else:
            data[key] = value if isinstance(value, str | dict) else dict(value)
    return data


def _text(graph: Graph) -> Iterator[str]:
    yield from _graph_text(_head(graph), _parts(graph, ()), "")
    yield "\n"


def _graph_text(head: Mapping[str, Any], parts: Iterable[tuple[str, Any]], indent: str) -> Iterator[str]:
    """Yield the text of a graph: a line for each input and output, port and argument; what is inside them on it."""
    inner = f"{indent}  "
    start = "{\n"
    for key, value in head.items():
        yield f"{start}{inner}{_encode(key)}: {_encode(value)}"
        start = ",\n"
    for key, value in parts:
        yield f"{start}{inner}{_encode(key)}: "
        if key == "nodes":
            yield from _items_text(value, inner, _node_text)
        elif key == "subgraphs":
            yield from _items_text(value, inner, lambda data, indent: _graph_text({}, data, indent))
        elif isinstance(value, str | dict):
            yield _encode(value)
        else:
            yield from _items_text(value, inner, _line_text)
        start = ",\n"
    yield f"\n{indent}}}"


def _items_text(
    items: Iterable[tuple[str, Any]], indent: str, text: Callable[[Any, str], Iterable[str]]
) -> Iterator[str]:
    inner = f"{indent}  "
    start = "{\n"
    for key, value in items:
        yield f"{start}{inner}{_encode(key)}: "
        yield from text(value, inner)
        start = ",\n"
    yield "{}" if start == "{\n" else f"\n{indent}}}"


def _line_text(data: Any, _: str) -> Iterator[str]:
    yield _encode(data)


def _node_text(data: dict[str, Any], indent: str) -> Iterator[str]:
    inner = f"{indent}  "
    start = "{\n"
    for key, value in data.items():
        yield f"{start}{inner}{_encode(key)}: "
        if key in ("init", "inputs"):
            yield from _items_text(value.items(), inner, _line_text)
        else:
            yield _encode(value)
        start = ",\n"
    yield f"\n{indent}}}"
