"""Small pictures for previews: PNG, colour scales, pictures side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["colored", "fit_size", "png", "resized", "side_by_side"]

#: A scale from black over violet and orange to pale yellow, whose brightness rises evenly: it reads in grey as well.
_SCALE = (
    (0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85), (227, 89, 51), (249, 140, 10),
    (249, 201, 50), (252, 255, 164),
)  # fmt: skip


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture H×W or H×W×3 as PNG."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def colored(levels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return numbers 0..1 of the shape H×W in the colours of a scale, H×W×3."""
    steps = np.linspace(0, 1, len(_SCALE))
    scale = np.asarray(_SCALE, float)
    table = np.stack([np.interp(np.linspace(0, 1, 256), steps, scale[:, channel]) for channel in range(3)], axis=1)
    picture: NDArray[np.uint8] = table.round().astype(np.uint8)[(np.clip(levels, 0, 1) * 255).round().astype(np.uint8)]
    return picture


def fit_size(size: tuple[int, int], most: tuple[int, int]) -> tuple[int, int]:
    """Return width and height shrunk to fit, with the sides' proportion; at least one pixel each."""
    factor = min(1.0, most[0] / size[0], most[1] / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture in another width and height, averaged over areas where it shrinks."""
    from PIL import Image

    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(
        image.resize(size, Image.Resampling.BOX if size[0] <= picture.shape[1] else Image.Resampling.BILINEAR)
    )


def side_by_side(pictures: Sequence[NDArray[np.uint8]], gap: int = 2) -> NDArray[np.uint8]:
    """Return pictures of one height in a row."""
    between = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    row: list[NDArray[np.uint8]] = []
    for picture in pictures:
        row += [between, picture] if row else [picture]
    return np.concatenate(row, axis=1)
