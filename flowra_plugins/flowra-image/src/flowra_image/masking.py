"""Masks: combined, grown, and laid over pictures."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from flowra_image.blending import blend
from flowra_image.pixels import MaskPixels, Pixels, Rgba, paint, same_size, to_mode

__all__ = ["MaskOperation", "combine", "cut_out", "fill_outside", "grow"]

MaskOperation = Literal["and", "or", "xor", "subtract"]


def combine(first: MaskPixels, second: MaskPixels, operation: MaskOperation) -> MaskPixels:
    """Return two masks H×W as one: in both, in either, in just one, or in the first and not in the second."""
    same_size("the masks", first, second)
    if operation == "and":
        return first & second
    if operation == "or":
        return first | second
    return first ^ second if operation == "xor" else first & ~second


def grow(mask: MaskPixels, pixels: int) -> MaskPixels:
    """Return the mask with its regions larger by `pixels` all around, round at corners; smaller if negative.

    What lies beyond the picture counts as inside where regions shrink, so they keep their place at the border.
    """
    if pixels == 0:
        return mask
    reach = abs(pixels)
    # The distance to the nearest pixel of the other kind takes the same time for every reach.
    target = mask if pixels > 0 else ~mask
    if not target.any():
        return mask
    distance = cv2.distanceTransform((~target).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: MaskPixels = np.asarray(distance <= reach, dtype=np.bool_)
    return near if pixels > 0 else np.logical_not(near)


def cut_out(image: Pixels, mask: MaskPixels) -> Pixels:
    """Return the picture as RGBA, transparent outside of the mask; what was transparent stays so."""
    same_size("the picture and the mask", image, mask)
    result: Pixels = np.array(to_mode(image, "RGBA"))
    result[~mask, 3] = 0
    return result


def fill_outside(image: Pixels, mask: MaskPixels, color: Rgba) -> Pixels:
    """Return the picture, in its mode, with one colour laid over everything outside of the mask.

    Args:
        image: Any picture H×W….
        mask: H×W, True where the picture is kept.
        color: Its alpha says how much of the picture shines through.
    """
    same_size("the picture and the mask", image, mask)
    outside = ~mask
    if color[3] < 1:
        solid = np.empty(image.shape[:2] if image.ndim == 2 else (*image.shape[:2], 3), dtype=np.float32)
        solid[...] = paint(color, solid)
        return blend(image, solid, opacity=color[3], mask=outside)
    result: Pixels = image.copy()
    result[outside] = paint(color, image)
    return result
