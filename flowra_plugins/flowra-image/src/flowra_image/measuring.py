"""Numbers about pictures: histograms, and how far two pictures differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from flowra_image.pixels import FloatPixels, Pixels, from_unit, has_alpha, same_size, to_mode, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Difference", "compare", "draw_histogram", "histogram"]

#: The window of the structural similarity: a Gaussian of 1.5 pixels in 11×11, as in the paper.
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2

_CURVE_COLORS = {1: ((255, 255, 255),), 3: ((255, 64, 64), (64, 220, 64), (80, 120, 255))}


@dataclass(frozen=True)
class Difference:
    """How far two pictures differ.

    Attributes:
        mse: Mean of the squared differences, brightness as 0..1.
        psnr: Peak signal-to-noise ratio in decibels; None where the pictures are the same.
        ssim: Structural similarity, -1..1, 1 for the same; None for pictures below 11×11 pixels.
        largest: The largest difference of a channel, 0..1.
        picture: The absolute differences, in the first picture's dtype.
    """

    mse: float
    psnr: float | None
    ssim: float | None
    largest: float
    picture: Pixels


def histogram(image: Pixels, bins: int = 256) -> NDArray[np.int64]:
    """Return how many pixels of each channel lie in each of `bins` equal parts of 0..full, shape (channels, bins).

    The last part holds full brightness as well. Channels are in the picture's order; alpha is the fourth.
    """
    planes = [image] if image.ndim == 2 else [image[..., channel] for channel in range(image.shape[2])]
    if image.dtype == np.float32:
        where = [np.minimum((plane * bins).astype(np.int64), bins - 1) for plane in planes]
        return np.stack([np.bincount(index.ravel(), minlength=bins) for index in where]).astype(np.int64)
    # Counting each value first is faster than computing a bin for each pixel.
    levels = int(np.iinfo(image.dtype).max) + 1
    home = np.arange(levels) * bins // levels
    counts = [np.bincount(plane.ravel(), minlength=levels) for plane in planes]
    return np.stack([np.bincount(home, weights=count, minlength=bins) for count in counts]).astype(np.int64)


def draw_histogram(counts: NDArray[np.int64], width: int = 512, height: int = 256) -> Pixels:
    """Return a picture of a histogram: dark ground, one curve a colour channel, H×W×3 uint8."""
    channels = 1 if len(counts) == 1 else 3
    picture = np.full((height, width, 3), 24, dtype=np.uint8)
    tallest = max(int(counts[:channels].max()), 1)
    columns = np.arange(width) * counts.shape[1] // width
    rows = np.arange(height)[::-1, None]
    for curve, color in zip(counts[:channels], _CURVE_COLORS[channels], strict=True):
        tall = np.ceil(curve[columns] * (height * 0.96 / tallest))
        filled = rows < tall
        # Curves shine through each other, so that none hides another.
        picture[filled] = np.minimum(picture[filled].astype(np.int64) + np.array(color) * 2 // 3, 255)
    return picture


def compare(first: Pixels, second: Pixels) -> Difference:
    """Return how far two pictures of one width and height differ; see `Difference`.

    Where their modes differ, both are compared in the richer one. Alpha counts as a channel.
    """
    same_size("the two pictures", first, second)
    mode = "RGBA" if has_alpha(first) or has_alpha(second) else ("L" if first.ndim == second.ndim == 2 else "RGB")
    left, right = (to_unit(to_mode(image, mode)) for image in (first, second))  # type: ignore[arg-type]
    apart = np.abs(left - right)
    mse = float(np.mean(np.square(apart, dtype=np.float64)))
    return Difference(
        mse=mse,
        psnr=-10 * math.log10(mse) if mse > 0 else None,
        ssim=_ssim(left, right),
        largest=float(apart.max()),
        picture=from_unit(_opaque(apart), str(first.dtype)),
    )


def _opaque(apart: FloatPixels) -> FloatPixels:
    """Return differences without those of alpha, which would make the picture of them invisible where it agrees."""
    return apart[..., :3] if apart.ndim == 3 and apart.shape[2] == 4 else apart


def _ssim(first: FloatPixels, second: FloatPixels) -> float | None:
    """Return the mean structural similarity over all channels (Wang, Bovik, Sheikh, Simoncelli 2004)."""
    if min(first.shape[:2]) < _SSIM_WINDOW:
        return None

    def local_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        blurred = cv2.GaussianBlur(plane, (_SSIM_WINDOW, _SSIM_WINDOW), _SSIM_SIGMA)
        edge = _SSIM_WINDOW // 2
        return np.asarray(blurred[edge:-edge, edge:-edge], dtype=np.float64)

    x, y = first.astype(np.float64), second.astype(np.float64)
    mean_x, mean_y = local_mean(x), local_mean(y)
    spread_x = local_mean(x * x) - mean_x**2
    spread_y = local_mean(y * y) - mean_y**2
    together = local_mean(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _C1) * (2 * together + _C2)
    below = (mean_x**2 + mean_y**2 + _C1) * (spread_x + spread_y + _C2)
    return float(np.mean(above / below))
