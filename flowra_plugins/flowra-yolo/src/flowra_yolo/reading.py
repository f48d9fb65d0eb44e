"""From a model's outputs to detections: thresholds, suppression, masks, keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from flowra.type.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra_yolo.facts import ModelFacts
    from flowra_yolo.letterbox import Letterbox

__all__ = ["Limits", "read_outputs"]

#: The most boxes that suppression looks at: the surest ones.
_MOST_CANDIDATES = 5000


@dataclass(frozen=True)
class Limits:
    """Which of the boxes count.

    Attributes:
        confidence: The least score, in 0..1.
        iou: Of two boxes of one class that overlap by more than this, shared area over joint area, the surer counts.
        classes: The classes that are wanted, by index; empty for all.
        agnostic: Whether boxes of different classes suppress each other too.
        most: The most boxes, the surest.
    """

    confidence: float = 0.25
    iou: float = 0.5
    classes: frozenset[int] = frozenset()
    agnostic: bool = False
    most: int = 300


@dataclass(frozen=True)
class _Candidates:
    """Boxes in the input: left, top, right, bottom; scores; classes; what else the model gives of each."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    extra: NDArray[np.float32]

    def only(self, keep: NDArray[Any]) -> _Candidates:
        return _Candidates(self.boxes[keep], self.scores[keep], self.class_ids[keep], self.extra[keep])


def read_outputs(
    outputs: Sequence[NDArray[np.float32]], facts: ModelFacts, letterbox: Letterbox, limits: Limits
) -> Detections:
    """Return what a model found in one picture, the surest first.

    Args:
        outputs: The model's outputs for the picture, without the batch axis.
        facts: How they are laid out.
        letterbox: How the picture lay in the input.
        limits: What counts.
    """
    found = _candidates(outputs[0], facts, limits.confidence)
    if limits.classes:
        found = found.only(np.isin(found.class_ids, list(limits.classes)))
    found = _suppressed(found, limits) if facts.form != "final" else found.only(_surest(found.scores, limits.most))
    boxes = letterbox.boxes_in_picture(found.boxes)
    # What lies in the grey border alone is no part of the picture.
    inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    boxes, found = boxes[inside], found.only(inside)
    plain = Detections(
        boxes=boxes,
        scores=found.scores.clip(0, 1),
        class_ids=found.class_ids,
        class_names=facts.class_names,
        image_size=letterbox.image_size,
    )
    if facts.task == "segment":
        return _with_masks(plain, found.extra, outputs[1], letterbox)
    if facts.task == "pose":
        return _with_keypoints(plain, found.extra, facts, letterbox)
    return plain


def _candidates(output: NDArray[np.float32], facts: ModelFacts, confidence: float) -> _Candidates:
    """Return the boxes that are sure enough."""
    count = len(facts.class_names)
    # One box a row; NaN and infinity are what overflowed in half precision.
    rows = output.T if facts.form == "columns" else output
    if facts.form == "final":
        rows = _finite(rows[rows[:, 4] >= confidence])
        rows = rows[(rows[:, 5] >= 0) & (rows[:, 5] < count)]
        boxes = np.concatenate([rows[:, :2], np.maximum(rows[:, :2], rows[:, 2:4])], axis=1)
        return _Candidates(boxes, rows[:, 4], rows[:, 5].astype(np.int64), rows[:, 6:])
    if facts.form == "columns":
        # The best class is looked for along the layout's own axis: a quarter of the time that its transpose takes.
        rows = _finite(rows[output[4 : 4 + count].max(axis=0) >= confidence])
        classes, extra = rows[:, 4 : 4 + count], rows[:, 4 + count :]
    else:
        rows = _finite(rows[rows[:, 4] >= confidence])
        classes, extra = rows[:, 5 : 5 + count] * rows[:, 4:5], rows[:, 5 + count :]
    half = rows[:, 2:4].clip(0) / 2
    found = _Candidates(
        np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1),
        classes.max(axis=1),
        classes.argmax(axis=1).astype(np.int64),
        extra,
    )
    return found.only(np.flatnonzero(found.scores >= confidence))


def _finite(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[np.isfinite(rows).all(axis=1)]


def _surest(scores: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:most]


def _suppressed(found: _Candidates, limits: Limits) -> _Candidates:
    """Of boxes that show the same, return the surest; the greedy suppression of R. Girshick's R-CNN (2014)."""
    found = found.only(_surest(found.scores, _MOST_CANDIDATES))
    if len(found.scores) < 2:
        return found
    sizes = np.concatenate([found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2]], axis=1)
    # All of them are sure enough, but OpenCV leaves out what equals its threshold, which may not be below 0.
    boxes, scores = sizes.astype(np.float64).tolist(), (found.scores.astype(np.float64) + 1).tolist()
    if limits.agnostic:
        kept = cv2.dnn.NMSBoxes(boxes, scores, 0.0, limits.iou)
    else:
        kept = cv2.dnn.NMSBoxesBatched(boxes, scores, found.class_ids.tolist(), 0.0, limits.iou)
    return found.only(np.asarray(kept, np.int64).reshape(-1)[: limits.most])


def _with_masks(
    plain: Detections, coefficients: NDArray[np.float32], prototypes: NDArray[np.float32], letterbox: Letterbox
) -> Detections:
    """Add masks: prototypes weighted by each box's coefficients, as in YOLACT (D. Bolya et al., 2019).

    Args:
        plain: The boxes, N.
        coefficients: Shape (N, M).
        prototypes: Shape (M, rows, columns), a grid over the input.
        letterbox: How the picture lay in the input.
    """
    count, rows, columns = prototypes.shape
    across, down = (side / cells for side, cells in zip(letterbox.input_size, (columns, rows), strict=True))
    (scale_x, scale_y), (left_in, top_in) = letterbox.scale, letterbox.offset
    weighted = (coefficients @ prototypes.reshape(count, -1)).reshape(-1, rows, columns)
    masks = []
    for index, grid in enumerate(weighted):
        left, top, right, bottom = plain.pixel_box(index)
        # From the centre of a pixel of the box to the place in the grid, whose centres lie at whole numbers.
        to_grid = np.array(
            [
                [scale_x / across, 0, ((left + 0.5) * scale_x + left_in) / across - 0.5],
                [0, scale_y / down, ((top + 0.5) * scale_y + top_in) / down - 0.5],
            ]
        )
        smooth = cv2.warpAffine(
            grid,
            to_grid,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mask = smooth > 0
        box = plain.boxes[index]
        x, y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
        mask[(y < box[1]) | (y > box[3])] = False
        mask[:, (x < box[0]) | (x > box[2])] = False
        masks.append(mask)
    return Detections(
        plain.boxes, plain.scores, plain.class_ids, plain.class_names, plain.image_size, masks=tuple(masks)
    )


def _with_keypoints(
    plain: Detections, extra: NDArray[np.float32], facts: ModelFacts, letterbox: Letterbox
) -> Detections:
    count, numbers = facts.keypoint_shape
    points = extra.reshape(-1, count, numbers)
    places = letterbox.points_in_picture(points[..., :2])
    sure = points[..., 2:].clip(0, 1) if numbers == 3 else np.ones((*points.shape[:2], 1), np.float32)
    return Detections(
        plain.boxes,
        plain.scores,
        plain.class_ids,
        plain.class_names,
        plain.image_size,
        keypoints=np.nan_to_num(np.concatenate([places, sure], axis=2)),
    )
