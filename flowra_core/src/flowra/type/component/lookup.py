"""Components by name, and the component that suits a value type."""

from __future__ import annotations

import dataclasses
from typing import Any

from flowra.type.component.base import Component, inner_type
from flowra.type.component.editors import (
    Color,
    FilePicker,
    FolderPicker,
    JSONEditor,
    Number,
    Placeholder,
    Seed,
    Select,
    Slider,
    Switch,
    Text,
)
from flowra.type.component.model_file import ModelFile
from flowra.type.value.base import ValueType, short
from flowra.type.value.model import Model
from flowra.type.value.scalar import JSON, Boolean, Choice, File, Float, Folder, Integer, String

__all__ = ["builtin_components", "component_for", "component_from_json"]

_BUILTIN: dict[str, type[Component]] = {
    cls.__name__: cls
    for cls in (
        Placeholder, Number, Slider, Select, Text, Switch, Color, Seed, FilePicker, FolderPicker, JSONEditor,
        ModelFile,
    )
}  # fmt: skip


def builtin_components() -> dict[str, type[Component]]:
    """Return the components that the core declares, by name."""
    return dict(_BUILTIN)


def component_for(value_type: ValueType) -> Component:
    """Return the component for a port that states none."""
    core = inner_type(value_type)
    usual: tuple[tuple[type[ValueType], type[Component]], ...] = (
        (Boolean, Switch), (Integer, Number), (Float, Number), (String, Text), (Choice, Select),
        (File, FilePicker), (Folder, FolderPicker), (JSON, JSONEditor),
        (Model, ModelFile),
    )  # fmt: skip
    return next((component() for kind, component in usual if isinstance(core, kind)), Placeholder())


def component_from_json(data: dict[str, Any]) -> Component:
    """Make a component from what `to_json` wrote.

    Raises:
        ValueError: The name or a setting is unknown.
    """
    name = data.get("component")
    cls = _BUILTIN.get(name) if isinstance(name, str) else None
    if cls is None:
        cls = _from_pack(str(name))
    settings: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "component"
    }
    known = [field.name for field in dataclasses.fields(cls)]
    for setting in settings:
        if setting not in known:
            raise ValueError(f"component {name} has no setting {setting!r}; it has {', '.join(known)}")
    try:
        return cls(**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"component {name}: {error}") from None


def _from_pack(name: str) -> type[Component]:
    from flowra.plugin.manager import default_manager

    manager = default_manager()
    for pack, entry in manager.entries("component_types"):
        if entry.name == name:
            loaded = manager.load(entry.target)
            if isinstance(loaded, type) and issubclass(loaded, Component):
                return loaded
            raise ValueError(f"component {name} of pack {pack.id} is no Component, but {short(loaded)}")
    raise ValueError(f"unknown component {name!r}; the core has {', '.join(_BUILTIN)}")
