"""The component types: how a port is presented and edited.

A component stands where the annotation stands, `threshold: Number(value_type=float, default=0.5)`, or inside
`Annotated[float, Number(min=0, max=1)] = 0.5` for people who run a type checker. Constraints that a component
states (`min`, `choices`, `max_length` …) are checked at run time; the rest is for the front end.
"""

from flowra.type.component.base import REQUIRED, Component, inner_type
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
from flowra.type.component.lookup import builtin_components, component_for, component_from_json
from flowra.type.component.model_file import ModelFile

__all__ = [
    "REQUIRED",
    "Color",
    "Component",
    "FilePicker",
    "FolderPicker",
    "JSONEditor",
    "ModelFile",
    "Number",
    "Placeholder",
    "Seed",
    "Select",
    "Slider",
    "Switch",
    "Text",
    "builtin_components",
    "component_for",
    "component_from_json",
    "inner_type",
]
