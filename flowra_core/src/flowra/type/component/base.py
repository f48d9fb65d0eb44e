"""What every component is: how a port is presented and edited, and what it asks of a value beyond the type."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.annotations import value_type_of
from flowra.type.value.base import ValueType
from flowra.type.value.containers import OptionalOf
from flowra.type.value.scalar import Anything

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["REQUIRED", "Component", "inner_type"]


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
        lazy: Whether a linked value is only computed when the node's `needs` asks for it; None in `run` otherwise.
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
    lazy: bool = False

    def resolved_type(self, annotated: Any = None) -> ValueType:
        """Return the value type: as stated, else as annotated, else the usual one; raises TypeError if it can't be."""
        stated = self.value_type if self.value_type is not None else annotated
        value_type = self.usual if stated is None else value_type_of(stated)
        if self.value_type is not None and annotated is not None:
            self._check_against(value_type, annotated)
        if self.edits and not isinstance(inner_type(value_type), self.edits):
            names = ", ".join(edited.kind for edited in self.edits)
            raise TypeError(f"{type(self).__name__} edits {names}, not {value_type}")
        return value_type

    def _check_against(self, value_type: ValueType, annotated: Any) -> None:
        from flowra.type.fit import fit

        try:
            beside = value_type_of(annotated)
        except TypeError:  # what type checkers are told, an NDArray for a picture, need be no value type
            return
        if fit(value_type, beside).kind == "refused":
            raise TypeError(f"is annotated as {beside}, and its {type(self).__name__} says {value_type}")

    def mistakes(self, value_type: ValueType) -> list[str]:
        """Return what is wrong with the component's own settings for a value type."""
        return []

    def core_schema(self, value_type: ValueType) -> CoreSchema:
        """Return the schema of a value of the type under the component's constraints."""
        constraint = self.constraint(inner_type(value_type))
        if constraint is None:
            return value_type.core_schema()
        from pydantic_core import core_schema

        chained = core_schema.chain_schema([inner_type(value_type).core_schema(), constraint])
        return core_schema.nullable_schema(chained) if isinstance(value_type, OptionalOf) else chained

    def json_schema(self, value_type: ValueType) -> dict[str, Any]:
        """Return the JSON Schema of a literal under the component's constraints."""
        return value_type.json_schema()

    def constraint(self, value_type: ValueType) -> CoreSchema | None:
        """Return the schema of what the component asks beyond the value type, or None where it asks nothing."""
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
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in self.settings().items()}
        return {"component": type(self).__name__, **plain}


def inner_type(value_type: ValueType) -> ValueType:
    """Return the type inside an optional one; any other type as it is."""
    return inner_type(value_type.item) if isinstance(value_type, OptionalOf) else value_type
