"""The component types: how a port is presented and edited.

A component stands where the annotation stands, `threshold: Number(value_type=float, default=0.5)`, or inside
`Annotated[float, Number(min=0, max=1)] = 0.5` for people who run a type checker. Constraints that a component
states (`min`, `choices`, `max_length` …) are checked at run time; the rest is for the front end.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.annotations import value_type_of
from flowra.type.value.base import ValueType, reason_of, short
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.scalar import JSON, Anything, Boolean, Choice, File, Float, Folder, Integer, String

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = [
    "REQUIRED",
    "Color",
    "Component",
    "FilePicker",
    "FolderPicker",
    "JSONEditor",
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
]


class _Required:
    """The default of a port that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


#: Stands for "no default": the port must be given a value or a link.
REQUIRED: Any = _Required()


@dataclass(frozen=True, kw_only=True)
class Component:
    """Base of every component.

    Args:
        value_type: What the port takes: a value type or a Python annotation. Each component has a usual one.
        default: The value where none is given; without one the port is required.
        description: What the port is for, in a sentence.
        label: Its name as a person reads it; the port's own name if empty.
        advanced: Whether a front end hides it until it is asked for.
    """

    #: The value types it can edit; empty for any.
    edits: ClassVar[tuple[type[ValueType], ...]] = ()
    #: The value type if none is given.
    usual: ClassVar[ValueType] = Anything()

    value_type: Any = None
    default: Any = REQUIRED
    description: str = ""
    label: str = ""
    advanced: bool = False

    def resolved_type(self, annotated: Any = None) -> ValueType:
        """Return the value type: as stated, else as annotated, else the usual one; raises TypeError if it can't be."""
        stated = self.value_type if self.value_type is not None else annotated
        value_type = self.usual if stated is None else value_type_of(stated)
        if self.edits and not isinstance(_core_of(value_type), self.edits):
            names = ", ".join(edited.kind for edited in self.edits)
            raise TypeError(f"{type(self).__name__} edits {names}, not {value_type}")
        return value_type

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the component's own settings for a value type."""
        return []

    def core_schema(self, value_type: ValueType) -> CoreSchema:
        """Return the schema of a value of the type under the component's constraints."""
        return value_type.core_schema()

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return the JSON Schema of a literal under the component's constraints."""
        return value_type.json_schema()

    def reason_against(self, value: Any, value_type: ValueType) -> str | None:
        """Say why a literal can't be given to the port, or None if it can; needs no pack."""
        return value_type.accepts_literal(value) or self._constraint_against(value, value_type)

    def _constraint_against(self, value: Any, value_type: ValueType) -> str | None:
        return None

    def settings(self) -> dict[str, Any]:
        """Return what differs from the component's defaults, without value type, default and description."""
        return {
            field.name: value
            for field in dataclasses.fields(self)
            if field.name not in ("value_type", "default", "description")
            and (value := getattr(self, field.name)) != field.default
        }

    def to_json(self) -> dict[str, Any]:
        """Return the component as plain data: its name and settings."""
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.settings().items()
        }
        return {"component": type(self).__name__, **plain}


def _core_of(value_type: ValueType) -> ValueType:
    return _core_of(value_type.item) if isinstance(value_type, OptionalOf) else value_type


class _Constrained(Component):
    """A component with constraints that are a second pydantic schema behind the value type's own."""

    def _constraints(self, value_type: ValueType) -> CoreSchema | None:
        raise NotImplementedError

    def core_schema(self, value_type: ValueType) -> CoreSchema:
        """Return the value type's schema with the component's constraints behind it."""
        from pydantic_core import core_schema

        constraints = self._constraints(_core_of(value_type))
        if constraints is None:
            return value_type.core_schema()
        chained = core_schema.chain_schema([_core_of(value_type).core_schema(), constraints])
        return core_schema.nullable_schema(chained) if isinstance(value_type, OptionalOf) else chained

    def _constraint_against(self, value: Any, value_type: ValueType) -> str | None:
        from pydantic_core import SchemaValidator

        return reason_of(lambda: SchemaValidator(self.core_schema(value_type)).validate_python(value))


@dataclass(frozen=True, kw_only=True)
class Placeholder(Component):
    """A socket: the value comes over a link, or as the path of a file; nothing to edit."""


@dataclass(frozen=True, kw_only=True)
class Number(_Constrained):
    """A number field.

    Args:
        min: The least value, inclusive, or None.
        max: The greatest value, inclusive, or None.
        step: What one press of an arrow adds; not a constraint.
        unit: What it counts, for people: `px`, `s`, `°`.
    """

    edits: ClassVar[tuple[type[ValueType], ...]] = (Float, Integer)
    usual: ClassVar[ValueType] = Float()

    min: float | None = None
    max: float | None = None
    step: float | None = None
    unit: str = ""

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the bounds."""
        found = []
        if self.min is not None and self.max is not None and self.min > self.max:
            found.append(f"min {self.min} is above max {self.max}")
        if self.step is not None and self.step <= 0:
            found.append(f"step {self.step} is not positive")
        return found

    def _constraints(self, value_type: ValueType) -> CoreSchema | None:
        from pydantic_core import core_schema

        if self.min is None and self.max is None:
            return None
        if isinstance(value_type, Integer):
            low = None if self.min is None else int(self.min)
            high = None if self.max is None else int(self.max)
            return core_schema.int_schema(ge=low, le=high)
        return core_schema.float_schema(ge=self.min, le=self.max)

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return the number's schema with `minimum` and `maximum`."""
        schema = value_type.json_schema()
        target = schema["anyOf"][0] if "anyOf" in schema else schema
        target.update(
            {key: bound for key, bound in (("minimum", self.min), ("maximum", self.max)) if bound is not None}
        )
        return schema


@dataclass(frozen=True, kw_only=True)
class Slider(Number):
    """A number between two ends, set by dragging; `min` and `max` are required."""

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the bounds."""
        missing = [name for name in ("min", "max") if getattr(self, name) is None]
        return [*super().mistakes(value_type), *(f"a Slider needs {name}" for name in missing)]


@dataclass(frozen=True, kw_only=True)
class Seed(Number):
    """The seed of a random generator: a whole number in 0..2^53-1, which every front end can hold exactly."""

    edits: ClassVar[tuple[type[ValueType], ...]] = (Integer,)
    usual: ClassVar[ValueType] = Integer()

    min: float | None = 0
    max: float | None = 2**53 - 1
    step: float | None = 1


@dataclass(frozen=True, kw_only=True)
class Select(_Constrained):
    """A choice from a list.

    Args:
        choices: What may be chosen: texts or numbers.
        labels: How each choice reads for people, in the same order; the choices themselves if empty.
        multiple: Whether several may be chosen; the value is then a list without repetition.
    """

    edits: ClassVar[tuple[type[ValueType], ...]] = (String, Integer, Float, Choice, ListOf)

    choices: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    multiple: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        object.__setattr__(self, "labels", tuple(self.labels))

    def resolved_type(self, annotated: Any = None) -> ValueType:
        """Return the value type; without one it is the choices' own."""
        if self.value_type is None and annotated is None:
            choice = Choice(self.choices)
            return ListOf(choice) if self.multiple else choice
        return super().resolved_type(annotated)

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the choices."""
        core = _core_of(value_type)
        found = []
        choices = self._choices(core)
        if not choices:
            found.append("a Select needs choices")
        if self.labels and len(self.labels) != len(choices):
            found.append(f"{len(self.labels)} labels for {len(choices)} choices")
        if self.multiple != isinstance(core, ListOf):
            found.append(f"multiple={self.multiple} with the value type {core}")
        item = core.item if isinstance(core, ListOf) else core
        for choice in choices:
            if reason := item.accepts_literal(choice):
                found.append(f"choice {choice!r}: {reason}")
        return found

    def _choices(self, value_type: ValueType) -> tuple[Any, ...]:
        item = value_type.item if isinstance(value_type, ListOf) else value_type
        return self.choices or (item.values if isinstance(item, Choice) else ())

    def _constraints(self, value_type: ValueType) -> CoreSchema | None:
        from pydantic_core import core_schema

        choice = Choice(self._choices(value_type)).core_schema()
        if not self.multiple:
            return choice
        return core_schema.no_info_after_validator_function(_distinct, core_schema.list_schema(choice))

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return an `enum` schema, or an array of one without repetition."""
        choices = {"enum": list(self._choices(_core_of(value_type)))}
        schema = {"type": "array", "items": choices, "uniqueItems": True} if self.multiple else choices
        return {"anyOf": [schema, {"type": "null"}]} if isinstance(value_type, OptionalOf) else schema


def _distinct(values: list[Any]) -> list[Any]:
    if len(values) != len(set(values)):
        raise ValueError("a choice is listed twice")
    return values


@dataclass(frozen=True, kw_only=True)
class Text(_Constrained):
    """A text field.

    Args:
        multiline: Whether it has several lines.
        min_length: The fewest characters.
        max_length: The most characters, or None.
        pattern: A regular expression that the whole text must match, or empty. The syntax is Rust's and Python's
            common part (no look-around).
        example: A text shown while the field is empty.
    """

    edits: ClassVar[tuple[type[ValueType], ...]] = (String,)
    usual: ClassVar[ValueType] = String()

    multiline: bool = False
    min_length: int = 0
    max_length: int | None = None
    pattern: str = ""
    example: str = ""

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the pattern and the lengths."""
        found = []
        if self.max_length is not None and self.min_length > self.max_length:
            found.append(f"min_length {self.min_length} is above max_length {self.max_length}")
        try:
            re.compile(self.pattern)
        except re.error as error:
            found.append(f"pattern {self.pattern!r} is no regular expression: {error}")
        return found

    def _constraints(self, value_type: ValueType) -> CoreSchema | None:
        from pydantic_core import core_schema

        return core_schema.str_schema(
            min_length=self.min_length or None,
            max_length=self.max_length,
            pattern=f"^(?:{self.pattern})$" if self.pattern else None,
        )

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return a text schema with the lengths and the pattern."""
        schema = value_type.json_schema()
        target = schema["anyOf"][0] if "anyOf" in schema else schema
        if self.min_length:
            target["minLength"] = self.min_length
        if self.max_length is not None:
            target["maxLength"] = self.max_length
        if self.pattern:
            target["pattern"] = f"^(?:{self.pattern})$"
        return schema


@dataclass(frozen=True, kw_only=True)
class Switch(Component):
    """On or off."""

    edits: ClassVar[tuple[type[ValueType], ...]] = (Boolean,)
    usual: ClassVar[ValueType] = Boolean()


@dataclass(frozen=True, kw_only=True)
class Color(Text):
    """A colour as text: `#rrggbb`, or `#rrggbbaa` with alpha (sRGB, straight alpha)."""

    pattern: str = "#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?"
    example: str = "#ff8800"


@dataclass(frozen=True, kw_only=True)
class FilePicker(Component):
    """The path of a file, chosen in a dialogue; which endings are fine is said by the value type `File`."""

    edits: ClassVar[tuple[type[ValueType], ...]] = (File, String)
    usual: ClassVar[ValueType] = File()


@dataclass(frozen=True, kw_only=True)
class FolderPicker(Component):
    """The path of a folder, chosen in a dialogue."""

    edits: ClassVar[tuple[type[ValueType], ...]] = (Folder, String)
    usual: ClassVar[ValueType] = Folder()


@dataclass(frozen=True, kw_only=True)
class JSONEditor(Component):
    """A JSON value, edited as text or as a tree."""

    usual: ClassVar[ValueType] = JSON()


_BUILTIN: dict[str, type[Component]] = {
    cls.__name__: cls
    for cls in (
        Placeholder, Number, Slider, Select, Text, Switch, Color, Seed, FilePicker, FolderPicker, JSONEditor,
    )
}  # fmt: skip


def builtin_components() -> dict[str, type[Component]]:
    """Return the components that the core declares, by name."""
    return dict(_BUILTIN)


def component_for(value_type: ValueType) -> Component:
    """Return the component for a port that states none."""
    core = _core_of(value_type)
    usual: tuple[tuple[type[ValueType], type[Component]], ...] = (
        (Boolean, Switch), (Integer, Number), (Float, Number), (String, Text), (Choice, Select),
        (File, FilePicker), (Folder, FolderPicker), (JSON, JSONEditor),
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
    settings = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key != "component"
    }
    try:
        return cls(**settings)
    except TypeError as error:
        raise ValueError(f"component {name}: {str(error).split('() ', 1)[-1]}") from None


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
