"""A port: one field of a node's arguments, with its type and how it is presented."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowra.type.component_type import REQUIRED, Component, component_from_json, inner_type
from flowra.type.named import value_type_from_json
from flowra.type.value.base import ValueType, reason_of
from flowra.type.value.scalar import base64_text

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["Port"]


@dataclass(frozen=True)
class Port:
    """One field of `InitArgs`, `InputArgs` or `OutputArgs`.

    Attributes:
        name: The field's name.
        value_type: What it takes or gives.
        component: How it is presented and edited, with its constraints.
        default: The value where none is given; `REQUIRED` where there is none.
        description: What it is for.
    """

    name: str
    value_type: ValueType
    component: Component
    default: Any = REQUIRED
    description: str = ""

    @property
    def required(self) -> bool:
        """Whether it must be given a value or a link."""
        return self.default is REQUIRED

    @property
    def lazy(self) -> bool:
        """Whether its value is only computed when the node asks for it."""
        return self.component.lazy

    def reason_against(self, literal: Any) -> str | None:
        """Say why a literal can't be given to the port, or None if it can; needs no pack."""
        reason = self.value_type.accepts_literal(literal)
        if reason is None and literal is not None and (validator := self._constraint) is not None:
            return reason_of(lambda: validator.validate_python(literal))
        return reason

    @cached_property
    def _constraint(self) -> SchemaValidator | None:
        if self.component.constraint(inner_type(self.value_type)) is None:
            return None
        from pydantic_core import SchemaValidator

        # The whole schema, not the constraint alone: a constraint expects the coerced value.
        return SchemaValidator(self.component.core_schema(self.value_type))

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a literal for the port, with what a form needs under `x-flowra`."""
        definitions: dict[str, Any] = {}
        schema: dict[str, Any] = without_definitions(self.component.json_schema(self.value_type), definitions)
        if definitions:
            schema["$defs"] = definitions
        schema["title"] = self.component.label or self.name.replace("_", " ").capitalize()
        if self.description:
            schema["description"] = self.description
        if not self.required:
            schema["default"] = jsonable(self.default)
        schema["x-flowra"] = {"type": self.value_type.to_json(), **self.component.to_json()}
        return schema

    def to_json(self) -> dict[str, Any]:
        """Return the port as plain data."""
        data: dict[str, Any] = {
            "name": self.name,
            "type": self.value_type.to_json(),
            "component": self.component.to_json(),
        }
        if not self.required:
            data["default"] = jsonable(self.default)
        if self.description:
            data["description"] = self.description
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Port:
        """Make a port from what `to_json` wrote; raises ValueError where a type or component is unknown."""
        return cls(
            name=data["name"],
            value_type=value_type_from_json(data["type"]),
            component=component_from_json(data["component"]),
            default=data.get("default", REQUIRED),
            description=data.get("description", ""),
        )


def without_definitions(schema: Any, found: dict[str, Any]) -> Any:
    """Return a JSON Schema without its `$defs`, which go to `found`: references to them start at the top."""
    if isinstance(schema, list):
        return [without_definitions(item, found) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found.update(schema.get("$defs", {}))
    return {key: without_definitions(item, found) for key, item in schema.items() if key != "$defs"}


def jsonable(value: Any) -> Any:
    """Return a default or literal as plain data: paths become text, bytes base64, enumeration members their value."""
    if value is None or (isinstance(value, (bool, int, float, str)) and type(value) in (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return base64_text(value)
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)
