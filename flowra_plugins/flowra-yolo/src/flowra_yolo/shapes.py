"""Pictures of circles, squares and triangles, with the truth about them: to try, train and measure detectors.

A picture is a smooth background of three colours, some with soft blotches; a few lines and letters that are none of the
three; and one to six shapes of random place, size, angle and colour, filled or outlined, none of which covers another
by more than a quarter. Some are blurred, and noise is laid over all. The same seed gives the same picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from flowra.type.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHAPES", "draw_shapes"]

#: The classes, in the order in which the detector in examples/models gives them.
SHAPES = ("circle", "square", "triangle")
_CORNERS = (0, 4, 3)
#: How many times a place, and a colour that stands out, is tried.
_TRIES = 20
#: Shapes are drawn with edges on eighths of a pixel.
_FRACTION_BITS = 3


def draw_shapes(
    seed: int, width: int = 256, height: int = 256, *, most: int = 6, sizes: tuple[float, float] = (18, 110)
) -> tuple[NDArray[np.uint8], Detections]:
    """Return a picture of shape (height, width, 3), RGB, and what it shows.

    Args:
        seed: Which picture, at least 0.
        width: In pixels, at least 32.
        height: In pixels, at least 32.
        most: The most shapes, at least 1.
        sizes: The smallest and the largest diameter, in pixels; larger than the picture none is.
    """
    random = np.random.default_rng(seed)
    image = _background(random, width, height)
    _clutter(random, image)
    largest = min(sizes[1], 0.9 * min(width, height))
    smallest = min(sizes[0], largest)
    boxes: list[NDArray[np.float64]] = []
    class_ids: list[int] = []
    for _ in range(int(random.integers(1, most + 1))):
        placed = _place(random, boxes, (width, height), (smallest, largest))
        if placed is not None:
            box, class_id, outline = placed
            _draw(random, image, box, outline)
            boxes.append(box)
            class_ids.append(class_id)
    truth = Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.ones(len(boxes), np.float32),
        class_ids=np.array(class_ids, np.int64),
        class_names=SHAPES,
        image_size=(width, height),
    )
    return _developed(random, image), truth


def _background(random: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Blend three colours across the picture, and in half of the pictures soft blotches over them."""
    corner, right, below = random.uniform(0, 255, (3, 3))
    across = (np.arange(width, dtype=np.float32) / width)[None, :, None]
    down = (np.arange(height, dtype=np.float32) / height)[:, None, None]
    image = corner * (1 - across) * (1 - down) + right * across + below * down * (1 - across)
    if random.random() < 0.5:
        blotches = random.normal(0, 25, (8, 8, 3)).astype(np.float32)
        image = image + cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(image.clip(0, 255).astype(np.uint8))


def _clutter(random: np.random.Generator, image: NDArray[np.uint8]) -> None:
    """Draw up to four lines and letters, which are none of the shapes."""
    height, width = image.shape[:2]
    for _ in range(int(random.integers(0, 5))):
        color = random.uniform(0, 255, 3).tolist()
        start, end = random.integers(0, (width, height), (2, 2)).tolist()
        if random.random() < 0.7:
            cv2.line(image, start, end, color, int(random.integers(1, 4)), cv2.LINE_AA)
        else:
            letter, scale = chr(int(random.integers(65, 91))), float(random.uniform(0.5, 1.5))
            cv2.putText(image, letter, start, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 2, cv2.LINE_AA)


def _place(
    random: np.random.Generator,
    boxes: list[NDArray[np.float64]],
    size: tuple[int, int],
    sizes: tuple[float, float],
) -> tuple[NDArray[np.float64], int, NDArray[np.float64] | None] | None:
    """Return the box, class and corners of a shape that finds room; None where none does."""
    width, height = size
    for _ in range(_TRIES):
        diameter = float(np.exp(random.uniform(*np.log(sizes))))
        centre = random.uniform((diameter * 0.45,) * 2, (width - diameter * 0.45, height - diameter * 0.45))
        class_id = int(random.integers(len(SHAPES)))
        turn = random.uniform(0, 2 * np.pi)
        corners, radius = _CORNERS[class_id], diameter / 2
        outline = None
        if corners:
            angles = turn + np.arange(corners) * 2 * np.pi / corners
            outline = centre + 1.1 * radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            box = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
        else:
            box = np.concatenate([centre - radius, centre + radius])
        visible = box.clip(0, (width, height, width, height))
        if _area(visible) >= 0.85 * _area(box) and all(_covering(visible, other) <= 0.25 for other in boxes):
            return visible, class_id, outline
    return None


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _covering(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return how much of the smaller of two boxes the other covers."""
    shared = (np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])).clip(0).prod()
    return float(shared) / min(_area(box), _area(other))


def _draw(
    random: np.random.Generator, image: NDArray[np.uint8], box: NDArray[np.float64], outline: NDArray[np.float64] | None
) -> None:
    """Draw a shape in a colour that stands out from what lies at its centre, filled or as a line."""
    centre = (box[:2] + box[2:]) / 2
    column, row = (min(int(place), side - 1) for place, side in zip(centre, image.shape[1::-1], strict=True))
    below = image[row, column].astype(np.float64)
    for _ in range(_TRIES):
        color = random.uniform(0, 255, 3)
        if np.abs(color - below).max() > 50:
            break
    ink = color.tolist()
    thickness = -1 if random.random() < 0.8 else int(random.integers(2, 5))
    unit = 1 << _FRACTION_BITS
    if outline is None:
        # Cut off at the picture's edge or not: the wider side is the diameter.
        radius = float((box[2:] - box[:2]).max()) / 2
        middle = (round(float(centre[0]) * unit), round(float(centre[1]) * unit))
        cv2.circle(image, middle, round(radius * unit), ink, thickness, cv2.LINE_AA, _FRACTION_BITS)
        return
    corners = (outline * unit).astype(np.int32).reshape(1, -1, 2)
    if thickness < 0:
        cv2.fillPoly(image, [corners], ink, cv2.LINE_AA, _FRACTION_BITS)
    else:
        cv2.polylines(image, [corners], True, ink, thickness, cv2.LINE_AA, _FRACTION_BITS)


def _developed(random: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blur some pictures, and lay noise over all."""
    if random.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.3, 1.4))).astype(np.uint8)
    noise = random.normal(0, random.uniform(0, 10), image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)
