"""What an input holds: a literal, a link to another node's output, a reference to a graph input, or a list of those.

In a file, links and references are objects with one key that starts with "$"; a literal object that has such a key
itself is quoted with "$literal". In memory they are `Link`, `InputRef` and plain data, so nothing needs a quote.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from flowra.dag.graph.names import shorten
from flowra.dag.graph.places import KeyPath

if TYPE_CHECKING:
    from flowra.dag.graph.model import Graph

__all__ = [
    "MAX_DEPTH",
    "Flaw",
    "InputRef",
    "Link",
    "LiteralCopier",
    "has_dollar_key",
    "is_in_memory",
    "links_in",
    "refs_in",
]

#: How many lists and objects a value may have inside each other. Deeper ones are mistakes or attacks, and every
#: reader of the file (in any language) can follow this many.
MAX_DEPTH = 64

#: What to do with a value that can't be saved.
IN_MEMORY_FIX = "save it to a file and load that in the graph, or give it as a graph input when it is run"

_ARRAY_PROTOCOLS = ("__array__", "__array_interface__", "__dlpack__")


class Flaw(NamedTuple):
    """What is wrong with a value: where inside it, why, and what to do."""

    path: KeyPath
    reason: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The output of a node, used as the input of another: `{"$from": "node.port"}` in a file.

    Attributes:
        node: Id of the node that makes the value.
        port: Name of its output port.
        graph: The graph that the link was made from (`node["port"]`), to refuse links across graphs; links that a
            graph holds have none.
    """

    node: str
    port: str
    graph: Graph | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.node}.{self.port}"


@dataclass(frozen=True, slots=True)
class InputRef:
    """An input of the graph, used as the input of a node: `{"$input": "name"}` in a file.

    Attributes:
        name: Name of the graph input.
        graph: The graph that it was made from, as in `Link`.
    """

    name: str
    graph: Graph | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.name


def has_dollar_key(value: Any) -> bool:
    """Tell whether a literal has an object with a key that starts with "$"."""
    if isinstance(value, dict):
        return any(key.startswith("$") or has_dollar_key(item) for key, item in value.items())
    return isinstance(value, list) and any(map(has_dollar_key, value))


def links_in(value: Any) -> Iterator[tuple[KeyPath, Link]]:
    """Yield each link in the value of an input, with its position in nested lists."""
    return _found_in(value, Link)


def refs_in(value: Any) -> Iterator[tuple[KeyPath, InputRef]]:
    """Yield each reference to a graph input in the value of an input, with its position in nested lists."""
    return _found_in(value, InputRef)


def _found_in(value: Any, kind: type) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, kind):
        yield (), value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, kind | list):
                for path, found in _found_in(item, kind):
                    yield (index, *path), found


def is_in_memory(value: Any) -> bool:
    """Tell whether a value may be a literal of a graph in memory, though it can't be saved."""
    if isinstance(value, bytes | bytearray | memoryview):
        return True
    cls = type(value)
    if isinstance(value, type | Link | InputRef):
        return False
    return hasattr(cls, "__dataclass_fields__") or any(hasattr(cls, name) for name in _ARRAY_PROTOCOLS)


class LiteralCopier:
    """Copies literals as plain JSON data, and notes in `flaws` what JSON has no place for.

    Nothing of the copy is shared with the original. Tuples become lists; paths, enumerations and numpy's numbers
    become the text or number that they stand for.

    Args:
        in_memory: Whether values that can't be saved are let through as they are: bytes, arrays (whatever offers
            `__array__`, `__array_interface__` or `__dlpack__`: numpy, PIL, torch) and dataclass instances.
    """

    def __init__(self, *, in_memory: bool = False) -> None:
        self.in_memory = in_memory
        self.flaws: list[Flaw] = []

    def copy(self, value: Any, path: KeyPath = (), depth: int = 0) -> Any:
        """Return the copy of a value that lies at `path`, inside `depth` lists and objects."""
        kind = type(value)
        if kind is int or kind is bool or value is None:
            return value
        if kind is str and value.isascii():
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, float):
            if not math.isfinite(value):
                self.flaws.append(Flaw(path, f"{float(value)} is no finite number, and JSON has only those"))
            return float(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, os.PathLike):
            return self.copy(os.fspath(value), path, depth)
        if isinstance(value, list | tuple | dict):
            # The limit also ends containers that contain themselves.
            if depth >= MAX_DEPTH:
                self.flaws.append(Flaw(path, f"nested more than {MAX_DEPTH} levels deep"))
                return None
            if isinstance(value, dict):
                return self.copy_object(value, path, depth)
            return [self.copy(item, (*path, index), depth + 1) for index, item in enumerate(value)]
        return self._other(value, path, depth)

    def copy_object(self, value: dict[Any, Any], path: KeyPath, depth: int) -> Any:
        """Return the copy of an object."""
        copy: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(key, str):
                copy[self._text(key, path)] = self.copy(item, (*path, key), depth + 1)
            else:
                self.flaws.append(Flaw(path, f"the key {shorten(key)} is no text", "write it as text"))
        return copy

    def _text(self, value: str, path: KeyPath) -> str:
        text = str.__str__(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.flaws.append(Flaw(path, "text with half of a surrogate pair, which is no character"))
        return text

    def _other(self, value: Any, path: KeyPath, depth: int) -> Any:
        # numpy's numbers, recognised without importing numpy: they have a shape without dimensions.
        if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
            return self.copy(value.item(), path, depth)
        if not is_in_memory(value):
            self.flaws.append(Flaw(path, f"JSON has no place for {shorten(value)}"))
        elif not self.in_memory:
            self.flaws.append(Flaw(path, f"{shorten(value)} lives in memory only", IN_MEMORY_FIX))
        return value
