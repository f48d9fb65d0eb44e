"""Detections drawn on pictures of any mode and depth: boxes and labels, masks, keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flowra_image.errors import ImageError
from flowra_image.overlays import cover_mask, draw_keypoints
from flowra_image.pixels import Pixels, Rgba, from_unit, has_alpha, size_of, to_mode, to_unit

if TYPE_CHECKING:
    from flowra.type.detections import Detections

__all__ = ["Shown", "class_color", "draw_boxes"]

#: Okabe and Ito's colours, which people with any colour vision can tell apart, brightest first.
_PALETTE = ((0, 158, 115), (230, 159, 0), (86, 180, 233), (213, 94, 0), (204, 121, 167), (240, 228, 66), (0, 114, 178))


@dataclass(frozen=True)
class Shown:
    """What of the detections is drawn.

    Attributes:
        boxes: Whether the boxes are.
        labels: Whether the class's name stands at the box.
        scores: Whether the score does.
        masks: How far the pixels that belong to an object are covered, in 0..1; 0 for not at all.
        keypoints: Whether keypoints are.
    """

    boxes: bool = True
    labels: bool = True
    scores: bool = True
    masks: float = 0.45
    keypoints: bool = True


def class_color(class_id: int) -> Rgba:
    """Return the colour of a class: the same in every picture."""
    red, green, blue = _PALETTE[class_id % len(_PALETTE)]
    return red / 255, green / 255, blue / 255, 1.0


def draw_boxes(
    image: Pixels,
    detections: Detections,
    *,
    color: Rgba | None = None,
    line_width: int = 0,
    shown: Shown = Shown(),
    font: Path | None = None,
    font_size: int = 0,
) -> Pixels:
    """Return the picture with the boxes drawn on, in its dtype; grey pictures become RGB.

    Args:
        image: Any picture. Detections found in another size of it are scaled to this one.
        detections: What to draw.
        color: One for all, or None for one a class.
        line_width: In pixels; 0 for one that suits the picture's size.
        shown: What of them is drawn; masks and keypoints where the detector gave some.
        font: A TrueType or OpenType file for names that the built-in font lacks (it has Latin letters only).
        font_size: In pixels; 0 for one that suits the picture's size.
    """
    canvas = to_mode(image, "RGB") if image.ndim == 2 else image
    if len(detections) == 0:
        return canvas
    wide, high = size_of(canvas)
    line = line_width or max(1, round(min(wide, high) / 250))
    typeface = _typeface(font, font_size or max(10, round(min(wide, high) / 32)))
    inks = [_ink(color or class_color(class_id)) for class_id in detections.class_ids.tolist()]
    # The least certain first: the others are drawn over it.
    order = np.argsort(detections.scores, kind="stable").tolist()
    # Drawn on a layer of its own, so that 16-bit and float pictures keep their depth where nothing is drawn.
    covered = np.zeros((high, wide, 4), np.uint8)
    if detections.masks is not None and shown.masks > 0:
        for index in order:
            cover_mask(covered, detections, index, (*inks[index][:3], round(inks[index][3] * shown.masks)))
    layer = Image.fromarray(covered)
    pen = ImageDraw.Draw(layer)
    across, down = (side / max(found, 1) for side, found in zip((wide, high), detections.image_size, strict=True))
    scale = np.array([across, down, across, down])
    boxes = np.rint(detections.boxes * scale).clip(-(2**20), 2**20).astype(int)
    names = detections.names()
    for index in order:
        left, top, right, bottom = boxes[index].tolist()
        ink = inks[index]
        if shown.boxes:
            pen.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=ink, width=line)
        if detections.keypoints is not None and shown.keypoints:
            draw_keypoints(pen, detections.keypoints[index], (across, down), ink, line + 1)
        said = [names[index]] if shown.labels and names[index] else []
        said += [f"{detections.scores[index]:.2f}"] if shown.scores else []
        if said:
            _label(pen, " ".join(said), (left, top, bottom), ink, typeface, (wide, high), line)
    return _laid_over(canvas, np.asarray(layer))


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    edges: tuple[int, int, int],
    ink: tuple[int, int, int, int],
    typeface: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
    line: int,
) -> None:
    """Write above the box, or inside where there is no room above, and never beyond the right edge."""
    left, top, _ = edges
    margin = max(2, line)
    # Letters with and without descenders get plates of one height.
    _, rise, _, fall = pen.textbbox((0, 0), "Ág", font=typeface)
    wide = int(pen.textlength(text, font=typeface)) + 2 * margin
    high = int(fall - rise) + 2 * margin
    x = max(0, min(left, size[0] - wide))
    y = top - high if top >= high else max(top, 0)
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=ink)
    dark = 0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2] > 140
    pen.text(
        (x + margin, y + margin - rise), text, fill=(0, 0, 0, 255) if dark else (255, 255, 255, 255), font=typeface
    )


def _laid_over(canvas: Pixels, layer: Pixels) -> Pixels:
    drawn = layer[..., 3] > 0
    result: Pixels = canvas.copy()
    cover = to_unit(layer[drawn])
    below = to_unit(canvas[drawn])
    opacity = cover[:, 3:]
    mixed = below.copy()
    mixed[:, :3] += (cover[:, :3] - below[:, :3]) * opacity
    if has_alpha(canvas):
        mixed[:, 3:] += (1 - below[:, 3:]) * opacity
    result[drawn] = from_unit(mixed, str(canvas.dtype))
    return result


def _ink(color: Rgba) -> tuple[int, int, int, int]:
    red, green, blue, alpha = (round(channel * 255) for channel in color)
    return red, green, blue, alpha


def _typeface(path: Path | None, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if path is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(str(path), size)
    except OSError as error:
        raise ImageError(
            f"{path} is no font that can be read", why=str(error), fix="give a .ttf or .otf file"
        ) from error
