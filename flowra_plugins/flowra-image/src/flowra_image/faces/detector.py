"""From a picture to faces: scaling, scanning, counting the windows that agree, looking again in the mirror."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from flowra_image.errors import ImageError
from flowra_image.faces.cascade import WINDOW, FaceCascade, window_sizes
from flowra_image.faces.grouping import groups_of, without_doubles
from flowra_image.pixels import FloatPixels, Pixels, size_of, to_dtype, to_mode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HALF_SURE", "FaceDetector", "Faces", "Search"]

#: So many windows must agree for a score of one half. Chosen on one half of the pictures of
#: `benchmarks/face_detectors.py`; the README has the figures of the other half.
HALF_SURE = 25
#: The closer look: each size this much larger than the one before, from so much smaller to so much larger than what was
#: found; every place is looked at.
_CLOSE_FACTOR, _CLOSE_RANGE = 1.1, 1.1**4
#: Of the windows that would agree if the first look were as close, this part is enough for a closer look.
_PROMISING = 0.1
#: A window may be this much larger than the picture's shorter side: a face can fill the picture.
_BEYOND = 1.1


@dataclass(frozen=True)
class Search:
    """How thoroughly faces are searched.

    Args:
        min_face: Side of the smallest face: up to 1 a share of the picture's longer side, above 1 pixels.
        max_face: Side of the largest face, in the same way.
        scale_factor: In the first look, how much larger each size of window is than the one before, above 1.
        step: In the first look, from one window to the next, in 24ths of its size.
        merge: Windows that overlap by this (shared area over joint area) show the same face, 0..1.
        longest_side: A larger picture is searched in this size, in pixels; no face is found that is smaller than
            24 pixels there.

    Raises:
        ImageError: The smallest face is larger than the largest, both being shares or both pixels.
    """

    min_face: float = 0.05
    max_face: float = 1.0
    scale_factor: float = 1.2
    step: int = 2
    merge: float = 0.3
    longest_side: int = 1280

    def __post_init__(self) -> None:
        if self.min_face > self.max_face and (self.min_face > 1) == (self.max_face > 1):
            raise ImageError(
                f"no face is larger than min_face, {self.min_face:g}, and smaller than max_face, {self.max_face:g}",
                fix="lower min_face or raise max_face",
            )


@dataclass(frozen=True)
class Faces:
    """Faces found in a picture, the surest first.

    Attributes:
        boxes: (N, 4) float32: left, top, right, bottom in pixels of the picture, inside of it.
        scores: (N,) float32, 0..1: n / (n + 25), where n windows agree at the closer look; no probability.
        smallest: Side of the smallest face that was searched, in pixels of the picture.
    """

    boxes: FloatPixels
    scores: FloatPixels
    smallest: float


class FaceDetector:
    """A face detector; making one loads its cascade, so make one and use it often, in as many threads as wanted."""

    def __init__(self) -> None:
        self._cascade = FaceCascade()

    def find(
        self,
        image: Pixels,
        search: Search | None = None,
        *,
        min_score: float = 0.5,
        each: Callable[[], None] | None = None,
    ) -> Faces:
        """Return the upright faces, seen from the front, in a picture.

        Args:
            image: Any picture; coloured, deep and transparent ones are converted to grey with 8 bits.
            search: How thoroughly to search.
            min_score: Leave out faces that are less sure, 0..1.
            each: Called every few milliseconds; it may raise to stop.
        """
        search = search if search is not None else Search()
        width, height = size_of(image)
        seen = _searched(image, search.longest_side)
        scale = max(width, height) / max(seen.shape)
        smallest = max(WINDOW, _pixels(search.min_face, width, height) / scale)
        largest = min(_pixels(search.max_face, width, height) / scale, _BEYOND * min(seen.shape))
        sizes = window_sizes(smallest, largest, search.scale_factor)
        boxes, scores = self._candidates(seen, sizes, search, min_score, each)
        kept = without_doubles(boxes, scores)
        kept = kept[scores[kept] >= min_score]
        edges = boxes[kept].reshape(-1, 2, 2) * np.array([width / seen.shape[1], height / seen.shape[0]])
        inside = np.clip(edges, 0, np.array([width, height])).reshape(-1, 4)
        return Faces(inside.astype(np.float32), scores[kept].astype(np.float32), smallest * scale)

    def _candidates(
        self,
        seen: FloatPixels,
        sizes: list[float],
        search: Search,
        min_score: float,
        each: Callable[[], None] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return boxes (N, 4) in pixels of `seen`, and their scores (N,)."""
        windows = self._cascade.accepted(seen, sizes, search.step, each)
        # Windows come in the order in which skimage's threads found them.
        windows = windows[np.lexsort(windows.T)]
        asked = HALF_SURE * min_score / max(1 - min_score, 1e-6)
        density = log(_CLOSE_FACTOR) / log(search.scale_factor) / search.step**2
        boxes, scores = [np.zeros((0, 4))], []
        for members in groups_of(windows, search.merge, asked * _PROMISING * density):
            if each is not None:
                each()
            agreeing = self._look_closer(seen, windows[members].mean(axis=0), search)
            if len(agreeing):
                boxes.append(agreeing.mean(axis=0, keepdims=True))
                scores.append(len(agreeing) / (len(agreeing) + HALF_SURE))
        return np.concatenate(boxes), np.array(scores, dtype=np.float64)

    def _look_closer(self, seen: FloatPixels, box: NDArray[np.float64], search: Search) -> NDArray[np.float64]:
        """Return the windows that agree at and around a box, (N, 4), in the picture as it is and in the mirror.

        A face in the mirror is a face as well; most of what is none but passes for one does so by chance, one way.
        """
        size = float(box[2] - box[0])
        left, top = (max(0, floor(edge)) for edge in box[:2] - size / 2)
        right, bottom = (ceil(edge) for edge in box[2:] + size / 2)
        part = seen[top:bottom, left:right]
        sizes = window_sizes(max(WINDOW, size / _CLOSE_RANGE), size * _CLOSE_RANGE, _CLOSE_FACTOR)
        straight = self._cascade.accepted(np.ascontiguousarray(part), sizes)
        mirrored = self._cascade.accepted(np.ascontiguousarray(part[:, ::-1]), sizes)
        mirrored[:, [0, 2]] = part.shape[1] - mirrored[:, [2, 0]]
        found: NDArray[np.float64] = np.concatenate([straight, mirrored])
        found = found[np.lexsort(found.T)] + np.array([left, top, left, top])
        groups = groups_of(found, search.merge, 1)
        return found[groups[0]] if groups else found


def _searched(image: Pixels, longest_side: int) -> FloatPixels:
    """Return the brightness of a picture, H×W float32, at most so large."""
    grey: Any = to_mode(to_dtype(image, "uint8"), "L")
    shrink = longest_side / max(grey.shape)
    if shrink < 1:
        height, width = grey.shape
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        grey = cv2.resize(np.ascontiguousarray(grey), size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.float32)


def _pixels(face: float, width: int, height: int) -> float:
    return face * max(width, height) if face <= 1 else face
