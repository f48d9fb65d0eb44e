"""Sample inputs, for a node that is to be tried before there is anything to give it."""

from __future__ import annotations

from typing import Any

from flowra.dag.port import Port
from flowra.exceptions import UsageError
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.media import AnyImageType, DetectionsType, Embedding, Image, MaskType, Tensor
from flowra.type.value.scalar import JSON, Anything, Boolean, Bytes, Choice, Float, Integer, String

__all__ = ["sample_for"]

#: Width and height of sample pictures, in pixels.
SIZE = 320, 240
#: The size of an axis that may have any, and the dimension of a vector that may have any.
_AXIS, _DIMENSION = 4, 8


def sample_for(port: Port) -> Any:
    """Return a value for a port that has no default: a drawn picture, a number within its bounds, a word.

    Raises:
        UsageError: There is no sample of such a value, a file or a mesh for one.
    """
    try:
        value = _sample(port.value_type, port)
    except LookupError:
        value = None
    if value is None:
        raise UsageError(
            f"the input {port.name} is missing",
            why=f"there is no sample of a value of type {port.value_type}",
            fix=f"give one: --input {port.name}=VALUE",
        )
    return value


def _sample(kind: ValueType, port: Port) -> Any:
    if isinstance(kind, (OptionalOf, ListOf)):
        inner = _sample(kind.item, port)
        return [inner, inner] if isinstance(kind, ListOf) else inner
    if isinstance(kind, UnionOf):
        return _sample(kind.items[0], port)
    plain: dict[type[ValueType], Any] = {Boolean: True, String: "sample", Bytes: b"sample", JSON: {"a": 1}, Anything: 1}
    if type(kind) in plain:
        return plain[type(kind)]
    if isinstance(kind, Choice):
        return kind.values[0]
    if isinstance(kind, (Integer, Float)):
        candidates = [1, 0, 2, *(getattr(port.component, name, None) for name in ("min", "max"))]
        return next(value for value in candidates if value is not None and port.reason_against(value) is None)
    return _array(kind)


def _array(kind: ValueType) -> Any:
    if isinstance(kind, AnyImageType):
        picture = _picture()
        if isinstance(kind, Image) and (kind.min_width or kind.min_height):
            raise LookupError
        return picture
    if isinstance(kind, MaskType):
        return _disc(*SIZE, radius=0.3)
    import numpy as np

    if isinstance(kind, Tensor):
        shape = [size if size is not None else _AXIS for size in (kind.shape or (None, None))]
        return np.arange(int(np.prod(shape))).reshape(shape).astype(kind.dtype or "float32")
    if isinstance(kind, Embedding):
        return np.linspace(-1, 1, kind.dim or _DIMENSION, dtype=np.float32)
    if isinstance(kind, DetectionsType):
        from flowra.type.detections import Detections

        boxes = np.array([[40, 40, 140, 160], [180, 60, 280, 200]], np.float32)
        return Detections(boxes, np.array([0.9, 0.6], np.float32), np.array([0, 1]), ("one", "two"), SIZE)
    raise LookupError


def _picture() -> Any:
    """Return an RGB picture with what filters act on: ramps, edges, flat colour, fine detail and noise."""
    import numpy as np

    width, height = SIZE
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    picture = np.stack([x, y, 1 - x], axis=2)
    picture[_disc(width, height, radius=0.25)] = (0.95, 0.75, 0.2)
    board = (np.add.outer(np.arange(height) // 8, np.arange(width) // 8) % 2).astype(bool)
    board[: height * 2 // 3] = False
    picture[board] = 0.1
    picture += np.random.default_rng(7).normal(0, 0.02, picture.shape)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _disc(width: int, height: int, *, radius: float) -> Any:
    import numpy as np

    y, x = np.mgrid[:height, :width]
    return (x - width / 2) ** 2 + (y - height / 2) ** 2 < (radius * height) ** 2
