"""What driver and workers send each other, as plain data: calls, values by reference, results, errors.

No value of a user travels as a pickle: literals are written by codecs, and what nodes give by reference into the store.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path, PosixPath, WindowsPath
from typing import Any

from flowra import exceptions
from flowra.dag.graph import Graph
from flowra.dag.plan.logical import Constant, NodeOutput
from flowra.exceptions import NodeFailedError
from flowra.execute.encoding import decode, encode
from flowra.execute.values import ABSENT, Ended, Held, Many, Value
from flowra.storage.codec import canonical
from flowra.storage.refs import BlobRef, EndedRef, InlineRef, ListRef, Ref
from flowra.type.named import value_type_from_json
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf
from flowra.type.value.scalar import Anything

__all__ = [
    "binding_from_wire",
    "binding_to_wire",
    "class_at",
    "class_target",
    "error_from_wire",
    "error_to_wire",
    "graph_from_wire",
    "graph_to_wire",
    "literal_from_wire",
    "literal_to_wire",
    "pack",
    "ref_from_wire",
    "ref_to_wire",
    "unpack",
    "value_from_wire",
    "value_to_wire",
]

_PLAIN = frozenset({type(None), bool, float, str})
_PATHS = (Path, PosixPath, WindowsPath)
_LARGEST_INT = 2**63
#: The modules whose exceptions are the same on every machine.
_REAL = {"builtins": builtins, "flowra.exceptions": exceptions}


def pack(message: Any) -> bytes:
    """Return a message as bytes."""
    packed: bytes = _msgpack().packb(message, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def unpack(data: bytes) -> Any:
    """Return the message that `pack` made these bytes of."""
    return _msgpack().unpackb(data, raw=False, strict_map_key=False, unicode_errors="surrogatepass")


@cache
def _msgpack() -> Any:
    return import_module("msgpack")


# ---- literals --------------------------------------------------------------------------------------------------------


def literal_to_wire(value: Any, value_type: ValueType) -> Any:
    """Return a literal as plain data; a list always begins with a tag.

    Raises:
        NotStorableError: No codec can write it.
    """
    kind = type(value)
    if kind in _PLAIN or (kind is int and -_LARGEST_INT <= value < _LARGEST_INT):
        return value
    if kind in _PATHS:
        return ["path", str(value)]
    try:
        return ["json", canonical.encode(value)]
    except TypeError:
        pass
    if kind is list:
        item = value_type.item if isinstance(value_type, ListOf) else value_type
        return ["list", [literal_to_wire(each, item) for each in value]]
    encoded = encode(value, value_type)
    return ["codec", encoded.codec, b"".join(bytes(part) for part in encoded.parts), value_type.to_json()]


def literal_from_wire(data: Any) -> Any:
    """Return the literal that `literal_to_wire` wrote."""
    if not isinstance(data, list):
        return data
    tag, *rest = data
    if tag == "path":
        return Path(rest[0])
    if tag == "json":
        return canonical.decode(rest[0])
    if tag == "list":
        return [literal_from_wire(each) for each in rest[0]]
    codec, content, value_type = rest
    return decode(codec, memoryview(content), value_type_from_json(value_type))


# ---- references ------------------------------------------------------------------------------------------------------


def ref_to_wire(ref: Ref) -> list[Any]:
    """Return a reference as plain data."""
    if isinstance(ref, InlineRef):
        return ["inline", ref.codec, ref.data, ref.digest]
    if isinstance(ref, BlobRef):
        return ["blob", ref.codec, ref.digest, ref.size]
    if isinstance(ref, ListRef):
        return ["list", [ref_to_wire(item) for item in ref.items]]
    return ["ended", ref.reason]


def ref_from_wire(data: list[Any]) -> Ref:
    """Return the reference that `ref_to_wire` wrote."""
    tag, *rest = data
    if tag == "inline":
        return InlineRef(*rest)
    if tag == "blob":
        return BlobRef(*rest)
    if tag == "list":
        return ListRef(tuple(ref_from_wire(item) for item in rest[0]))
    return EndedRef(rest[0])


# ---- values that nodes gave ------------------------------------------------------------------------------------------


def value_to_wire(value: Any) -> list[Any]:
    """Return an input of a call as plain data: a value by its reference, or a literal in a list of links."""
    if isinstance(value, Held):
        assert value.ref is not None, "what another call takes was given a reference by the worker that gave it"
        return ["value", ref_to_wire(value.ref), value.type.to_json()]
    if isinstance(value, Many):
        return ["many", [value_to_wire(item) for item in value.items]]
    if isinstance(value, Ended):
        return ["ended", value.reason]
    return ["literal", literal_to_wire(value, Anything())]


def value_from_wire(data: list[Any], given: Mapping[tuple[int, str], Value]) -> Any:
    """Return the input that `value_to_wire` wrote.

    Args:
        data: It.
        given: What the calls of the same batch gave, by the call's position and the port.
    """
    tag, *rest = data
    if tag == "value":
        return Held(value_type_from_json(rest[1]), ABSENT, ref_from_wire(rest[0]))  # type: ignore[arg-type]
    if tag == "many":
        return Many([value_from_wire(item, given) for item in rest[0]])
    if tag == "given":
        return given[rest[0], rest[1]]
    if tag == "ended":
        return Ended(rest[0])
    return literal_from_wire(rest[0])


def binding_to_wire(binding: Any) -> list[Any]:
    """Return what a linked port holds as plain data."""
    if type(binding) is NodeOutput:
        return ["from", binding.node, binding.port]
    if isinstance(binding, Constant):
        return ["constant", literal_to_wire(binding.value, Anything())]
    return ["list", [binding_to_wire(item) for item in binding]]


def binding_from_wire(data: list[Any]) -> Any:
    """Return the binding that `binding_to_wire` wrote."""
    tag, *rest = data
    if tag == "from":
        return NodeOutput(*rest)
    if tag == "constant":
        return Constant(literal_from_wire(rest[0]))
    return tuple(binding_from_wire(item) for item in rest[0])


# ---- node classes and graphs -----------------------------------------------------------------------------------------


def class_target(node_class: type) -> str:
    """Return where a class lies, as `module:Class`."""
    return f"{node_class.__module__}:{node_class.__qualname__}"


def class_at(target: str) -> Any:
    """Return the class that lies somewhere; raises ImportError or AttributeError where there is none."""
    module, _, name = target.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def graph_to_wire(graph: Graph) -> list[Any]:
    """Return a graph as plain data, with the classes that its nodes were added with; raises as `Graph.to_text`."""
    classes = [
        [place, node.id, class_target(node.node_class)]
        for place, each in _graphs_in(graph)
        for node in each.nodes.values()
        if node.node_class is not None
    ]
    return [graph.to_text(), None if graph.folder is None else str(graph.folder), classes]


def graph_from_wire(data: list[Any]) -> Graph:
    """Return the graph that `graph_to_wire` wrote."""
    text, folder, classes = data
    graph = Graph.from_json(text)
    graph.folder = None if folder is None else Path(folder)
    graphs = dict(_graphs_in(graph))
    for place, node, target in classes:
        graphs[place].nodes[node].node_class = class_at(target)
    return graph


def _graphs_in(graph: Graph, place: str = "") -> Iterator[tuple[str, Graph]]:
    yield place, graph
    for name, subgraph in graph.subgraphs.items():
        yield from _graphs_in(subgraph, f"{place}/{name}")


# ---- errors ----------------------------------------------------------------------------------------------------------


def error_to_wire(error: NodeFailedError) -> dict[str, Any]:
    """Return a failure as plain data, with the classes of its cause: by them it is known what is worth another try."""
    cause = error.__cause__
    classes = [] if cause is None else [[cls.__module__, cls.__qualname__] for cls in type(cause).__mro__]
    return {
        "what": error.what,
        "where": error.where,
        "why": error.why,
        "fix": error.fix,
        "node": error.node,
        "type": error.type,
        "inputs": error.inputs,
        "traceback": error.traceback,
        "classes": classes,
        "said": "" if cause is None else _text(cause),
    }


def error_from_wire(data: dict[str, Any]) -> NodeFailedError:
    """Return the failure that `error_to_wire` wrote; its cause is a stand-in that has the same classes by name."""
    classes, said = data.pop("classes"), data.pop("said")
    error = NodeFailedError(data.pop("what"), **data)
    if classes:
        error.__cause__ = _stand_in(classes, said)
    return error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  an error that can't say what it is
        return ""


def _stand_in(classes: list[list[str]], said: str) -> BaseException:
    """Return an exception whose classes have the given names; only built-in ones and Flowra's own are real."""
    own: list[tuple[str, str]] = []
    base: type[BaseException] = Exception
    for module, name in classes:
        found = getattr(_REAL[module], name, None) if module in _REAL else None
        if isinstance(found, type) and issubclass(found, BaseException):
            base = found
            break
        own.append((module, name))
    for module, name in reversed(own):
        base = type(name, (base,), {"__module__": module, "__qualname__": name, "__init__": BaseException.__init__})
    try:
        return base(said)
    except Exception:  # noqa: BLE001  a built-in class that wants more than a text, as UnicodeDecodeError does
        return _stand_in([["builtins", "Exception"]], said)
