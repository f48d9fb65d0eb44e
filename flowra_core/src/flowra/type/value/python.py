"""Values of an ordinary Python class: pydantic models, dataclasses, typed dictionaries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value.base import ValueType, located_complaints

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import CoreSchema

__all__ = ["PythonObject"]


@dataclass(frozen=True)
class PythonObject(ValueType):
    """An instance of a Python class that pydantic can validate.

    Two such types are the same when they name the same class. Read back from a manifest, the class itself is not
    there: a literal is then checked when its node's pack is loaded.

    Args:
        name: `module:Class`.
        python: The class, where it is loaded.
    """

    kind: ClassVar[str] = "Object"
    words: ClassVar[str] = "instance of a Python class (an object with its fields in a graph file)"

    unwritten: ClassVar[frozenset[str]] = frozenset({"python"})

    name: str = ""
    python: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, python: type) -> PythonObject:
        """Make the type of a class."""
        return cls(f"{python.__module__}:{python.__qualname__}", python)

    def parameters(self) -> dict[str, Any]:
        """Return the name of the class."""
        return {"name": self.name}

    def core_schema(self) -> CoreSchema:
        """Return a schema that asks pydantic's validator of the class."""
        from pydantic_core import core_schema

        if self.python is None:
            return core_schema.any_schema()
        # pydantic's own schema can't stand inside another where the class refers to itself.
        return core_schema.no_info_plain_validator_function(
            self._check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: _adapter(self.python).dump_python(value, mode="json"), when_used="json"
            ),
        )

    def _check(self, value: Any) -> Any:
        from pydantic import ValidationError

        try:
            return _adapter(self.python).validate_python(value)
        except ValidationError as error:
            found = [
                f"{'.'.join(map(str, place))}: {complaint}" if place else complaint
                for place, complaint in located_complaints(error)
            ]
            raise ValueError("; ".join(found)) from None

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal can't be an instance; None as well where the class isn't loaded."""
        if self.python is None:
            return None
        try:
            self._check(value)
        except ValueError as error:
            return str(error)
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return pydantic's JSON Schema of the class; its definitions bear the class's name, to be put with others."""
        if self.python is None:
            return {}
        prefix = re.sub(r"[^A-Za-z0-9_.-]", "_", self.name)
        schema = _adapter(self.python).json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
        if "$defs" in schema:
            schema["$defs"] = {f"{prefix}.{model}": each for model, each in schema["$defs"].items()}
        return schema

    def __str__(self) -> str:
        return self.name


# By the class itself: a notebook makes a class of the same name anew each time its cell runs.
@lru_cache(maxsize=256)
def _adapter(python: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(python)
