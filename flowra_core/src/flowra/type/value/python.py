"""Values of an ordinary Python class: pydantic models, dataclasses, typed dictionaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value.base import ValueType

if TYPE_CHECKING:
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
        """Return pydantic's own schema of the class."""
        from pydantic import TypeAdapter
        from pydantic_core import core_schema

        return TypeAdapter(self.python).core_schema if self.python is not None else core_schema.any_schema()

    def json_schema(self) -> dict[str, Any]:
        """Return pydantic's JSON Schema of the class."""
        from pydantic import TypeAdapter

        return TypeAdapter(self.python).json_schema() if self.python is not None else {}

    def __str__(self) -> str:
        return self.name
