"""The canonical picture, and how it turns from one mode or dtype into another.

A picture is an array H×W (mode `L`, grey), H×W×3 (`RGB`) or H×W×4 (`RGBA`, straight alpha) of `uint8` 0..255,
`uint16` 0..65535 or `float32` 0..1. Functions here and in the other modules take such arrays, never change
them, and give such arrays.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from flowra_image.errors import ImageError

__all__ = [
    "DTYPES",
    "MODES",
    "Dtype",
    "FloatPixels",
    "MaskPixels",
    "Mode",
    "Pixels",
    "Rgba",
    "color_of",
    "describe",
    "flatten",
    "from_unit",
    "full_scale",
    "has_alpha",
    "luma",
    "mode_of",
    "paint",
    "same_size",
    "size_of",
    "split_alpha",
    "to_dtype",
    "to_mode",
    "to_unit",
]

Pixels: TypeAlias = NDArray[Any]
FloatPixels: TypeAlias = NDArray[np.float32]
#: H×W.
MaskPixels: TypeAlias = NDArray[np.bool_]
Mode = Literal["L", "RGB", "RGBA"]
Dtype = Literal["uint8", "uint16", "float32"]
#: Red, green, blue and alpha, each 0..1.
Rgba: TypeAlias = tuple[float, float, float, float]

MODES: tuple[Mode, ...] = ("L", "RGB", "RGBA")
DTYPES: tuple[Dtype, ...] = ("uint8", "uint16", "float32")


def mode_of(image: Pixels) -> Mode:
    """Return `L`, `RGB` or `RGBA`."""
    if image.ndim == 2:
        return "L"
    return "RGBA" if image.shape[2] == 4 else "RGB"


def size_of(image: Pixels) -> tuple[int, int]:
    """Return width and height in pixels."""
    return int(image.shape[1]), int(image.shape[0])


def has_alpha(image: Pixels) -> bool:
    """Say whether the picture has an alpha channel."""
    return image.ndim == 3 and image.shape[2] == 4


def full_scale(image: Pixels) -> float:
    """Return the value that means full brightness: 255, 65535 or 1."""
    return 1.0 if image.dtype == np.float32 else float(np.iinfo(image.dtype).max)


def describe(image: Pixels) -> str:
    """Describe a picture in a few words: `640×480 RGB uint8`."""
    width, height = size_of(image)
    return f"{width}×{height} {mode_of(image)} {image.dtype}"


def same_size(what: str, first: Pixels, second: Pixels) -> None:
    """Raise an `ImageError` unless both have one width and height; `what` names them in the message."""
    if first.shape[:2] != second.shape[:2]:
        wide, high = size_of(first)
        raise ImageError(
            f"{what} differ in size",
            why=f"{wide}×{high} and {'×'.join(map(str, size_of(second)))} pixels",
            fix=f"put image/Resize before one of them (width {wide}, height {high}, fit stretch)",
        )


def to_unit(image: Pixels) -> FloatPixels:
    """Return the picture as float32 in 0..1; a float picture is returned as it is."""
    if image.dtype == np.float32:
        return image
    # One multiplication in float32: 8 and 16 bit values are exact there, and it is twice as fast as a division.
    return cast("FloatPixels", np.multiply(image, np.float32(1.0 / full_scale(image)), dtype=np.float32))


def from_unit(unit: NDArray[np.floating[Any]], dtype: str) -> Pixels:
    """Return a float picture in the dtype asked for: clipped to 0..1, scaled, rounded to nearest."""
    clipped: FloatPixels = np.clip(unit, 0.0, 1.0)
    if dtype == "float32":
        return clipped.astype(np.float32, copy=False)
    return np.asarray(np.rint(clipped * np.iinfo(dtype).max), dtype=dtype)


def to_dtype(image: Pixels, dtype: str) -> Pixels:
    """Return the picture in another dtype, its brightness kept: 255 becomes 65535 or 1.0; rounded to nearest."""
    if image.dtype == dtype:
        return image
    if image.dtype == np.uint8 and dtype == "uint16":
        return np.multiply(image, 257, dtype=np.uint16)
    if image.dtype == np.uint16 and dtype == "uint8":
        return np.asarray((image.astype(np.uint32) + 128) // 257, dtype=np.uint8)
    return from_unit(to_unit(image), dtype)


def to_mode(image: Pixels, mode: Mode, background: Rgba = (1.0, 1.0, 1.0, 1.0)) -> Pixels:
    """Return the picture in another mode, its dtype kept.

    Args:
        image: Any picture.
        mode: `L` is luma (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B); grey fills all three colours; a new alpha
            channel is opaque.
        background: What shows where alpha is lost; its own alpha doesn't count.
    """
    held = mode_of(image)
    if held == mode:
        return image
    if held == "RGBA":
        image = flatten(image, background)
        return luma(image) if mode == "L" else image
    if mode == "L":
        return luma(image)
    colors = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    if mode == "RGB":
        return colors
    alpha = np.full((*image.shape[:2], 1), full_scale(image), dtype=image.dtype)
    return np.concatenate([colors, alpha], axis=2)


def luma(image: Pixels) -> Pixels:
    """Return the brightness H×W (ITU-R BT.601) in the picture's dtype; alpha doesn't count."""
    if image.ndim == 2:
        return image
    colors = np.ascontiguousarray(image[..., :3])
    return np.asarray(cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY))


def split_alpha(image: Pixels) -> tuple[Pixels, Pixels | None]:
    """Return the colours (H×W or H×W×3) and the alpha channel (H×W), None where there is none."""
    return (image[..., :3], image[..., 3]) if has_alpha(image) else (image, None)


def flatten(image: Pixels, background: Rgba) -> Pixels:
    """Return the picture without alpha, laid over a colour; one without alpha is returned as it is."""
    colors, alpha = split_alpha(image)
    if alpha is None:
        return image
    if (alpha == full_scale(image)).all():
        return np.ascontiguousarray(colors)
    cover = to_unit(alpha)[..., None]
    under = np.array(background[:3], dtype=np.float32)
    return from_unit(to_unit(colors) * cover + under * (1 - cover), str(image.dtype))


def color_of(text: str) -> Rgba:
    """Return the colour that a text names: `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb(…)`, `hsl(…)` or an HTML name."""
    from PIL import ImageColor

    try:
        parts = ImageColor.getrgb(text)
    except ValueError:
        raise ImageError(
            f"{text!r} names no colour",
            fix="write it as #rrggbb, #rrggbbaa, rgb(255, 0, 0) or an HTML name such as orange",
        ) from None
    red, green, blue, alpha = parts if len(parts) == 4 else (*parts, 255)
    return red / 255, green / 255, blue / 255, alpha / 255


def paint(color: Rgba, like: Pixels) -> tuple[float, ...]:
    """Return a colour as channel values of a picture: one for `L`, three for `RGB`, four for `RGBA`."""
    full = full_scale(like)
    red, green, blue, alpha = color
    if like.ndim == 2:
        return (_channel((0.299 * red + 0.587 * green + 0.114 * blue) * full, like),)
    channels = (red, green, blue, alpha)[: like.shape[2]]
    return tuple(_channel(channel * full, like) for channel in channels)


def _channel(value: float, like: Pixels) -> float:
    return value if like.dtype == np.float32 else float(round(value))
