"""What is known of a node class without its code: enough to list, check, draw and edit graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flowra.dag.port import Port
from flowra.dag.traits import NodeTraits

__all__ = ["NodeDescription"]


@dataclass(frozen=True)
class NodeDescription:
    """A node class as data.

    Attributes:
        type: `pack/Node`.
        version: The version of the node's arguments; migrations lead from one to the next.
        summary: The first line of its docstring.
        doc: The whole docstring.
        group: The heading under which a front end lists it.
        init: The ports of `InitArgs`.
        inputs: The ports of `InputArgs`.
        outputs: The ports of `OutputArgs`.
        traits: What the class body states of the node.
        node_class: The class itself where a program brought it along: two of them may have one type id.
    """

    type: str
    version: int = 1
    summary: str = ""
    doc: str = ""
    group: str = ""
    init: tuple[Port, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    traits: NodeTraits = field(default_factory=NodeTraits)
    node_class: Any = field(default=None, compare=False, repr=False)

    @cached_property
    def lazy_ports(self) -> frozenset[str]:
        """The names of the input ports whose values are only computed when the node asks for them."""
        return frozenset(port.name for port in self.inputs if port.lazy)

    def input(self, name: str) -> Port | None:
        """Return the input port of a name."""
        return self._inputs.get(name)

    def output(self, name: str) -> Port | None:
        """Return the output port of a name."""
        return self._outputs.get(name)

    @cached_property
    def _inputs(self) -> dict[str, Port]:
        return {port.name: port for port in self.inputs}

    @cached_property
    def _outputs(self) -> dict[str, Port]:
        return {port.name: port for port in self.outputs}

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schemas of init, inputs and outputs, from which a front end draws the form."""
        return {
            "init": _object_schema(self.init, f"{self.type} init"),
            "inputs": _object_schema(self.inputs, f"{self.type} inputs"),
            "outputs": _object_schema(self.outputs, f"{self.type} outputs"),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain data."""
        return {
            "type": self.type,
            "version": self.version,
            "summary": self.summary,
            "doc": self.doc,
            "group": self.group,
            "init": [port.to_json() for port in self.init],
            "inputs": [port.to_json() for port in self.inputs],
            "outputs": [port.to_json() for port in self.outputs],
            "traits": self.traits.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NodeDescription:
        """Make a description from what `to_json` wrote; raises ValueError or KeyError where it is something else."""
        return cls(
            type=data["type"],
            version=data.get("version", 1),
            summary=data.get("summary", ""),
            doc=data.get("doc", ""),
            group=data.get("group", ""),
            init=tuple(Port.from_json(port) for port in data.get("init", ())),
            inputs=tuple(Port.from_json(port) for port in data.get("inputs", ())),
            outputs=tuple(Port.from_json(port) for port in data.get("outputs", ())),
            traits=NodeTraits.from_json(data.get("traits", {})),
        )


def _object_schema(ports: tuple[Port, ...], title: str) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    properties = {port.name: port.json_schema() for port in ports}
    for schema in properties.values():
        definitions.update(schema.pop("$defs", {}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "required": [port.name for port in ports if port.required],
        "additionalProperties": False,
        **({"$defs": definitions} if definitions else {}),
    }
