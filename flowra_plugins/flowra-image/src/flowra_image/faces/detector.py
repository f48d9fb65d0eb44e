"""From a picture to faces: scaling to the network's sizes, decoding its answers, dropping doubles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowra_image.faces.network import Answers, YuNet
from flowra_image.geometry import resize_exactly
from flowra_image.pixels import FloatPixels, Pixels, size_of, to_dtype, to_mode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceDetector", "Faces", "without_doubles"]

#: Boxes that overlap more than this (area in common over area of both) are one face, as YuNet's authors have it.
_SAME_FACE = 0.45
#: No picture has more candidates that matter; it bounds the time of comparing them all.
_MOST_CANDIDATES = 1000


@dataclass(frozen=True)
class Faces:
    """Faces found in a picture, the surest first.

    Attributes:
        boxes: (N, 4) float32: left, top, right, bottom in pixels of the picture, inside of it.
        scores: (N,) float32, 0..1.
        points: (N, 5, 2) float32: x and y of the eyes, the nose and the corners of the mouth, that on the left in the
            picture first where it is a pair.
    """

    boxes: FloatPixels
    scores: FloatPixels
    points: FloatPixels


class FaceDetector:
    """A face detector; making one loads its network, so make one and use it often."""

    def __init__(self) -> None:
        self._network = YuNet()

    def find(self, image: Pixels, *, min_score: float = 0.7, longest_side: int = 640) -> Faces:
        """Return the faces in a picture.

        Args:
            image: Any picture; grey, deep and transparent ones are converted.
            min_score: Leave out faces that are less sure, 0..1.
            longest_side: A larger picture is looked at in this size, in pixels. There, faces of 10 to about 600 pixels
                are found: more pixels find smaller faces and take more time.
        """
        wide, high = size_of(image)
        shrink = min(1.0, longest_side / max(wide, high))
        seen_wide, seen_high = max(1, round(wide * shrink)), max(1, round(high * shrink))
        seen = resize_exactly(to_mode(to_dtype(image, "uint8"), "RGB"), seen_wide, seen_high)
        boxes, scores, points = _decoded(self._network(seen), min_score)
        keep = without_doubles(boxes, scores)
        scale = np.array([wide / seen_wide, high / seen_high], dtype=np.float32)
        edges = boxes[keep].reshape(-1, 2, 2) * scale
        inside = np.clip(edges, 0, np.array([wide, high], dtype=np.float32))
        return Faces(inside.reshape(-1, 4), scores[keep], points[keep] * scale)


def _decoded(answers: tuple[Answers, ...], min_score: float) -> tuple[FloatPixels, FloatPixels, FloatPixels]:
    """Return boxes (N, 4), scores (N,) and points (N, 5, 2) in pixels, the surest first."""
    boxes, scores, points = [], [], []
    for grid in answers:
        rows, columns = np.nonzero(grid.scores >= min_score)
        corner = np.stack([columns, rows], axis=1).astype(np.float32)
        raw = grid.boxes[:, rows, columns].T
        centre = (corner + raw[:, :2]) * grid.stride
        # e^10 squares are far beyond any picture; without the bound a wild answer would be infinite.
        half = np.exp(np.minimum(raw[:, 2:], 10)) * (grid.stride / 2)
        boxes.append(np.concatenate([centre - half, centre + half], axis=1))
        scores.append(grid.scores[rows, columns])
        points.append((grid.points[:, rows, columns].T.reshape(-1, 5, 2) + corner[:, None]) * grid.stride)
    joined = np.concatenate(scores)
    order = np.argsort(-joined, kind="stable")[:_MOST_CANDIDATES]
    return (
        np.concatenate(boxes)[order].astype(np.float32),
        joined[order].astype(np.float32),
        np.concatenate(points)[order].astype(np.float32),
    )


def without_doubles(boxes: FloatPixels, scores: FloatPixels) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep: of those that overlap, the surest (greedy non-maximum suppression)."""
    remaining = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        upper = np.maximum(boxes[best, :2], boxes[remaining, :2])
        lower = np.minimum(boxes[best, 2:], boxes[remaining, 2:])
        common = np.prod(np.clip(lower - upper, 0, None), axis=1)
        remaining = remaining[common <= _SAME_FACE * (areas[best] + areas[remaining] - common)]
    return np.array(kept, dtype=np.intp)
