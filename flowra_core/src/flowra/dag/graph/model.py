"""A graph as a person authors it: nodes, links, literal values. A JSON file and Python make the same thing.

    g = Graph("thumbnails")
    photo = g.input("photo", File, description="Any picture")
    load = g.add("image/Load", path=photo)
    small = g.add("image/Resize", image=load["image"], width=640)
    g.output("picture", small["image"])
    g.save("thumbnails.json")

A graph knows nothing of installed packs; whether a type exists and which ports it has is found out by the logical
plan. Mistakes that need no packs are raised here, as they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowra.dag.graph.builder import (
    base_id,
    checked_inputs,
    checked_literal,
    checked_name,
    own_link,
    type_of,
)
from flowra.dag.graph.names import SUBGRAPH_PREFIX, nearest, shorten
from flowra.dag.graph.values import InputRef, Link
from flowra.exceptions import GraphError

__all__ = ["FORMAT", "MISSING", "Graph", "GraphInput", "GraphNode"]

#: The format that this Flowra writes; the number goes up when an older Flowra could misread a file.
FORMAT = "flowra/1"


class _Missing:
    """The default of an input that has none: None is a value like any other."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class GraphInput:
    """A named input of a graph.

    Attributes:
        name: Its name.
        type: The value type as plain data, as the file has it: `"File"`, `{"type": "Image", "mode": "RGB"}`.
        default: The value it has when none is given, or `MISSING`.
        description: What it is, for people.
    """

    name: str
    type: str | dict[str, Any]
    default: Any = MISSING
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether a run has to give it."""
        return self.default is MISSING


class GraphNode:
    """A node of a graph.

    Attributes:
        id: Its id in the graph.
        type: `pack/Node`, or `graph/NAME` for a subgraph.
        version: Version of the node class that the inputs were written for, or None.
        init: Literal values of its `InitArgs`.
        inputs: What each input port gets: a literal, a `Link`, an `InputRef`, or a list with any of them.
        ui: Whatever a front end keeps with the node; kept and ignored.
        node_class: The class that it was added with, if it was added with one.
    """

    __slots__ = ("_graph", "id", "init", "inputs", "node_class", "type", "ui", "version")

    def __init__(
        self,
        graph: Graph,
        id: str,
        type: str,
        *,
        version: int | None = None,
        init: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        ui: dict[str, Any] | None = None,
        node_class: type | None = None,
    ) -> None:
        self._graph = graph
        self.id = id
        self.type = type
        self.version = version
        self.init = {} if init is None else init
        self.inputs = {} if inputs is None else inputs
        self.ui = ui
        self.node_class = node_class

    def __getitem__(self, port: str) -> Link:
        """Return the link to an output port of this node."""
        return Link(self.id, checked_name(port, f"a port of the node {self.id!r}"), self._graph)

    def __iter__(self) -> Any:
        raise TypeError(f'a node is no list of its outputs; name one: {self.id}["image"]')

    def set(self, inputs: Mapping[str, Any] | None = None, /, **ports: Any) -> None:
        """Set or replace inputs: literals, links, references to graph inputs, lists of them."""
        self.inputs.update(checked_inputs(self._graph, self.id, _merged(self.id, inputs, ports)))

    def __repr__(self) -> str:
        return f"<node {self.id!r} ({self.type})>"


class Graph:
    """A DAG of typed nodes, as a person authors it.

    Attributes:
        name: Its name, for people; any text.
        description: What it does, for people.
        inputs: Its inputs by name.
        nodes: Its nodes by id, in the order of the file.
        outputs: Its outputs by name.
        subgraphs: The graphs that stand as nodes of type `graph/NAME` in it, and in its subgraphs.
        ui: Whatever a front end keeps with the graph; kept and ignored.
        schema: The `$schema` of the file, which editors use.
        folder: The folder of the file that it was read from, from which relative paths in it are taken; None for a
            graph made in Python, whose relative paths are taken from the working directory.
    """

    __slots__ = (
        "_counters",
        "description",
        "folder",
        "inputs",
        "name",
        "nodes",
        "outputs",
        "schema",
        "subgraphs",
        "ui",
    )

    def __init__(self, name: str = "", *, description: str = "") -> None:
        self.name: str = checked_literal(str(name), ("name",), in_memory=False)
        self.description: str = checked_literal(str(description), ("description",), in_memory=False)
        self.inputs: dict[str, GraphInput] = {}
        self.nodes: dict[str, GraphNode] = {}
        self.outputs: dict[str, Link] = {}
        self.subgraphs: dict[str, Graph] = {}
        self.ui: dict[str, Any] | None = None
        self.schema: str | None = None
        self.folder: Path | None = None
        self._counters: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Graph {self.name!r}: {len(self.nodes):,} nodes>"

    def input(self, name: str, type: Any, *, default: Any = MISSING, description: str = "") -> InputRef:
        """Declare an input of the graph, and return the reference that nodes take as an input.

        Args:
            name: Its name.
            type: A value type (`File`, `Image(mode="RGB")`), a Python type that means one (`float`), its name, or its
                plain data.
            default: The value it has when a run gives none; without one, a run has to.
            description: What it is, for people.

        Raises:
            GraphError: The name is taken or no name, the type is no value type, or JSON has no place for the default.
        """
        self._check_new(name, self.inputs, "an input of the graph")
        if default is not MISSING:
            default = checked_literal(default, ("inputs", name, "default"), in_memory=True)
        description = checked_literal(str(description), ("inputs", name, "description"), in_memory=False)
        self.inputs[name] = GraphInput(name, _type_as_data(name, type), default, description)
        return InputRef(name, self)

    def add(
        self,
        node: str | type,
        /,
        *,
        id: str | None = None,
        init: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        **ports: Any,
    ) -> GraphNode:
        """Add a node, and return it: `node["port"]` is the link to one of its outputs.

        Args:
            node: A node type, `"image/Resize"`, or a node class; a class needs no pack that registers it.
            id: Its id; without one it is named after its type: `resize`, `resize_2`, …
            init: Its `InitArgs`, literals only.
            inputs: Its inputs by port, for ports whose names are `id`, `init` or `inputs`, or no Python names.
            **ports: Its inputs by port: literals, links, references to graph inputs, or lists of them.

        Raises:
            GraphError: The id is taken or no name, the type is no type, or a value can't be one.
        """
        node_type, version, cls = type_of(node)
        if id is None:
            base = base_id(node_type)
            id, number = self._free_id(base)
        else:
            base, number = "", 0
            self._check_new(id, self.nodes, "a node")
        checked_init = checked_literal(dict(init or {}), ("nodes", id, "init"), in_memory=False)
        for key in checked_init:
            checked_name(key, f"an init argument of the node {id!r}")
        checked = checked_inputs(self, id, _merged(id, inputs, ports))
        added = GraphNode(self, id, node_type, version=version, init=checked_init, inputs=checked, node_class=cls)
        self.nodes[id] = added
        if number:
            # The counter keeps a graph with 100,000 equal nodes from trying every number for each.
            self._counters[base] = number
        return added

    def output(self, name: str, link: Link) -> None:
        """Declare an output of the graph: the output of a node, by name.

        Raises:
            GraphError: The name is taken or no name, or `link` is no link of this graph.
        """
        self._check_new(name, self.outputs, "an output of the graph")
        self.outputs[name] = own_link(self, link, ("outputs", name))

    def subgraph(self, name: str, graph: Graph) -> str:
        """Add a graph that nodes of this graph and of its subgraphs can stand for, and return their type.

        Raises:
            GraphError: The name is taken or no name, or the graph would contain itself.
        """
        self._check_new(name, self.subgraphs, "a subgraph")
        if not isinstance(graph, Graph):
            raise GraphError("a subgraph is a Graph", where=f"subgraphs.{name}", why=f"got {shorten(graph)}")
        pending, seen = [graph], {id(graph)}
        while pending:
            inner = pending.pop()
            if inner is self:
                raise GraphError("a graph can't contain itself", where=f"subgraphs.{name}", fix="use Graph.copy()")
            pending.extend(each for each in inner.subgraphs.values() if id(each) not in seen)
            seen.update(map(id, inner.subgraphs.values()))
        self.subgraphs[name] = graph
        return SUBGRAPH_PREFIX + name

    def node(self, id: str) -> GraphNode:
        """Return the node with an id.

        Raises:
            GraphError: There is none; the message names the nearest.
        """
        if (found := self.nodes.get(id)) is None:
            near = nearest(id, self.nodes) if isinstance(id, str) else None
            fix = f"did you mean {near!r}?" if near else None
            raise GraphError(f"there is no node {shorten(id)} in the graph", where=self.name or None, fix=fix)
        return found

    def copy(self) -> Graph:
        """Return a graph that can be changed without changing this one; values in memory are shared."""
        twin = Graph(self.name, description=self.description)
        twin.inputs = dict(self.inputs)
        twin.outputs = dict(self.outputs)
        twin.ui, twin.schema, twin.folder = _copied(self.ui), self.schema, self.folder
        for node in self.nodes.values():
            twin.nodes[node.id] = GraphNode(
                twin,
                node.id,
                node.type,
                version=node.version,
                init=_copied(node.init),
                inputs=_copied(node.inputs),
                ui=_copied(node.ui),
                node_class=node.node_class,
            )
        twin.subgraphs = {name: graph.copy() for name, graph in self.subgraphs.items()}
        return twin

    def to_json(self) -> dict[str, Any]:
        """Return the graph as plain data, as a file of format `flowra/1` holds it.

        Raises:
            GraphError: An input lives in memory only (an array, bytes); the message names the port.
        """
        from flowra.dag.graph.writer import graph_to_json

        return graph_to_json(self)

    def to_text(self) -> str:
        """Return the graph as the text of a file, always laid out the same way; raises as `to_json` does."""
        from flowra.dag.graph.writer import graph_to_text

        return graph_to_text(self)

    def save(self, path: str | Path) -> None:
        """Write the graph to a file, which is complete or untouched whatever happens; raises as `to_json` does."""
        from flowra.dag.graph.writer import save_graph

        save_graph(self, Path(path))

    @classmethod
    def from_json(cls, source: str | bytes | Mapping[str, Any]) -> Graph:
        """Make a graph from the text of a file, or from the plain data in it.

        Raises:
            GraphInvalidError: It is no graph file; carries every mistake with its place.
        """
        from flowra.dag.graph.reader import read_graph

        return read_graph(source).graph_or_raise()

    @classmethod
    def load(cls, path: str | Path) -> Graph:
        """Read a graph from a file.

        Raises:
            GraphInvalidError: The file can't be read or is no graph file; carries every mistake with its place.
        """
        from flowra.dag.graph.source import read_graph_file

        return read_graph_file(Path(path)).graph_or_raise()

    def _check_new(self, name: Any, taken: Mapping[str, Any], what: str) -> None:
        checked_name(name, what)
        if name in taken:
            raise GraphError(f"the graph already has {what.partition(' of ')[0]} called {name!r}", where=repr(name))

    def _free_id(self, base: str) -> tuple[str, int]:
        number = self._counters.get(base, 0) + 1
        while (candidate := base if number == 1 else f"{base}_{number}") in self.nodes:
            number += 1
        return candidate, number


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _merged(node_id: str, inputs: Mapping[str, Any] | None, ports: dict[str, Any]) -> dict[str, Any]:
    for name in ports.keys() & (inputs or {}).keys():
        raise GraphError("an input is given twice", where=f"nodes.{node_id}.inputs.{name}")
    return {**(inputs or {}), **ports}


def _type_as_data(name: str, value_type: Any) -> str | dict[str, Any]:
    if isinstance(value_type, str | dict):
        data: str | dict[str, Any] = checked_literal(value_type, ("inputs", name, "type"), in_memory=False)
        return data
    from flowra.type.annotations import value_type_of

    try:
        return value_type_of(value_type).to_json()
    except TypeError as error:
        raise GraphError("that is no value type", where=f"inputs.{name}", why=str(error)) from None
