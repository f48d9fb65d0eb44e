"""Reads graph files: the text, or the plain data in it, to a `Graph`; every mistake is collected with its place.

What is looked for here is whether the file says something at all. Whether its links lead somewhere is the question
of `checks`, and whether the types exist and fit that of the logical plan.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowra.dag.graph.file_values import FileValues
from flowra.dag.graph.json_text import RepeatedKeysObject, parse_json
from flowra.dag.graph.locator import lines_of
from flowra.dag.graph.model import FORMAT, MISSING, Graph, GraphInput, GraphNode
from flowra.dag.graph.names import name_fault, nearest, shorten, type_fault
from flowra.dag.graph.places import KeyPath, render_place
from flowra.dag.graph.values import MAX_DEPTH, Flaw, Link
from flowra.exceptions import GraphInvalidError, Problem

__all__ = ["GRAPH_KEYS", "INPUT_KEYS", "NODE_KEYS", "TOP_KEYS", "Reading", "read_graph"]

#: The keys of a graph, in the order in which they are written.
GRAPH_KEYS = ("name", "description", "inputs", "nodes", "outputs", "subgraphs", "ui")
#: The keys that the outermost graph has besides.
TOP_KEYS = ("$schema", "format", *GRAPH_KEYS)
#: The keys of a graph input.
INPUT_KEYS = ("type", "default", "description")
#: The keys of a node.
NODE_KEYS = ("type", "version", "init", "inputs", "ui")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a graph.

    Attributes:
        graph: The graph, with what could be read of it.
        problems: Every mistake, each with its place, and its line where there is a file.
        text: The text it was read from, or None if there was none, or none that could be read.
        where: The file, for messages.
    """

    graph: Graph
    problems: tuple[Problem, ...]
    text: str | None = None
    where: str | None = None

    def graph_or_raise(self) -> Graph:
        """Return the graph, or raise GraphInvalidError if anything was wrong."""
        if self.problems:
            count = len(self.problems)
            what = "the graph has a mistake" if count == 1 else f"the graph has {count:,} mistakes"
            if self.text is None and self.where is not None:
                what = "The graph can't be read"
            raise GraphInvalidError(what, self.problems, where=self.where)
        return self.graph


def read_graph(source: str | bytes | Mapping[str, Any], *, where: str | None = None) -> Reading:
    """Read a graph from the text of a file, or from the plain data in it; mistakes are collected, not raised.

    Args:
        source: Text, bytes of UTF-8, or the object that is in the file.
        where: The file, for messages.
    """
    if isinstance(source, str | bytes):
        parsed = parse_json(source)
        if parsed.problem is not None:
            return Reading(Graph(), (parsed.problem,), parsed.text, where)
        data, text = parsed.data, parsed.text
    else:
        data, text = dict(source) if isinstance(source, Mapping) else source, None
    reader = _Reader()
    graph = reader.read(data)
    return Reading(graph, _problems(reader.flaws, text), text, where)


def _problems(flaws: list[Flaw], text: str | None) -> tuple[Problem, ...]:
    if text is None:
        return tuple(Problem(render_place(path), reason, fix) for path, reason, fix in flaws)
    lines = lines_of(text, [flaw.path for flaw in flaws]) if flaws else {}
    problems = []
    for path, reason, fix in flaws:
        found = lines[path]
        also = f", first on line {found[0]}" if len(found) > 1 and reason.startswith("duplicate") else ""
        problems.append(Problem(render_place(path), f"{reason}{also}", fix, found[-1]))
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


class _Reader:
    def __init__(self) -> None:
        self.flaws: list[Flaw] = []

    def read(self, data: Any) -> Graph:
        if not isinstance(data, dict):
            self.flaw((), f"this is no graph: a graph file holds an object, not {shorten(data)}")
            return Graph()
        if not self.readable_format(data):
            return Graph()
        graph = self.graph(data, (), TOP_KEYS)
        graph.schema = self.text(data, "$schema", ()) if "$schema" in data else None
        return graph

    def flaw(self, path: KeyPath, reason: str, fix: str | None = None) -> None:
        self.flaws.append(Flaw(path, reason, fix))

    def readable_format(self, data: dict[str, Any]) -> bool:
        """Tell whether it is worth while to read on."""
        written = data.get("format")
        if written == FORMAT:
            return True
        if "format" not in data:
            self.repeats(data, ())
            looks_like_one = isinstance(data.get("nodes"), dict)
            start = "" if looks_like_one else "this is no graph: "
            self.flaw((), f'{start}the key "format" is missing', f'add "format": "{FORMAT}"')
            return looks_like_one
        if not isinstance(written, str):
            self.flaw(("format",), f"a format is text, not {shorten(written)}", f'write "{FORMAT}"')
            return True
        name, _, number = written.partition("/")
        if name == "flowra" and number.split(".")[0].isdecimal() and number > "1":
            reason = f"{shorten(written)} was written by a newer Flowra; this one reads {FORMAT!r}"
            self.flaw(("format",), reason, "update with: pip install --upgrade flowra")
        else:
            self.flaw(("format",), f"unknown format {shorten(written)}", f'write "{FORMAT}"')
        return False

    def graph(self, data: dict[str, Any], path: KeyPath, known: tuple[str, ...]) -> Graph:
        graph = Graph()
        self.keys(data, path, known, ("nodes",))
        graph.name = self.text(data, "name", path)
        graph.description = self.text(data, "description", path)
        graph.ui = self.ui(data, path)
        for name, item, place in self.named(data, "inputs", path, "graph input"):
            graph.inputs[name] = self.graph_input(name, item, place)
        for name, item, place in self.named(data, "nodes", path, "node id"):
            graph.nodes[name] = self.node(graph, name, item, place)
        for name, item, place in self.named(data, "outputs", path, "graph output"):
            if (link := self.output(item, place)) is not None:
                graph.outputs[name] = link
        for name, item, place in self.named(data, "subgraphs", path, "subgraph"):
            if isinstance(item, dict) and len(path) >= 2 * MAX_DEPTH:
                self.flaw(place, f"subgraphs nested more than {MAX_DEPTH} levels deep")
            elif isinstance(item, dict):
                graph.subgraphs[name] = self.graph(item, place, GRAPH_KEYS)
            else:
                self.flaw(place, f"a subgraph is an object, not {shorten(item)}")
        return graph

    def graph_input(self, name: str, data: Any, path: KeyPath) -> GraphInput:
        if not isinstance(data, dict):
            self.flaw(path, f"a graph input is an object, not {shorten(data)}", 'for example {"type": "File"}')
            return GraphInput(name, "Any")
        self.keys(data, path, INPUT_KEYS, ("type",))
        value_type = data.get("type", "Any")
        if isinstance(value_type, dict | str):
            value_type = self.copied(FileValues.free, value_type, (*path, "type"))
        else:
            self.flaw(
                (*path, "type"), f"a value type is a name or an object, not {shorten(value_type)}", 'for example "File"'
            )
            value_type = "Any"
        default = MISSING
        if "default" in data:
            default = self.copied(FileValues.literal, data["default"], (*path, "default"))
        return GraphInput(name, value_type, default, self.text(data, "description", path))

    def node(self, graph: Graph, node_id: str, data: Any, path: KeyPath) -> GraphNode:
        if not isinstance(data, dict):
            self.flaw(path, f"a node is an object, not {shorten(data)}", 'for example {"type": "image/Resize"}')
            return GraphNode(graph, node_id, "")
        self.keys(data, path, NODE_KEYS, ("type",))
        node_type = data.get("type", "")
        if "type" in data and (fault := type_fault(node_type)):
            self.flaw((*path, "type"), fault)
            node_type = ""
        version = data.get("version")
        if "version" in data and (type(version) is not int or version < 1):
            self.flaw((*path, "version"), f"a version is a whole number from 1 on, not {shorten(version)}")
            version = None
        return GraphNode(
            graph,
            node_id,
            sys.intern(node_type),
            version=version,
            init=self.arguments(data, "init", path, FileValues.literal, "init argument"),
            inputs=self.arguments(data, "inputs", path, FileValues.input, "input port"),
            ui=self.ui(data, path),
        )

    def arguments(
        self, data: dict[str, Any], key: str, path: KeyPath, copy: Callable[..., Any], what: str
    ) -> dict[str, Any] | None:
        if key not in data:
            return None
        return {name: self.copied(copy, item, place) for name, item, place in self.named(data, key, path, what)}

    def output(self, data: Any, path: KeyPath) -> Link | None:
        value = self.copied(FileValues.input, data, path) if isinstance(data, dict) and "$from" in data else data
        if isinstance(value, Link):
            return value
        if value is not None or data is None:
            self.flaw(path, f"an output of a graph is a link, not {shorten(data)}", 'write {"$from": "node.port"}')
        return None

    def ui(self, data: dict[str, Any], path: KeyPath) -> dict[str, Any] | None:
        if "ui" not in data:
            return None
        if isinstance(data["ui"], dict):
            copy: dict[str, Any] = self.copied(FileValues.free, data["ui"], (*path, "ui"))
            return copy
        self.flaw((*path, "ui"), f'"ui" is an object, not {shorten(data["ui"])}')
        return None

    def text(self, data: dict[str, Any], key: str, path: KeyPath) -> str:
        text = data.get(key, "")
        if isinstance(text, str):
            return str(self.copied(FileValues.free, text, (*path, key)))
        self.flaw((*path, key), f'"{key}" is text, not {shorten(text)}')
        return ""

    def copied(self, copy: Callable[..., Any], value: Any, path: KeyPath) -> Any:
        values = FileValues()
        copied = copy(values, value)
        for flaw in values.flaws:
            self.flaws.append(flaw._replace(path=(*path, *flaw.path)))
        return copied

    def named(self, data: dict[str, Any], key: str, path: KeyPath, what: str) -> list[tuple[str, Any, KeyPath]]:
        """Return name, value and place of each item of an object with names of people's choice."""
        items = data.get(key, {})
        if not isinstance(items, dict):
            self.flaw((*path, key), f'"{key}" is an object, not {shorten(items)}')
            return []
        place = (*path, key)
        self.repeats(items, place, what)
        for name in items:
            if fault := name_fault(name):
                self.flaw((*place, name) if isinstance(name, str) else place, fault)
        return [(name, item, (*place, name)) for name, item in items.items() if isinstance(name, str)]

    def keys(self, data: dict[Any, Any], path: KeyPath, known: tuple[str, ...], required: tuple[str, ...]) -> None:
        self.repeats(data, path)
        for key in data:
            if key in known:
                continue
            if not isinstance(key, str):
                self.flaw(path, f"the key {shorten(key)} is no text")
            elif key == "format":
                self.flaw((*path, key), "only the outermost graph has a format", "leave it out here")
            else:
                near = nearest(key, known)
                fix = f'did you mean "{near}"?' if near else f"known here: {', '.join(known)}"
                self.flaw((*path, key), "unknown key", fix)
        for key in required:
            if key not in data:
                self.flaw(path, f'the key "{key}" is missing')

    def repeats(self, data: dict[str, Any], path: KeyPath, what: str = "key") -> None:
        if isinstance(data, RepeatedKeysObject):
            for key, count in data.repeated.items():
                times = "twice" if count == 2 else f"{count:,} times"
                self.flaw((*path, key), f"duplicate {what}: it is here {times}", "rename or remove one")
