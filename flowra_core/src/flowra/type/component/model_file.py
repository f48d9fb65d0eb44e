"""`ModelFile`: a port of `InitArgs` that takes a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flowra.type.annotations import value_type_of
from flowra.type.component.base import REQUIRED, Component, inner_type
from flowra.type.model_reference import ModelReference
from flowra.type.value.base import ValueType, short
from flowra.type.value.containers import OptionalOf
from flowra.type.value.model import Model
from flowra.type.value.scalar import File, Folder, String

__all__ = ["ModelFile"]


@dataclass(frozen=True, kw_only=True)
class ModelFile(Component):
    """A model that a node works with; the node gets the path of what was fetched.

    ```python
    class InitArgs(BaseArgs):
        weights: ModelFile("org/name", revision="v1.0", file="model.onnx")
    ```

    `Annotated[Path, ModelFile("org/name", …)]` means the same. The model that is declared is the default; a graph may
    give a reference to another, or the path of a file. It stands in `InitArgs`, since a model is loaded once.

    Args:
        model: The model's name at its hub, `org/name`, or a whole reference (`modelscope://org/name@v1.0#file`); empty
            where the graph has to say.
        revision: A tag, a branch or a commit; empty for the hub's main branch, which moves.
        file: The one file of it that the node takes.
        files: Which files it takes, as paths or patterns (`["*.json", "onnx/"]`); the node then gets their folder.
            Without `file` and `files`, the folder has all.
        hub: The hub's name; empty for the one in the settings.
    """

    edits: ClassVar[tuple[type[ValueType], ...]] = (Model,)
    usual: ClassVar[ValueType] = Model()

    model: str = field(default="", kw_only=False)
    revision: str = ""
    file: str = ""
    files: tuple[str, ...] = ()
    hub: str = ""

    def __post_init__(self) -> None:
        given: Any = self.files
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise TypeError(f"files are a list, got {short(given)}")
        object.__setattr__(self, "files", tuple(given))
        if not self.model:
            if self.revision or self.file or self.files or self.hub:
                raise ValueError("names no model")
        elif self.default is REQUIRED:
            object.__setattr__(self, "default", str(self.reference()))

    def reference(self) -> ModelReference:
        """Return the reference to the model that is declared; raises ValueError where it can't be one."""
        return ModelReference.of(
            self.model, revision=self.revision, file=self.file, files=self.files, hub=self.hub or None
        )

    def resolved_type(self, annotated: Any = None) -> ValueType:
        """Return `Model`, or an optional one; raises TypeError where the annotation is no path."""
        stated = self.value_type if self.value_type is not None else annotated
        if stated is None:
            return self.usual
        value_type = value_type_of(stated)
        inner = inner_type(value_type)
        # To the node, and to whoever checks its types, a model is a path.
        if not isinstance(inner, (Model, File, Folder, String)):
            raise TypeError(f"ModelFile gives a path; annotate it as Path, not {value_type}")
        return OptionalOf(Model()) if isinstance(value_type, OptionalOf) else Model()
