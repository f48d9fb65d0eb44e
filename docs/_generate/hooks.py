"""The hooks, from their docstrings, with what each returns."""

from __future__ import annotations

import dataclasses
from typing import Any

from _generate.markdown import code, docstring, table
from flowra.plugin import contributions, hookspecs

__all__ = ["hooks"]


def hooks() -> str:
    """Return a section for each hook, in the order of the module."""
    names = sorted(hookspecs.__all__, key=lambda name: getattr(hookspecs, name).__code__.co_firstlineno)
    return "\n".join(_section(name) for name in names)


def _section(name: str) -> str:
    function = getattr(hookspecs, name)
    doc = docstring(function)
    entry = getattr(contributions, function.__annotations__["return"].partition("[")[2].rstrip("]"))
    about = docstring(entry)
    rows = [(code(field.name), _default(field), about.about(field.name)) for field in dataclasses.fields(entry)]
    parts = [
        f"### {code(name)}",
        doc.text,
        doc.prose["Example"],
        f"{code(entry.__name__)}: {about.summary[0].lower()}{about.summary[1:]}",
        table(("field", "default", "meaning"), rows),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return code(repr(field.default))
    if field.default_factory is not dataclasses.MISSING:
        return code(repr(field.default_factory()))
    return "required"
