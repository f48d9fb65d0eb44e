"""Size, place and direction: resize, crop, rotate, flip."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from flowra_image.errors import ImageError
from flowra_image.pixels import (
    Pixels,
    Rgba,
    from_unit,
    full_scale,
    has_alpha,
    paint,
    size_of,
)
from flowra_image.premultiplied import straight, weighted

__all__ = [
    "FILTERS",
    "Filter",
    "Fit",
    "Outside",
    "crop",
    "flip",
    "pad_to",
    "resize",
    "resize_exactly",
    "rotate",
    "target_size",
]

Fit = Literal["contain", "cover", "pad", "stretch"]
Filter = Literal["auto", "nearest", "area", "bilinear", "bicubic", "lanczos"]
Outside = Literal["refuse", "clip", "pad"]

#: No operation makes a larger picture than this many pixels: a slip of the keyboard shall not fill the memory.
MAX_PIXELS = 1_000_000_000
#: Both libraries count the pixels of one side in 32 bits, OpenCV's warping in 16.
MAX_SIDE = 1_000_000
MAX_ROTATED_SIDE = 32766

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def target_size(
    size: tuple[int, int],
    width: int | None = None,
    height: int | None = None,
    scale: float | None = None,
    fit: Fit = "contain",
) -> tuple[int, int]:
    """Return the width and height in pixels that the content is scaled to.

    Args:
        size: Width and height of the picture.
        width: Of the box to fit, or None where `height` alone (or `scale`) decides.
        height: Likewise.
        scale: A factor instead of a box.
        fit: `contain` and `pad` fit into the box, `cover` fills it, `stretch` takes its sides as they are.

    Returns:
        At least 1×1; the proportions are kept to the nearest pixel except with `stretch`.
    """
    wide, high = size
    if scale is not None:
        if width is not None or height is not None:
            raise ImageError("both a scale and a size are given", fix="leave scale, or width and height, empty")
        return _checked(wide * scale, high * scale)
    if width is None and height is None:
        raise ImageError("no new size is given", fix="set width, height or both, or scale")
    if fit == "stretch" and width is not None and height is not None:
        return _checked(width, height)
    factors = [new / old for new, old in ((width, wide), (height, high)) if new is not None]
    factor = max(factors) if fit == "cover" else min(factors)
    # The side that decides is taken as it is: multiplied and divided it could come out a pixel short.
    return _checked(
        width if width is not None and factor == factors[0] else wide * factor,
        height if height is not None and factor == factors[-1] else high * factor,
    )


def resize(
    image: Pixels,
    width: int | None = None,
    height: int | None = None,
    scale: float | None = None,
    *,
    fit: Fit = "contain",
    filter: Filter = "auto",  # noqa: A002 - the word of the field
    background: Rgba = (0.0, 0.0, 0.0, 1.0),
) -> Pixels:
    """Return the picture in another size, in its mode and dtype.

    Args:
        image: Any picture.
        width: Of the box to fit, in pixels.
        height: Likewise; of the two, one is enough.
        scale: A factor instead.
        fit: `contain`: all of it inside the box, proportions kept. `cover`: fills the box, what hangs over is cut
            evenly. `pad`: like contain, the rest of the box filled with `background`. `stretch`: the box exactly.
        filter: See `resize_exactly`.
        background: The colour of the bars of `pad`.
    """
    wide, high = target_size(size_of(image), width, height, scale, fit)
    scaled = resize_exactly(image, wide, high, filter)
    box = (width or wide, height or high)
    if fit == "cover" and box != (wide, high):
        left, top = (wide - box[0]) // 2, (high - box[1]) // 2
        return np.ascontiguousarray(scaled[top : top + box[1], left : left + box[0]])
    if fit == "pad" and box != (wide, high):
        return pad_to(scaled, *_checked(*box), background)
    return scaled


def resize_exactly(image: Pixels, width: int, height: int, filter: Filter = "auto") -> Pixels:  # noqa: A002
    """Return the picture in exactly that size.

    Args:
        image: Any picture. Colours are weighted with their alpha, so that hidden ones don't bleed in.
        width: New width in pixels, 1 or more.
        height: New height in pixels, 1 or more.
        filter: `area` averages the pixels that fall together (OpenCV), `nearest` picks one; `bilinear`, `bicubic`
            and `lanczos` (Pillow) smooth as far as the shrinking needs, so nothing flickers. `auto` is `area` where
            the picture shrinks and `bicubic` where it grows.
    """
    if size_of(image) == (width, height):
        return image
    if filter == "auto":
        filter = "area" if width <= image.shape[1] and height <= image.shape[0] else "bicubic"  # noqa: A001
    if filter == "nearest":
        rows = _nearest(image.shape[0], height)
        return np.ascontiguousarray(image[rows][:, _nearest(image.shape[1], width)])
    if has_alpha(image) and not (image[..., 3] == full_scale(image)).all():
        return from_unit(straight(_resample(weighted(image), width, height, filter)), str(image.dtype))
    return _resample(image, width, height, filter)


def crop(
    image: Pixels,
    x: int,
    y: int,
    width: int,
    height: int,
    *,
    outside: Outside = "refuse",
    background: Rgba = (0.0, 0.0, 0.0, 1.0),
) -> Pixels:
    """Return the part of the picture from (x, y) to (x + width, y + height).

    Args:
        image: Any picture.
        x: Left edge in pixels from the left.
        y: Upper edge in pixels from the top.
        width: In pixels, 1 or more.
        height: In pixels, 1 or more.
        outside: Where the region reaches beyond the picture: `refuse` it, `clip` it, or `pad` with `background`.
        background: The colour of the padding.
    """
    wide, high = size_of(image)
    if width < 1 or height < 1:
        raise ImageError(f"a region of {width}×{height} pixels has no content", fix="make width and height 1 or more")
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, wide), min(y + height, high)
    inside = (left, top, right, bottom) == (x, y, x + width, y + height)
    empty = right <= left or bottom <= top
    if not inside and (outside == "refuse" or (outside == "clip" and empty)):
        raise ImageError(
            f"the region lies {'outside of' if empty else 'partly outside of'} the picture",
            why=f"it spans x {x}..{x + width}, y {y}..{y + height}; the picture is {wide}×{high}",
            fix="move it, or set outside to pad" if empty else "move it, or set outside to clip or pad",
        )
    if inside or outside == "clip":
        return np.ascontiguousarray(image[top:bottom, left:right])
    canvas = _canvas(image, *_checked(width, height), background)
    if not empty:
        canvas[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return canvas


def pad_to(image: Pixels, width: int, height: int, background: Rgba) -> Pixels:
    """Return the picture in the middle of a canvas of that size, which is at least its own."""
    wide, high = size_of(image)
    return crop(
        image, -((width - wide) // 2), -((height - high) // 2), width, height, outside="pad", background=background
    )


def rotate(
    image: Pixels,
    angle: float,
    *,
    expand: bool = True,
    background: Rgba = (0.0, 0.0, 0.0, 0.0),
    smooth: bool = True,
) -> Pixels:
    """Return the picture turned around its centre.

    Args:
        image: Any picture.
        angle: Degrees, counter-clockwise. Multiples of 90 move pixels without touching them.
        expand: Whether the result grows to hold all of it; else it keeps the size of the picture.
        background: The colour of the corners; its alpha counts for RGBA pictures.
        smooth: Bicubic interpolation, or the nearest pixel.
    """
    if not math.isfinite(angle):
        raise ImageError(f"can't rotate by {angle} degrees", fix="give a number of degrees")
    quarters, rest = divmod(angle, 90.0)
    if rest == 0:
        turned = np.rot90(image, int(quarters) % 4)
        if expand or turned.shape[:2] == image.shape[:2]:
            return np.ascontiguousarray(turned)
    wide, high = size_of(image)
    turn = math.radians(angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    new_wide, new_high = wide, high
    if expand:
        # The tolerance keeps rounding errors of the sine from adding a row.
        new_wide = math.ceil(wide * abs(cosine) + high * abs(sine) - 1e-6)
        new_high = math.ceil(wide * abs(sine) + high * abs(cosine) - 1e-6)
    if max(wide, high, new_wide, new_high) > MAX_ROTATED_SIDE:
        raise ImageError(
            "the picture is too large to rotate",
            why=f"{wide}×{high} becomes {new_wide}×{new_high}; each side can have {MAX_ROTATED_SIDE} pixels",
            fix="make it smaller first (image/Resize), or turn it by a multiple of 90 degrees",
        )
    middle, new_middle = ((wide - 1) / 2, (high - 1) / 2), ((new_wide - 1) / 2, (new_high - 1) / 2)
    matrix = np.array(
        [
            [cosine, sine, new_middle[0] - cosine * middle[0] - sine * middle[1]],
            [-sine, cosine, new_middle[1] + sine * middle[0] - cosine * middle[1]],
        ]
    )
    method = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    if not has_alpha(image):
        border = _scalar(paint(background, image))
        turned = np.asarray(cv2.warpAffine(image, matrix, (new_wide, new_high), flags=method, borderValue=border))
        # Bicubic interpolation overshoots at edges; whole numbers are clipped by OpenCV itself.
        return np.clip(turned, 0, 1) if image.dtype == np.float32 else turned
    red, green, blue, alpha = background
    border = (red * alpha, green * alpha, blue * alpha, alpha)
    warped = cv2.warpAffine(weighted(image), matrix, (new_wide, new_high), flags=method, borderValue=border)
    return from_unit(straight(np.asarray(warped, dtype=np.float32)), str(image.dtype))


def flip(image: Pixels, direction: Literal["horizontal", "vertical", "both"]) -> Pixels:
    """Return the mirrored picture: left and right swapped (`horizontal`), top and bottom (`vertical`), or both."""
    if direction in ("vertical", "both"):
        image = image[::-1]
    if direction in ("horizontal", "both"):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _resample(image: Pixels, width: int, height: int, filter: str) -> Pixels:  # noqa: A002
    if filter == "area":
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    method = FILTERS[filter]
    if image.dtype == np.uint8 and image.ndim == 2:
        return np.asarray(Image.fromarray(image).resize((width, height), method))
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize((width, height), method))
    # Pillow has no deep colour: channel by channel in its float mode, in which 16-bit numbers are exact.
    planes = [image] if image.ndim == 2 else [image[..., channel] for channel in range(image.shape[2])]
    done = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32)).resize((width, height), method))
        for plane in planes
    ]
    joined = np.clip(done[0] if image.ndim == 2 else np.stack(done, axis=2), 0, full_scale(image))
    return np.asarray(joined if image.dtype == np.float32 else np.rint(joined), dtype=image.dtype)


def _nearest(old: int, new: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the old index under the centre of each new pixel."""
    return np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(np.intp), old - 1)


def _canvas(like: Pixels, width: int, height: int, color: Rgba) -> Pixels:
    canvas = np.empty((height, width, *like.shape[2:]), dtype=like.dtype)
    canvas[...] = paint(color, like)
    return canvas


def _scalar(values: tuple[float, ...]) -> tuple[float, float, float, float]:
    padded = (*values, 0.0, 0.0, 0.0)
    return padded[0], padded[1], padded[2], padded[3]


def _checked(width: float, height: float) -> tuple[int, int]:
    wide, high = max(1, round(width)), max(1, round(height))
    if width <= 0 or height <= 0 or wide * high > MAX_PIXELS or max(wide, high) > MAX_SIDE:
        raise ImageError(
            f"a picture of {width:g}×{height:g} pixels can't be made",
            why=f"each side has 1..{MAX_SIDE} pixels and all together are at most {MAX_PIXELS // 1_000_000} million",
            fix="choose another width, height or scale",
        )
    return wide, high
