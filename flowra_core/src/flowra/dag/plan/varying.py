"""What of a graph varies from item to item of a batch: inputs of the graph, and ports of its nodes.

A graph is planned once for a whole batch, with a stand-in wherever a value is that varies. Where the stand-ins end up
tells which nodes depend on the item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NOTHING_VARIES", "Varied", "Varying", "holds_varying", "names_in", "sample_of", "with_values"]


@dataclass(frozen=True)
class Varying:
    """Stands for a value that varies.

    Attributes:
        name: What varies: `input`, or `node.port`.
        sample: The value by which the graph is planned; all others are of its kind.
    """

    name: str
    sample: Any


@dataclass(frozen=True)
class Varied:
    """What varies in a graph.

    Attributes:
        inputs: Inputs of the graph.
        ports: Ports of nodes at its top, as node and port.
    """

    inputs: frozenset[str] = frozenset()
    ports: frozenset[tuple[str, str]] = field(default=frozenset())


NOTHING_VARIES = Varied()


def holds_varying(value: Any) -> bool:
    """Tell whether a literal varies, or a part of it."""
    return isinstance(value, Varying) or (isinstance(value, list) and any(map(holds_varying, value)))


def names_in(value: Any) -> Iterator[str]:
    """Yield the names of what varies in a literal, each once."""
    names: dict[str, None] = {}
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, Varying):
            names[each.name] = None
        elif isinstance(each, list):
            pending += reversed(each)
    yield from names


def with_values(value: Any, value_of: Callable[[Varying], Any]) -> Any:
    """Return a literal with a value in the place of each stand-in."""
    if isinstance(value, Varying):
        return value_of(value)
    if isinstance(value, list):
        return [with_values(each, value_of) for each in value]
    return value


def sample_of(value: Any) -> Any:
    """Return a literal with its samples in the places of the stand-ins."""
    return with_values(value, lambda varying: varying.sample)
