"""Lists of a type, optional types, unions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value.base import ValueType, check_sizes, short
from flowra.type.value.scalar import Anything

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["ListOf", "OptionalOf", "UnionOf"]


#: Characters of a text, or digits of a number, that are written out as a list in a message.
_SHORT = 60


def _member(value: Any) -> ValueType:
    if isinstance(value, ValueType):
        return value
    if isinstance(value, (str, dict)):
        from flowra.type.named import value_type_from_json

        return value_type_from_json(value)
    from flowra.type.annotations import value_type_of

    return value_type_of(value)


@dataclass(frozen=True)
class ListOf(ValueType):
    """A list whose items are all of one type.

    Args:
        item: The type of the items; a Python annotation does as well.
        min_length: The fewest items.
        max_length: The most items, or None.
    """

    kind: ClassVar[str] = "List"
    words: ClassVar[str] = "list of items of one type, in order"

    item: ValueType = Anything()
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", _member(self.item))
        check_sizes(0, min_length=self.min_length, max_length=self.max_length)
        if self.max_length is not None and self.min_length > self.max_length:
            raise ValueError(f"no list has at least {self.min_length} and at most {self.max_length} items")

    def core_schema(self) -> CoreSchema:
        """Return a list schema; tuples become lists, text and bytes are refused."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            _as_list,
            core_schema.list_schema(
                self.item.core_schema(),
                min_length=self.min_length or None,
                max_length=self.max_length,
                strict=True,
            ),
        )

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal can't be such a list, naming the first item that is wrong."""
        if not isinstance(value, (list, tuple)):
            return f"expected a list, got {short(value)}{self._as_list(value)}"
        if reason := self.reason_against_length(len(value)):
            return reason
        for index, item in enumerate(value):
            reason = self.item.accepts_literal(item)
            if reason:
                return f"item {index}: {reason}"
        return None

    def _as_list(self, value: Any) -> str:
        """Say how a list is written of what stands in its place: one item, or several in one text."""
        if isinstance(value, str) and len(value) <= _SHORT:
            items: list[Any] = [part.strip() for part in value.split(",")]
        elif isinstance(value, (int, float)) and abs(value) < 10**_SHORT:
            items = [value]
        else:
            return ""
        if any(self.item.accepts_literal(item) is not None for item in items):
            return ""
        return f"; write {json.dumps(items, ensure_ascii=False)}"

    def reason_against_length(self, count: int) -> str | None:
        """Say why a list can't have so many items, or None where it can."""
        if count < self.min_length:
            return f"expected at least {self.min_length} items, got {count}"
        if self.max_length is not None and count > self.max_length:
            return f"expected at most {self.max_length} items, got {count}"
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return an array schema."""
        schema: dict[str, Any] = {"type": "array", "items": self.item.json_schema()}
        if self.min_length:
            schema["minItems"] = self.min_length
        if self.max_length is not None:
            schema["maxItems"] = self.max_length
        return schema

    def __str__(self) -> str:
        return f"List[{self.item}]"


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class OptionalOf(ValueType):
    """A type, or nothing (`None`, `null` in a graph file)."""

    kind: ClassVar[str] = "Optional"
    words: ClassVar[str] = "a value of the type, or nothing"

    item: ValueType = Anything()

    def __post_init__(self) -> None:
        item = _member(self.item)
        object.__setattr__(self, "item", item.item if isinstance(item, OptionalOf) else item)

    @property
    def reads_files(self) -> bool:  # type: ignore[override]
        """Whether a text literal is a path: as the inner type says."""
        return self.item.reads_files

    def core_schema(self) -> CoreSchema:
        """Return a nullable schema."""
        from pydantic_core import core_schema

        return core_schema.nullable_schema(self.item.core_schema())

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal is neither null nor of the type."""
        return None if value is None else self.item.accepts_literal(value)

    def json_schema(self) -> dict[str, Any]:
        """Return a schema that takes null as well."""
        return {"anyOf": [self.item.json_schema(), {"type": "null"}]}

    def __str__(self) -> str:
        return f"Optional[{self.item}]"


@dataclass(frozen=True)
class UnionOf(ValueType):
    """One of several types.

    The first that takes the value as it is wins; if none does, the first that can convert it: `1.0` stays a number
    with a fraction for `int | float`, and text stays text for `bytes | str`.

    Args:
        items: The types; Python annotations do as well.
    """

    kind: ClassVar[str] = "Union"
    words: ClassVar[str] = "a value of one of the types"

    items: tuple[ValueType, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.items, tuple) or not self.items:
            raise ValueError(f"a union has a list of types, got {short(self.items)}")
        flat: list[ValueType] = []
        for item in map(_member, self.items):
            flat.extend(item.items if isinstance(item, UnionOf) else (item,))
        object.__setattr__(self, "items", tuple(dict.fromkeys(flat)))

    @property
    def reads_files(self) -> bool:  # type: ignore[override]
        """Whether a text literal is a path: only if no member takes plain text."""
        from flowra.type.value.scalar import String

        return any(item.reads_files for item in self.items) and not any(isinstance(item, String) for item in self.items)

    def core_schema(self) -> CoreSchema:
        """Return a schema that tries the members in order, twice: as it is, then converted."""
        from pydantic_core import SchemaValidator, ValidationError, core_schema

        members = [item.core_schema() for item in self.items]
        validators = [SchemaValidator(member) for member in members]

        def pick(value: Any, _: Any) -> Any:
            converted = []
            for validator in validators:
                try:
                    found = validator.validate_python(value)
                except ValidationError:
                    continue
                if _is_same(found, value):
                    return found
                converted.append(found)
            if not converted:
                raise ValueError(f"is none of {', '.join(map(str, self.items))}: got {short(value)}")
            return converted[0]

        # The union stays inside for the sake of its members' serializers.
        return core_schema.no_info_wrap_validator_function(pick, core_schema.union_schema([*members]))

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal fits none of the types."""
        reasons = [item.accepts_literal(value) for item in self.items]
        if None in reasons:
            return None
        return f"is none of {', '.join(map(str, self.items))}: got {short(value)}"

    def json_schema(self) -> dict[str, Any]:
        """Return an `anyOf` schema."""
        return {"anyOf": [item.json_schema() for item in self.items]}

    def __str__(self) -> str:
        return " | ".join(map(str, self.items))


def _is_same(found: Any, value: Any) -> bool:
    """Tell whether validation left a value what it was; what it made anew (an array, an object) counts as changed."""
    if found is value:
        return True
    if type(found) is not type(value):
        return False
    if isinstance(value, list):
        return len(found) == len(value) and all(map(_is_same, found, value))
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(_is_same(found[key], value[key]) for key in value)
    return isinstance(value, (bool, int, float, str, bytes, PurePath)) and bool(found == value)
