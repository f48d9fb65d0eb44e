"""The value type of a model: a reference to one at a hub in a graph, its path where a node runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.model_reference import ModelReference, is_model_reference
from flowra.type.value.base import ValueType, short

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["Model"]


@dataclass(frozen=True)
class Model(ValueType):
    """A model: a reference such as `modelscope://org/name@v1.0#model.onnx`, or the path of a file or folder.

    The engine fetches what a reference names before a node is made, so that the node gets a `pathlib.Path`.
    """

    kind: ClassVar[str] = "Model"
    words: ClassVar[str] = "model at a hub (modelscope://org/name@v1.0#file), or path of a file or folder"
    reads_files: ClassVar[bool] = True

    def core_schema(self) -> CoreSchema:
        """Return a schema that takes references and paths. A reference stays text until the engine has fetched it."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Path | str:
        reason = self.accepts_literal(value)
        if reason is not None:
            raise ValueError(reason)
        if is_model_reference(value):
            return str(ModelReference.parse(value))
        path = Path(value).expanduser().absolute()
        if not path.exists():
            raise ValueError(f"no such file or folder: {path}")
        return path

    def accepts_literal(self, value: Any) -> str | None:
        """Say why a literal can't be a model; whether there is one is only known when it is asked for."""
        if is_model_reference(value):
            try:
                ModelReference.parse(value)
            except ValueError as error:
                return str(error)
            return None
        if not isinstance(value, (str, PurePath)) or not str(value) or "\0" in str(value):
            return f"expected a reference to a model, or a path, got {short(value)}"
        if str(value).startswith(("http://", "https://", "file://")):
            return f"{value} is neither a reference such as modelscope://org/name@v1.0#file nor a path"
        return None

    def json_schema(self) -> dict[str, Any]:
        """Return a text schema with the format `model`."""
        return {"type": "string", "format": "model", "minLength": 1}
