"""The logical plan: a graph that was checked against the installed packs, without subgraphs, pruned to its targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from flowra.dag.description import NodeDescription
from flowra.dag.port import jsonable
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf

__all__ = ["Constant", "LogicalPlan", "NodeOutput", "PlannedNode"]


class NodeOutput(NamedTuple):
    """The output port of a planned node.

    Attributes:
        node: The node's id in the plan; nodes of a subgraph are `outer/inner`.
        port: The output port's name.
    """

    node: str
    port: str

    def __str__(self) -> str:
        return f"{self.node}.{self.port}"


class Constant(NamedTuple):
    """A literal in a list that also holds links."""

    value: Any


#: What a linked input holds: one output, or a list of outputs and literals, nested as the graph has it.
Binding = NodeOutput | tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedNode:
    """A node that is to be run. Equal only to itself.

    Attributes:
        id: Its id in the plan.
        description: What its class looks like.
        init: The literal values of `InitArgs`.
        literals: The literal values of `InputArgs`.
        links: What the linked ports of `InputArgs` hold.
        depths: Over how many levels of lists the node maps, for each port that receives a list for one item.
    """

    id: str
    description: NodeDescription
    init: Mapping[str, Any]
    literals: Mapping[str, Any]
    links: Mapping[str, Binding]
    depths: Mapping[str, int] = field(default_factory=dict)

    @property
    def map_depth(self) -> int:
        """Over how many levels of lists the node maps; 0 if it runs once."""
        return max(self.depths.values(), default=0)

    @property
    def type(self) -> str:
        """The node's type id."""
        return self.description.type

    def sources(self) -> list[NodeOutput]:
        """Return each output that the node takes, in the order of its ports."""
        found: list[NodeOutput] = []
        for binding in self.links.values():
            if type(binding) is NodeOutput:
                found.append(binding)
            else:
                found.extend(outputs_in(binding))
        return found

    def __str__(self) -> str:
        parts = [f"{port} ← {_shown(binding)}" for port, binding in self.links.items()]
        parts += [f"{port} = {_text(value)}" for port, value in (*self.literals.items(), *self.init.items())]
        over = f"  for each of {' × '.join(self.depths)}" if self.depths else ""
        return f"{self.id}  {self.type}  {', '.join(parts)}".rstrip() + over


@dataclass(frozen=True, slots=True)
class LogicalPlan:
    """What is to be run, in an order in which each node comes after those it takes values from.

    Attributes:
        name: The graph's name.
        nodes: The nodes by id, in topological order.
        outputs: The graph's outputs by name; those that lie outside the targets are left out.
        folder: What relative paths in the graph were taken from.
        targets: The nodes that were asked for by name; empty if the whole graph was.
        merged: The nodes that are left out since another does the same, each with the one that stands for it.
    """

    name: str
    nodes: Mapping[str, PlannedNode]
    outputs: Mapping[str, NodeOutput]
    folder: Path
    targets: frozenset[str] = frozenset()
    merged: Mapping[str, str] = field(default_factory=dict)

    def output_type(self, output: NodeOutput) -> ValueType:
        """Return the type of an output: what the node declares, in lists where the node maps over lists."""
        node = self.nodes[output.node]
        port = node.description.output(output.port)
        assert port is not None, "links to outputs that are not there were refused before"
        value_type = port.value_type
        for _ in range(node.map_depth):
            value_type = ListOf(value_type)
        return value_type

    def __str__(self) -> str:
        """Return the plan as text: a line for each node, then the outputs."""
        plural = "node" if len(self.nodes) == 1 else "nodes"
        rows = [f"plan of {self.name or 'the graph'}: {len(self.nodes):,} {plural}"]
        rows += [f"  {node}" for node in self.nodes.values()]
        rows += [f"  {node} is the same as {stand_in}" for node, stand_in in self.merged.items()]
        rows += [f"  output {name} ← {source}" for name, source in self.outputs.items()]
        return "\n".join(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, for people and tools that look at it."""
        return {
            "name": self.name,
            "nodes": [
                {
                    "id": node.id,
                    "type": node.type,
                    "init": {port: jsonable(value) for port, value in node.init.items()},
                    "literals": {port: _text(value) for port, value in node.literals.items()},
                    "links": {port: _shown(binding) for port, binding in node.links.items()},
                }
                for node in self.nodes.values()
            ],
            "outputs": {name: str(source) for name, source in self.outputs.items()},
        }


def outputs_in(binding: Any) -> Iterator[NodeOutput]:
    """Yield each output in what a linked port holds."""
    if isinstance(binding, NodeOutput):
        yield binding
    elif isinstance(binding, tuple) and not isinstance(binding, Constant):
        for item in binding:
            yield from outputs_in(item)


def _shown(binding: Any) -> str:
    if isinstance(binding, Constant):
        return _text(binding.value)
    if isinstance(binding, NodeOutput):
        return str(binding)
    return f"[{', '.join(map(_shown, binding))}]"


def _text(value: Any, limit: int = 60) -> str:
    if isinstance(value, (bool, int, float, str, list, dict, Path)) or value is None:
        text = repr(str(value) if isinstance(value, Path) else value)
        return text if len(text) <= limit else text[: limit - 1] + "…"
    return type(value).__name__
