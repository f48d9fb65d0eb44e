"""The Python API: signatures and docstrings as Sphinx's own directives, so that links find them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from _generate.markdown import Docstring, docstring, one_line

__all__ = ["graph", "node", "session", "values"]


#: Classes that nobody makes by calling them as they are.
_MADE_FOR_YOU = (
    "BaseArgs", "Batch", "GraphInput", "GraphNode", "ItemResult", "Node", "Run", "RunContext", "Totals", "ValueHandler",
    "ValueType",
)  # fmt: skip


class _Written:
    """An annotation that is shown as it is written, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def graph() -> str:
    """Return what graphs are made with."""
    from flowra.dag.graph import Graph, GraphInput, GraphNode

    return _classes("flowra.dag.graph", Graph, GraphNode, GraphInput)


def session() -> str:
    """Return what graphs are run with."""
    from flowra.execute.batch.item import ItemResult, Totals
    from flowra.execute.batch.sweep import Sweep
    from flowra.execute.control import RunControl
    from flowra.execute.session import Batch, Run, Session

    return (
        _classes("flowra.execute.session", Session, Run, Batch)
        + _classes("flowra.execute.batch.item", ItemResult, Totals)
        + _classes("flowra.execute.batch.sweep", Sweep)
        + _classes("flowra.execute.control", RunControl)
    )


def node() -> str:
    """Return what nodes are written with."""
    from flowra.dag.context import RunContext
    from flowra.dag.node import BaseArgs, Node, Retry

    return _classes("flowra.dag.node", Node, BaseArgs, Retry) + _classes("flowra.dag.context", RunContext)


def values() -> str:
    """Return the Python classes of values, and what handles them."""
    from flowra.type.handler import ValueHandler
    from flowra.type.value_type import Detections, ValueType

    return _classes("flowra.type.value_type", Detections, ValueType) + _classes("flowra.type.handler", ValueHandler)


def _classes(module: str, *classes: type) -> str:
    return "\n".join(_class(module, cls) for cls in classes) + "\n"


def _class(module: str, cls: type) -> str:
    doc = docstring(cls)
    text = [doc.text, _fields(doc)]
    text += [_member(name, raw) for name, raw in _members(cls)]
    inner = "\n\n".join(part for part in text if part)
    return f":::::{{py:class}} {cls.__name__}{_arguments(cls)}\n:module: {module}\n\n{inner}\n:::::\n"


def _arguments(cls: type) -> str:
    if cls.__init__ is object.__init__ or cls.__name__ in _MADE_FOR_YOU:  # type: ignore[misc]
        return ""
    return _signature(cls, method=False)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class that have a docstring, and indexing."""
    for name, raw in vars(cls).items():
        function = getattr(raw, "__func__", raw)
        if name.startswith("_") and name != "__getitem__":
            continue
        if isinstance(raw, property) or inspect.isfunction(function):
            yield name, raw


def _member(name: str, raw: Any) -> str:
    if isinstance(raw, property):
        return f"::::{{py:property}} {name}\n\n{docstring(raw).text}\n::::"
    function = getattr(raw, "__func__", raw)
    doc = docstring(function)
    inner = "\n\n".join(part for part in (doc.text, _fields(doc)) if part)
    option = ":classmethod:\n" if isinstance(raw, classmethod) else ""
    return f"::::{{py:method}} {name}{_signature(function, method=True)}\n{option}\n{inner}\n::::"


def _fields(doc: Docstring) -> str:
    lines = [f":param {name.strip('*')}: {text}" for name, text in doc.items.get("Args", {}).items()]
    lines += [f":ivar {name}: {text}" for name, text in doc.items.get("Attributes", {}).items()]
    lines += [f":returns: {one_line(text)}" for section, text in doc.prose.items() if section == "Returns"]
    lines += [f":raises {name}: {text}" for name, text in doc.items.get("Raises", {}).items()]
    return "\n".join(lines)


def _signature(function: Any, *, method: bool) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if method and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    shown = [each.replace(annotation=_shown(each.annotation)) for each in parameters]
    returned = signature.return_annotation if method else inspect.Signature.empty
    return str(inspect.Signature(shown, return_annotation=_shown(returned)))


def _shown(annotation: Any) -> Any:
    return _Written(annotation) if isinstance(annotation, str) else annotation
