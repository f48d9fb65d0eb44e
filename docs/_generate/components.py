"""The component types: what each edits, and its settings."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from _generate.markdown import code, docstring, table
from _generate.values import samples
from flowra.type.component_type import REQUIRED, Component, builtin_components, component_for

__all__ = ["components", "shared_settings", "usual_components"]


def components() -> str:
    """Return a section for each component."""
    return "\n".join(_section(name, cls) for name, cls in builtin_components().items())


def shared_settings() -> str:
    """Return the table of the settings that all components have."""
    return _settings(Component, {field.name for field in dataclasses.fields(Component)})


def usual_components() -> str:
    """Return the table of the component that a port gets if it states none."""
    by_component: dict[str, list[str]] = {}
    for kind, value_type in samples().items():
        by_component.setdefault(type(component_for(value_type)).__name__, []).append(code(kind))
    rows = [(", ".join(kinds), code(name)) for name, kinds in by_component.items()]
    return table(("value type", "component"), rows)


def _section(name: str, cls: type[Component]) -> str:
    shared = {field.name for field in dataclasses.fields(Component)}
    own = {field.name for field in dataclasses.fields(cls)} - shared
    facts = [
        ("Edits", ", ".join(code(edited.kind) for edited in cls.edits) or "values of any type"),
        ("Value type if none is stated", "the choices' own" if name == "Select" else code(cls.usual)),
    ]
    parts = [f"### {code(name)}", docstring(cls).text, table(("", ""), facts), _settings(cls, own)]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _settings(cls: type[Component], names: set[str]) -> str:
    about: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        about.update(docstring(each).items.get("Args", {}) if issubclass(each, Component) else {})
    rows = [
        (code(field.name), code(_default(field.default)), about.get(field.name, ""))
        for field in dataclasses.fields(cls)
        if field.name in names
    ]
    return table(("setting", "default", "meaning"), rows) if rows else ""


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "none"
    return json.dumps(list(value) if isinstance(value, tuple) else value)
