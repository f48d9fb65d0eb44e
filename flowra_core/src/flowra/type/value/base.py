"""What every value type is: an immutable, hashable description that can be validated against."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, SchemaValidator

__all__ = ["ValueType"]


@dataclass(frozen=True)
class ValueType:
    """What a port takes or gives: a kind of value and the constraints on it.

    A value type is a plain immutable value. Equal constraints make equal types; a class stands for its
    unconstrained instance, so `AnyImage` and `AnyImage()` mean the same wherever a value type is asked for.

    Subclasses set `kind`, `words` and, where a string literal names a file, `reads_files`; they implement
    `core_schema` and `json_schema`.
    """

    #: Its name in graph files, manifests and messages; packs prefix theirs: `acme/Hologram`.
    kind: ClassVar[str] = ""
    #: What a value of it is, in words: shape, dtype, range, order, units.
    words: ClassVar[str] = ""
    #: Whether a text literal is the path of a file to read, relative to the graph's folder.
    reads_files: ClassVar[bool] = False
    #: Fields that are no constraints, and never written down.
    unwritten: ClassVar[frozenset[str]] = frozenset()

    def core_schema(self) -> CoreSchema:
        """Return the pydantic-core schema that validates and coerces a value of this type."""
        raise NotImplementedError(f"{type(self).__name__}.core_schema")

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a literal of this type, as a graph file holds it."""
        raise NotImplementedError(f"{type(self).__name__}.json_schema")

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a JSON literal can't be a value of this type, or None where it can.

        Called when a graph is checked, so it must not need the pack that handles the values.
        """
        return reason_of(lambda: _validator_of(self).validate_python(value))

    def parameters(self) -> dict[str, Any]:
        """Return the constraints that differ from the unconstrained type, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != _default_of(field)
        }

    def to_json(self) -> str | dict[str, Any]:
        """Return the type as plain data: its kind alone, or an object with its constraints."""
        parameters = self.parameters()
        if not parameters:
            return self.kind
        return {"type": self.kind, **{name: _jsonable(value) for name, value in parameters.items()}}

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any]) -> ValueType:
        """Make the type from the constraints that `to_json` wrote; raises ValueError for an unknown one."""
        known = [field.name for field in dataclasses.fields(cls) if field.name not in cls.unwritten]
        for name in parameters:
            if name not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise ValueError(f"there is no constraint {name!r}; {has}")
        return cls(**{name: _hashable(value) for name, value in parameters.items()})

    def __str__(self) -> str:
        inside = ",".join(f"{name}={_text(name, value)}" for name, value in self.parameters().items())
        return f"{self.kind}[{inside}]" if inside else self.kind

    def __or__(self, other: Any) -> ValueType:
        from flowra.type.annotations import value_type_of
        from flowra.type.value.containers import OptionalOf, UnionOf

        if other is None or other is type(None):
            return OptionalOf(self)
        return UnionOf((self, value_type_of(other)))


@lru_cache(maxsize=1024)
def _validator_of(value_type: ValueType) -> SchemaValidator:
    from pydantic_core import SchemaValidator

    return SchemaValidator(value_type.core_schema())


def reason_of(validate: Callable[[], object]) -> str | None:
    """Run a pydantic validation and return its complaint in words, or None where it has none."""
    from pydantic_core import ValidationError

    try:
        validate()
    except ValidationError as error:
        return "; ".join(complaints(error))
    return None


def complaints(error: Any) -> list[str]:
    """Return what a pydantic `ValidationError` complains of, one phrase each, with the value that was given."""
    return [complaint for _, complaint in located_complaints(error)]


def located_complaints(error: Any) -> list[tuple[tuple[int | str, ...], str]]:
    """Return each complaint of a pydantic `ValidationError` with the path of the value it is about."""
    found = []
    for item in error.errors(include_url=False):
        message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if item["type"] in _SELF_EXPLAINING:
            phrase = message
        else:
            phrase = f"{message.removeprefix('Input ').removeprefix('String ')}, got {short(item['input'])}"
        found.append((tuple(item["loc"]), phrase))
    return found


_SELF_EXPLAINING = frozenset({"value_error", "assertion_error", "missing", "extra_forbidden"})


def short(value: Any, limit: int = 60) -> str:
    """Describe a value in a few words: its Python type, and its repr where that is short enough to help."""
    name = type(value).__name__
    if value is None:
        return "nothing (null)"
    if isinstance(value, PurePath):
        return f"path {value}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{name} of shape {tuple(value.shape)} and dtype {value.dtype}"
    if isinstance(value, (str, int, float, bool, list, tuple, dict, bytes)):
        # Slicing first keeps a value of many megabytes from being written out only to be cut.
        head = value[:limit] if isinstance(value, (str, bytes)) else value
        text = _written(head) if not isinstance(value, (list, tuple, dict)) or len(value) <= limit else "…"
        text = text if len(text) <= limit else text[: limit - 1] + "…"
        return f"{_FRIENDLY.get(name, name)} {text}"
    return f"{name}"


def _written(value: Any) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # Python writes out no number of thousands of digits, and no bottomless list
        return "…"


_FRIENDLY = {"str": "text", "int": "whole number", "float": "number", "bool": "boolean", "dict": "object"}


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _jsonable(value: Any) -> Any:
    if isinstance(value, ValueType):
        return value.to_json()
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return value


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    if name == "shape":
        return "×".join("?" if size is None else str(size) for size in value)
    return "|".join(map(str, value))


def check_sizes(least: int, **sizes: Any) -> None:
    """Raise ValueError for a constraint that is neither None nor a whole number from `least` on."""
    for name, size in sizes.items():
        if size is not None and (type(size) is not int or size < least):
            raise ValueError(f"{name} is a whole number from {least} on, got {short(size)}")
