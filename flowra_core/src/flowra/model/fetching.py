"""`download`: a model's path in one line, outside a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from flowra.exceptions import UsageError
from flowra.model.models import Models
from flowra.model.watch import Silent
from flowra.type.model_reference import ModelReference

__all__ = ["download", "reference_to"]


class _Told(Silent):
    def __init__(self, progress: Callable[[float, float | None, str], None]) -> None:
        self._progress = progress

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        self._progress(done, total, text)


def download(
    model: str,
    *,
    revision: str | None = None,
    file: str | None = None,
    files: Iterable[str] = (),
    hub: str | None = None,
    progress: Callable[[float, float | None, str], None] | None = None,
) -> Path:
    """Return the path of a model, downloading what is not here yet. The second time needs no network.

    Args:
        model: The model's name at the hub, `org/name`, or a whole reference: `modelscope://org/name@v1.0#model.onnx`.
        revision: A tag, a branch or a commit; None for the hub's main branch, which moves.
        file: The one file that is wanted; its path is returned.
        files: The files that are wanted, as paths or patterns; the path of their folder is returned. Without `file` and
            `files`, all are.
        hub: The hub; None for the one in the settings.
        progress: Told how far it is: bytes that are there, bytes in all, and words.

    Raises:
        UsageError: The arguments name no model.
        ModelError: The model can't be had; see `flowra.exceptions` for its kinds.
    """
    reference = reference_to(model, revision=revision, file=file, files=files, hub=hub)
    return Models().get(reference, _Told(progress) if progress is not None else None).path


def reference_to(
    model: str,
    *,
    revision: str | None = None,
    file: str | None = None,
    files: Iterable[str] = (),
    hub: str | None = None,
) -> ModelReference:
    """Return the reference that arguments mean; raises UsageError where they mean none."""
    try:
        return ModelReference.of(model, revision=revision, file=file, files=files, hub=hub)
    except ValueError as error:
        raise UsageError("no model can be called so", why=str(error)) from error
