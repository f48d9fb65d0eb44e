"""Soft and sharp: blur and unsharp mask. Alpha is treated rightly: hidden colours don't bleed into the visible."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from flowra_image.errors import ImageError
from flowra_image.pixels import Pixels, from_unit, full_scale, has_alpha, split_alpha, to_unit
from flowra_image.premultiplied import straight, weighted

__all__ = ["BlurMethod", "blur", "sharpen"]

BlurMethod = Literal["gaussian", "box", "median"]

#: OpenCV's median takes windows of any size for 8 bit only.
_FAST_DEEP_MEDIAN = 2
_ROWS_AT_ONCE = 4_000_000


def blur(image: Pixels, radius: float, method: BlurMethod = "gaussian") -> Pixels:
    """Return the picture softened, in its size, mode and dtype; the edges are mirrored.

    Args:
        image: Any picture.
        radius: In pixels, 0 or more. For `gaussian` the standard deviation; for `box` and `median` the window is
            2·radius + 1 pixels wide, the radius rounded.
        method: `gaussian` for a natural blur, `box` for the plain average, `median` to remove specks and keep edges.
            Median of 16-bit and float pictures with a radius above 2 takes seconds a megapixel.
    """
    if radius < 0:
        raise ImageError(f"can't blur with the radius {radius:g}", fix="give a radius of 0 or more")
    window = 2 * round(radius) + 1
    if radius == 0 or (method != "gaussian" and window == 1):
        return image
    if method == "median":
        return _median(image, window)
    if has_alpha(image) and not (image[..., 3] == full_scale(image)).all():
        return from_unit(straight(_smooth(weighted(image), radius, window, method)), str(image.dtype))
    return _smooth(image, radius, window, method)


def sharpen(image: Pixels, amount: float = 1.0, radius: float = 1.5, threshold: float = 0.0) -> Pixels:
    """Return the picture with its edges strengthened (unsharp mask); alpha is kept.

    Args:
        image: Any picture.
        amount: How much of the difference to its blurred self is added: 0 nothing, 1 all of it.
        radius: Standard deviation of that blur in pixels: the size of the details.
        threshold: Differences below this (0..1 of full brightness) are left alone, so that noise stays.
    """
    colors, alpha = split_alpha(image)
    unit = to_unit(np.ascontiguousarray(colors))
    detail = unit - np.asarray(cv2.GaussianBlur(unit, (0, 0), radius))
    if threshold > 0:
        detail = np.where(np.abs(detail) >= threshold, detail, 0).astype(np.float32)
    sharp = from_unit(unit + np.float32(amount) * detail, str(image.dtype))
    return sharp if alpha is None else np.concatenate([sharp, alpha[..., None]], axis=2)


def _smooth(image: Pixels, radius: float, window: int, method: BlurMethod) -> Pixels:
    if method == "gaussian":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), radius))
    return np.asarray(cv2.blur(image, (window, window)))


def _median(image: Pixels, window: int) -> Pixels:
    if image.dtype == np.uint8 or window <= 2 * _FAST_DEEP_MEDIAN + 1:
        # OpenCV repeats the outermost pixel beyond the edge here.
        return np.asarray(cv2.medianBlur(image, window))
    planes = [image] if image.ndim == 2 else [image[..., channel] for channel in range(image.shape[2])]
    done = [_deep_median(plane, window) for plane in planes]
    return done[0] if image.ndim == 2 else np.stack(done, axis=2)


def _deep_median(plane: Pixels, window: int) -> Pixels:
    """Return the exact median of a 16-bit or float plane H×W, some rows at a time to bound the memory."""
    padded = np.pad(plane, window // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window))
    height, width = plane.shape
    rows = max(1, _ROWS_AT_ONCE // (width * window * window))
    middle = window * window // 2
    result = np.empty_like(plane)
    for top in range(0, height, rows):
        flat = windows[top : top + rows].reshape(-1, width, window * window)
        result[top : top + rows] = np.partition(flat, middle, axis=2)[..., middle]
    return result
