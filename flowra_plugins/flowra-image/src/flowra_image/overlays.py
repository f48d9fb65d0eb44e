"""What is drawn of detections beside their boxes: the pixels that belong to them, and their keypoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra.type.detections import Detections

__all__ = ["cover_mask", "draw_keypoints"]

#: Pairs of the 17 keypoints of a person, in COCO's order (https://cocodataset.org/#keypoints-2020): 0 nose, 1–2 eyes,
#: 3–4 ears, 5–6 shoulders, 7–8 elbows, 9–10 wrists, 11–12 hips, 13–14 knees, 15–16 ankles; left before right.
_PERSON = (
    *((0, 1), (0, 2), (1, 3), (2, 4)),
    *((5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
#: Keypoints that are less sure are not drawn.
_LEAST_CONFIDENCE = 0.3


def cover_mask(layer: NDArray[np.uint8], detections: Detections, index: int, ink: tuple[int, int, int, int]) -> None:
    """Colour the pixels that belong to a detection, on a layer of shape (height, width, 4).

    Args:
        layer: What is drawn on. Masks found in another size of the picture are scaled to this one.
        detections: They have masks.
        index: Which of them.
        ink: Red, green, blue, alpha.
    """
    assert detections.masks is not None, "who calls looks first"
    high, wide = layer.shape[:2]
    across, down = (side / max(found, 1) for side, found in zip((wide, high), detections.image_size, strict=True))
    left, top, right, bottom = detections.pixel_box(index)
    left, right = round(left * across), round(right * across)
    top, bottom = round(top * down), round(bottom * down)
    mask = detections.masks[index]
    if right <= left or bottom <= top or mask.size == 0:
        return
    if mask.shape != (bottom - top, right - left):
        mask = np.asarray(Image.fromarray(mask).resize((right - left, bottom - top), Image.Resampling.NEAREST))
    layer[top:bottom, left:right][mask] = ink


def draw_keypoints(
    pen: ImageDraw.ImageDraw,
    points: NDArray[np.float32],
    scale: tuple[float, float],
    ink: tuple[int, int, int, int],
    radius: int,
) -> None:
    """Draw the keypoints of one object, those of a person joined as a body; what is not sure is left out.

    Args:
        pen: Draws on the layer.
        points: Shape (K, 3): x, y in pixels of the picture they were found in, confidence in 0..1.
        scale: From there to the layer, across and down.
        ink: Red, green, blue, alpha.
        radius: Of a point, in pixels.
    """
    places = [(float(x) * scale[0], float(y) * scale[1]) for x, y, _ in points]
    sure = points[:, 2] >= _LEAST_CONFIDENCE
    if len(points) == 17:
        for first, second in _PERSON:
            if sure[first] and sure[second]:
                pen.line((*places[first], *places[second]), fill=ink, width=max(1, radius))
    for place, drawn in zip(places, sure, strict=True):
        if drawn:
            pen.circle(place, radius, fill=ink, outline=(255, 255, 255, ink[3]))
