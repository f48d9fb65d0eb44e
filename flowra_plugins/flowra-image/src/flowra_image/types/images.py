"""Pictures: `AnyImage` and `Image`."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra.type.value_type import Image, ValueType
from flowra.type.whole_files import write_whole
from flowra_image.errors import ImageError
from flowra_image.geometry import resize_exactly, target_size
from flowra_image.pixels import Pixels, describe, size_of, to_dtype, to_mode
from flowra_image.segmenting import mask_to_picture
from flowra_image.types.arrays import ArrayHandler, as_array, ending, identity, locked, range_of
from flowra_image.writing import FORMATS, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AnyImageHandler", "canonical"]

_EXPECTED = "expected H×W, H×W×3 or H×W×4"
#: Floating-point pictures may leave 0..1 by rounding errors; they are clipped. More is a mistake, and refused.
_TOLERANCE = 1e-5


class AnyImageHandler(ArrayHandler[Pixels]):
    """Takes arrays, PIL images, paths, the bytes of files, and masks; see `flowra_image.pixels` for what it gives."""

    def coerce(self, value: Any, spec: ValueType) -> Pixels:
        """Return the picture in the form that `spec` asks for; raises ValueError saying why it can't be."""
        image = canonical(value)
        if isinstance(spec, Image):
            _check_size(image, spec)
            # The deeper depth first, the shallower last: flattening and grey rounding happen in the finer one.
            if spec.dtype not in (None, "uint8"):
                image = to_dtype(image, spec.dtype)
            image = to_mode(image, spec.mode) if spec.mode else image
            image = to_dtype(image, spec.dtype) if spec.dtype else image
        return locked(image)

    def to_json(self, value: Pixels) -> Any:
        """Return dtype, shape and the SHA-256 of the pixels."""
        return identity(value)

    def summarize(self, value: Pixels) -> str:
        """Return `1920×1080 RGB uint8, 3..251`."""
        return f"{describe(value)}, {range_of(value)}"

    def export(self, value: Pixels, stem: Path) -> Path:
        """Write a PNG; a float picture is written with 16 bits."""
        deep = to_dtype(value, "uint16") if value.dtype == np.float32 else value
        path = ending(stem, ".png")
        write_whole(path, encode(deep, FORMATS["png"], compression=1), failed=ImageError)
        return path

    def thumbnail(self, value: Pixels, max_size: int) -> bytes | None:
        """Return a PNG with 8 bits, shrunk to `max_size` if it is larger."""
        size = size_of(value)
        if max(size) > max_size:
            value = resize_exactly(value, *target_size(size, max_size, max_size))
        return encode(to_dtype(value, "uint8"), FORMATS["png"], compression=1)


def canonical(value: Any) -> Pixels:
    """Return a picture from whatever holds one: an array, a PIL image, a path, the bytes of a file, a mask.

    Raises:
        ValueError: It holds none; the message says what was expected, what came, and the mend.
    """
    try:
        array = _read(value)
    except ImageError as error:
        parts = [error.what, *(part for part in (error.why, error.fix) if part)]
        raise ValueError("; ".join(parts)) from error
    if array is None:
        raise ValueError(f"expected a picture (array, PIL image, path or bytes of a file), got {type(value).__name__}")
    return _checked_range(_checked_dtype(_checked_shape(array)))


def _read(value: Any) -> NDArray[Any] | None:
    if type(value) is np.ndarray:
        return value  # what comes from another node nearly always is one

    from PIL import Image as PillowImage

    from flowra_image.reading import decode, from_pillow, load

    if isinstance(value, (str, PurePath)):
        return load(Path(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decode(bytes(value))
    if isinstance(value, PillowImage.Image):
        return from_pillow(value)
    return as_array(value)


def _checked_shape(array: NDArray[Any]) -> NDArray[Any]:
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[..., 0]
    elif not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))):
        raise ValueError(f"{_EXPECTED}, got shape {shape}: {_mend_shape(shape)}")
    if array.size == 0:
        raise ValueError(f"{_EXPECTED} with at least one pixel, got shape {shape}: the picture is empty")
    return array


def _mend_shape(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return "move the channels last, np.moveaxis(array, 0, -1)"
    if len(shape) == 3 and shape[2] == 2:
        return "grey with alpha is written as RGBA: np.dstack([grey, grey, grey, alpha])"
    if len(shape) == 4:
        return f"that is {shape[0]} pictures; pass one of them, array[0]"
    return (
        f"a picture has 2 or 3 axes and 1, 3 or 4 channels, not {len(shape)} axes"
        if len(shape) != 3
        else (f"a picture has 1, 3 or 4 channels, not {shape[2]}")
    )


def _checked_dtype(array: NDArray[Any]) -> NDArray[Any]:
    dtype = array.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16) or dtype.kind == "f":
        return array.astype(dtype, copy=False)
    if dtype == np.bool_ and array.ndim == 2:
        return mask_to_picture(array)
    expected = "expected uint8 0..255, uint16 0..65535 or float32 0..1"
    if dtype == np.bool_:
        raise ValueError(f"{expected}, got bool with {array.shape[2]} channels: a mask is H×W, array.any(axis=2)")
    if dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        fits = "uint8" if low >= 0 and high <= 255 else "uint16" if low >= 0 and high <= 65535 else None
        mend = f"array.astype(np.{fits})" if fits else "scale them into 0..255 and convert, .astype(np.uint8)"
        raise ValueError(f"{expected}, got {dtype} {low}..{high}: {mend}")
    raise ValueError(f"{expected}, got {dtype}: a picture holds numbers")


def _checked_range(array: NDArray[Any]) -> Pixels:
    if array.dtype.kind != "f":
        return array
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise ValueError(
            f"expected finite numbers in 0..1, got {count} NaN or infinite of {array.size}: replace them, "
            "np.nan_to_num(array, nan=0, posinf=1, neginf=0)"
        )
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        mend = "divide by 255" if low >= 0 and 1 < high <= 255 else "scale it, (array - min) / (max - min)"
        raise ValueError(
            f"expected floating-point brightness in 0..1, got {low:.6g}..{high:.6g}: {mend}, or np.clip it"
        )
    inside = array if low >= 0 and high <= 1 else np.clip(array, 0, 1)
    return inside.astype(np.float32, copy=False)


def _check_size(image: Pixels, spec: Image) -> None:
    if spec.min_width is spec.max_width is spec.min_height is spec.max_height is None:
        return
    for axis, size in zip(("width", "height"), size_of(image), strict=True):
        low, high = getattr(spec, f"min_{axis}"), getattr(spec, f"max_{axis}")
        if (low is not None and size < low) or (high is not None and size > high):
            wanted = f"at least {low}" if high is None else f"at most {high}" if low is None else f"{low}..{high}"
            raise ValueError(
                f"expected a picture with a {axis} of {wanted} px, got {describe(image)}: put image/Resize before it"
            )
