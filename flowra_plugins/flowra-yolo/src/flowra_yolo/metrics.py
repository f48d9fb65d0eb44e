"""How good detections are: average precision as COCO defines it.

Source of the definitions: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and its evaluation
(https://cocodataset.org/#detection-eval): detections are matched to the truth greedily, the surest first, each to the
box that it overlaps most; precision is made monotone and averaged over 101 levels of recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_yolo.errors import YoloError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra.type.detections import Detections

__all__ = ["Scores", "box_iou", "evaluate"]

#: The overlaps at which detections are matched: 0.50, 0.55, … 0.95.
_OVERLAPS = np.arange(50, 100, 5) / 100
_RECALLS = np.arange(101) / 100
#: The most detections of a picture that count.
_MOST = 100


@dataclass(frozen=True)
class Scores:
    """How good detections are, each figure in 0..1.

    Attributes:
        map50: Mean over the classes of the average precision at an overlap of 0.5.
        map50_95: The mean of that over the overlaps 0.50, 0.55, … 0.95.
        precision: At an overlap of 0.5, the share of the detections that are right.
        recall: At an overlap of 0.5, the share of the objects that are found.
        by_class: Average precision at 0.5 by the class's name; classes that no picture shows are left out.
    """

    map50: float
    map50_95: float
    precision: float
    recall: float
    by_class: dict[str, float]


def box_iou(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far boxes overlap, shared area over joint area: shape (N, M) for (N, 4) and (M, 4)."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    areas = (first[:, 2:] - first[:, :2]).prod(axis=1)[:, None] + (second[:, 2:] - second[:, :2]).prod(axis=1)[None]
    joint = areas - shared
    overlap: NDArray[np.float64] = np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0)
    return overlap


def evaluate(found: Sequence[Detections], truth: Sequence[Detections]) -> Scores:
    """Compare what was found in pictures with what they show.

    Args:
        found: Detections of each picture.
        truth: What each picture shows, in the same order; scores do not matter. Classes are matched by name.

    Raises:
        YoloError: There are not as many of the one as of the other.
    """
    if len(found) != len(truth):
        raise YoloError(f"there are detections of {len(found)} pictures, and the truth of {len(truth)}")
    names = sorted({name for each in truth for name in each.names()})
    precision = {name: _average_precision(found, truth, name) for name in names}
    right = sum(_matched(_of(a, name), _of(b, name))[:, 0].sum() for name in names for a, b in _pairs(found, truth))
    told, shown = sum(map(len, found)), sum(map(len, truth))
    return Scores(
        map50=_mean([row[0] for row in precision.values()]),
        map50_95=_mean([row.mean() for row in precision.values()]),
        precision=float(right / told) if told else 0.0,
        recall=float(right / shown) if shown else 0.0,
        by_class={name: float(row[0]) for name, row in precision.items()},
    )


def _pairs(found: Sequence[Detections], truth: Sequence[Detections]) -> list[tuple[Detections, Detections]]:
    return list(zip(found, truth, strict=True))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _of(detections: Detections, name: str) -> Detections:
    """Return the detections of one class, the surest first."""
    picked = np.flatnonzero(np.array([each == name for each in detections.names()], bool))
    return detections.select(picked[np.argsort(-detections.scores[picked], kind="stable")])


def _matched(found: Detections, truth: Detections) -> NDArray[np.bool_]:
    """Return for each detection and overlap whether it is right: shape (N, 10)."""
    right = np.zeros((len(found), len(_OVERLAPS)), np.bool_)
    if len(found) == 0 or len(truth) == 0:
        return right
    overlaps = box_iou(found.boxes, truth.boxes)
    for column, least in enumerate(_OVERLAPS):
        free = np.ones(len(truth), np.bool_)
        for row, overlap in enumerate(overlaps):
            place = int(np.where(free, overlap, -1).argmax())
            if free[place] and overlap[place] >= least:
                free[place] = False
                right[row, column] = True
    return right


def _average_precision(found: Sequence[Detections], truth: Sequence[Detections], name: str) -> NDArray[np.float64]:
    """Return the average precision of a class at each overlap: shape (10,)."""
    scores: list[NDArray[np.float32]] = []
    right: list[NDArray[np.bool_]] = []
    shown = 0
    for told, true in _pairs(found, truth):
        mine, others = _of(told, name), _of(true, name)
        mine = mine.select(np.arange(min(len(mine), _MOST)))
        scores.append(mine.scores)
        right.append(_matched(mine, others))
        shown += len(others)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.concatenate(right)[order].cumsum(axis=0)
    if len(hits) == 0:
        return np.zeros(len(_OVERLAPS))
    recall = hits / shown
    precision = hits / np.arange(1, len(hits) + 1)[:, None]
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    result = np.zeros(len(_OVERLAPS))
    for column in range(len(_OVERLAPS)):
        places = np.searchsorted(recall[:, column], _RECALLS, side="left")
        result[column] = np.append(precision[:, column], 0.0)[places].mean()
    return result
