"""Masks: which pixels belong to something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra.type.value_type import ValueType
from flowra_image.pixels import full_scale, has_alpha
from flowra_image.segmenting import mask_to_picture
from flowra_image.types.arrays import ArrayHandler, as_array, identity, locked, range_of, shape_of
from flowra_image.types.images import AnyImageHandler, canonical

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra_image.pixels import MaskPixels

__all__ = ["MaskHandler"]


class MaskHandler(ArrayHandler["MaskPixels"]):
    """Takes bool arrays H×W, and pictures that hold nothing but 0 and one other value."""

    def coerce(self, value: Any, spec: ValueType) -> MaskPixels:
        """Return a bool array H×W; raises ValueError saying why it can't be."""
        array = as_array(value)
        if array is not None and array.dtype == np.bool_:
            return locked(_checked_shape(array))
        return locked(_two_valued(canonical(value if array is None else array)))

    def to_json(self, value: MaskPixels) -> Any:
        """Return dtype, shape and the SHA-256 of the mask's bytes."""
        return identity(value)

    def summarize(self, value: MaskPixels) -> str:
        """Return `1920×1080 mask, 12.5% True`."""
        return f"{value.shape[1]}×{value.shape[0]} mask, {range_of(value)}"

    def export(self, value: MaskPixels, stem: Path) -> Path:
        """Write a grey PNG of 0 and 255."""
        return AnyImageHandler().export(mask_to_picture(value), stem)

    def thumbnail(self, value: MaskPixels, max_size: int) -> bytes | None:
        """Return a grey PNG, shrunk to `max_size` if it is larger."""
        return AnyImageHandler().thumbnail(mask_to_picture(value), max_size)


def _checked_shape(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        mend = "take one of them, array[0]" if array.ndim == 3 else "a mask has two axes, rows and columns"
        raise ValueError(f"expected a mask H×W, got bool of shape {array.shape}: {mend}")
    if array.size == 0:
        raise ValueError(f"expected a mask with at least one pixel, got {shape_of(array)}")
    return array


def _two_valued(image: NDArray[Any]) -> MaskPixels:
    """Return where a picture is not 0, if all the rest of it has one value."""
    if has_alpha(image):
        if (image[..., 3] != full_scale(image)).any():
            raise ValueError(
                "expected a mask, got a picture with transparent pixels: take its alpha, array[..., 3] > 0"
            )
        image = image[..., :3]
    if image.ndim == 3:
        if (image[..., :1] != image[..., 1:]).any():
            raise ValueError("expected a mask, got a coloured picture: put image/Threshold before it")
        image = image[..., 0]
    marked = image != 0
    high = image.max()
    if (image[marked] != high).any():
        raise ValueError(
            f"expected a mask of 0 and one other value, got a grey picture with values between 0 and {high:g}: "
            "put image/Threshold before it"
        )
    return np.asarray(marked, dtype=np.bool_)
