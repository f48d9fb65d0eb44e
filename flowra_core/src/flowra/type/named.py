"""Value types by name: how manifests and graph files write them, and back."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value import containers, media, scalar
from flowra.type.value.base import ValueType
from flowra.type.value.model import Model
from flowra.type.value.python import PythonObject

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["UnknownType", "builtin_value_types", "value_type_from_json"]


def _kinds() -> dict[str, type[ValueType]]:
    classes: list[type[ValueType]] = [
        scalar.Anything, scalar.Boolean, scalar.Integer, scalar.Float, scalar.String, scalar.Choice, scalar.JSON,
        scalar.Bytes, scalar.File, scalar.Folder, Model,
        containers.ListOf, containers.OptionalOf, containers.UnionOf,
        media.AnyImageType, media.Image, media.MaskType, media.Tensor, media.Embedding, media.DetectionsType,
        media.Audio, media.Video, media.Mesh, media.PointCloud,
        PythonObject,
    ]  # fmt: skip
    return {cls.kind: cls for cls in classes}


_BUILTIN = _kinds()
#: Spellings that people expect, beside the kinds themselves.
_ALIASES = {
    "number": "Float",
    "float": "Float",
    "int": "Integer",
    "integer": "Integer",
    "str": "String",
    "string": "String",
    "text": "String",
    "bool": "Boolean",
    "boolean": "Boolean",
    "json": "JSON",
    "any": "Any",
    "bytes": "Bytes",
    "path": "File",
    "file": "File",
    "folder": "Folder",
}


@dataclass(frozen=True)
class UnknownType(ValueType):
    """A value type of a pack that is not installed, or of a later Flowra: kept as it was written, never checked."""

    kind: ClassVar[str] = "Unknown"
    words: ClassVar[str] = "type of a pack that is not installed"

    name: str = ""
    written: Any = field(default=None, compare=False)

    def to_json(self) -> str | dict[str, Any]:
        """Return the type just as it was written."""
        written: str | dict[str, Any] = self.written if self.written is not None else self.name
        return written

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes everything: what such a value is, is not known here."""
        from pydantic_core import core_schema

        return core_schema.any_schema()

    def json_schema(self) -> dict[str, Any]:
        """Return a schema that only names the type."""
        return {"x-flowra-type": self.to_json()}

    def __str__(self) -> str:
        return self.name


def builtin_value_types() -> dict[str, type[ValueType]]:
    """Return the value types that the core declares, by kind."""
    return dict(_BUILTIN)


def value_type_from_json(data: str | dict[str, Any]) -> ValueType:
    """Make a value type from its name, or from an object `{"type": name, …constraints}`.

    Raises:
        ValueError: The core has no such type and the name is not one of a pack (`pack/Type`), or a constraint is off.
    """
    name, parameters = (data, {}) if isinstance(data, str) else _split(data)
    name = _ALIASES.get(name, name)
    cls = _BUILTIN.get(name) or _from_pack(name)
    if cls is None:
        if "/" in name:
            return UnknownType(name, data)
        if owned := _types_of_packs(name):
            raise ValueError(_lacks_pack(name, owned))
        near = difflib.get_close_matches(name, [*_BUILTIN, *_ALIASES], n=1)
        raise ValueError(f"unknown value type {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    try:
        return cls.from_parameters(parameters)
    except (TypeError, ValueError) as error:
        raise ValueError(f"value type {name}: {error}") from None


def _split(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ValueError('a value type is a name, or an object with "type" and its constraints')
    return data["type"], {key: value for key, value in data.items() if key != "type"}


def _types_of_packs(name: str) -> dict[str, str]:
    from flowra.type.handler import types_of_packs

    return types_of_packs(name)


def _lacks_pack(name: str, owned: dict[str, str]) -> str:
    if len(owned) == 1:
        return f"unknown value type {name!r}; did you mean {next(iter(owned))}?"
    named = " and ".join(f"{full_name} of {pack}" for full_name, pack in owned.items())
    return f"value type {name!r} may be {named}; write which"


def _from_pack(name: str) -> type[ValueType] | None:
    if "/" not in name:
        return None
    from flowra.type.handler import pack_value_type

    return pack_value_type(name)
