"""Classes that stand for nodes which this process can't import: those of packs with environments of their own."""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.dag.arguments import BaseArgs
from flowra.dag.description import NodeDescription
from flowra.dag.node import Node
from flowra.dag.port import Port

__all__ = ["Home", "home_of", "stand_in"]


@dataclass(frozen=True, slots=True)
class Home:
    """Where the class is that a stand-in stands for.

    Attributes:
        python: The Python that can import it.
        module: Its module.
        name: Its name there.
        distribution: The distribution of its pack.
    """

    python: Path
    module: str
    name: str
    distribution: str


def stand_in(description: NodeDescription, home: Home) -> type[Node]:
    """Return a class that has the ports and traits of a description, and runs only in a process of its home's Python.

    Args:
        description: The node, as its pack's manifest describes it.
        home: Where the class is.
    """

    def unavailable(self: Node, context: Any, args: Any) -> None:
        raise NotImplementedError(f"{description.type} runs in {home.python}")

    traits = description.traits
    namespace: dict[str, Any] = {
        "__module__": home.module,
        "__doc__": description.doc or None,
        "__flowra_type__": description.type,
        "__flowra_home__": home,
        "InitArgs": _arguments("InitArgs", description.init, home),
        "InputArgs": _arguments("InputArgs", description.inputs, home),
        "OutputArgs": _arguments("OutputArgs", description.outputs, home),
        "run": unavailable,
        "version": description.version,
        "deterministic": traits.deterministic,
        "effects": traits.effects,
        "idempotent": traits.idempotent,
        "cacheable": traits.cacheable,
        "remote": traits.remote,
        "retries": traits.retries,
        "timeout": traits.timeout,
        "isolation": "process",
        "thread_safe": traits.thread_safe,
        "resources": traits.resources,
        "code_version": traits.code_version,
        "libraries": traits.libraries,
    }
    if traits.warm:
        namespace["init"] = unavailable
    return type(home.name.rpartition(".")[2], (Node,), namespace)


def home_of(node_class: type[Node]) -> Home | None:
    """Return where the class is that a class stands for; None for a class of this process."""
    home: Home | None = getattr(node_class, "__flowra_home__", None)
    return home


def _arguments(role: str, ports: tuple[Port, ...], home: Home) -> type[BaseArgs]:
    body = {
        "__module__": home.module,
        "__qualname__": f"{home.name}.{role}",
        "__annotations__": {port.name: port for port in ports},
    }
    made: type[BaseArgs] = types.new_class(role, (BaseArgs,), {}, lambda namespace: namespace.update(body))
    return made
