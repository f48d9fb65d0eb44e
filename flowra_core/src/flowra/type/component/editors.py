"""The components that the core declares."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.component.base import Component, inner_type
from flowra.type.value.base import ValueType, check_sizes, short
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.scalar import JSON, Boolean, Choice, File, Float, Folder, Integer, String

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = [
    "Color",
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
]


@dataclass(frozen=True, kw_only=True)
class Placeholder(Component):
    """A socket: the value comes over a link, or as the path of a file; nothing to edit."""


@dataclass(frozen=True, kw_only=True)
class Number(Component):
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
        found = [
            f"{name} is a finite number, got {short(value)}"
            for name, value in (("min", self.min), ("max", self.max), ("step", self.step))
            if value is not None and (type(value) not in (int, float) or not math.isfinite(value))
        ]
        if found:
            return found
        if self.min is not None and self.max is not None and self.min > self.max:
            found.append(f"min {self.min} is above max {self.max}")
        elif isinstance(inner_type(value_type), Integer):
            low, high = self._whole_bounds()
            if low is not None and high is not None and low > high:
                found.append(f"no whole number lies between {self.min} and {self.max}")
        if self.step is not None and self.step <= 0:
            found.append(f"step {self.step} is not positive")
        return found

    def _whole_bounds(self) -> tuple[int | None, int | None]:
        low = None if self.min is None else math.ceil(self.min)
        return low, None if self.max is None else math.floor(self.max)

    def constraint(self, value_type: ValueType) -> CoreSchema | None:
        """Return the schema of the bounds."""
        from pydantic_core import core_schema

        if self.min is None and self.max is None:
            return None
        if isinstance(value_type, Integer):
            low, high = self._whole_bounds()
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
class Select(Component):
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
        for name in ("choices", "labels"):
            given = getattr(self, name)
            if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
                raise TypeError(f"{name} are a list, got {short(given)}")
            object.__setattr__(self, name, tuple(given))

    def resolved_type(self, annotated: Any = None) -> ValueType:
        """Return the value type; without one it is the choices' own."""
        if self.value_type is None and annotated is None:
            if not self.choices:
                raise TypeError("a Select needs choices")
            choice = Choice(self.choices)
            return ListOf(choice) if self.multiple else choice
        return super().resolved_type(annotated)

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the choices."""
        core = inner_type(value_type)
        found = []
        choices = self._choices(core)
        if not choices:
            found.append("a Select needs choices")
        if self.labels and len(self.labels) != len(choices):
            found.append(f"{len(self.labels)} labels for {len(choices)} choices")
        if self.multiple != isinstance(core, ListOf):
            found.append(f"multiple={self.multiple} with the value type {core}")
        item = core.item if isinstance(core, ListOf) else core
        if not isinstance(item, (String, Integer, Float, Choice)):
            return [*found, f"a Select has texts or numbers to choose from, not {item}"]
        found += [
            f"choice {choice!r}: {reason}" for choice in choices if (reason := item.accepts_literal(choice)) is not None
        ]
        if not found and len({*map(_key, choices)}) < len(choices):
            found.append("a choice is listed twice")
        return found

    def _choices(self, value_type: ValueType) -> tuple[Any, ...]:
        item = value_type.item if isinstance(value_type, ListOf) else value_type
        if not self.choices:
            return item.values if isinstance(item, Choice) else ()
        # What is picked is given to the node as the port's type has it: 1.0 for a number, though the list says 1.
        number = {Integer: int, Float: float}.get(type(item))
        return self.choices if number is None else tuple(map(number, self.choices))

    def constraint(self, value_type: ValueType) -> CoreSchema | None:
        """Return the schema of the choices."""
        from pydantic_core import core_schema

        choice = Choice(self._choices(value_type)).core_schema()
        if not self.multiple:
            return choice
        return core_schema.no_info_after_validator_function(_distinct, core_schema.list_schema(choice))

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return an `enum` schema, or an array of one without repetition."""
        core = inner_type(value_type)
        choices = {"enum": list(self._choices(core))}
        schema = {**core.json_schema(), "items": choices, "uniqueItems": True} if self.multiple else choices
        return {"anyOf": [schema, {"type": "null"}]} if isinstance(value_type, OptionalOf) else schema


def _distinct(values: list[Any]) -> list[Any]:
    if len(values) != len({*map(_key, values)}):
        raise ValueError("a choice is listed twice")
    return values


def _key(choice: Any) -> tuple[bool, Any]:
    return isinstance(choice, bool), choice


@dataclass(frozen=True, kw_only=True)
class Text(Component):
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
        from pydantic_core import SchemaError, SchemaValidator, core_schema

        try:
            check_sizes(0, min_length=self.min_length, max_length=self.max_length)
        except ValueError as error:
            return [str(error)]
        found = []
        if self.max_length is not None and self.min_length > self.max_length:
            found.append(f"min_length {self.min_length} is above max_length {self.max_length}")
        try:
            re.compile(self.pattern)
            SchemaValidator(core_schema.str_schema(pattern=self.pattern))
        except (re.error, TypeError) as error:
            found.append(f"pattern {self.pattern!r} is no regular expression: {error}")
        except SchemaError as error:
            reason = str(error).rpartition("error: ")[2].partition("\n")[0]
            found.append(f"pattern {self.pattern!r} can't be used: {reason}")
        return found

    def constraint(self, value_type: ValueType) -> CoreSchema | None:
        """Return the schema of the lengths and the pattern."""
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
