"""Windows that show one face: grouping them, and keeping one box of those that lie in each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["groups_of", "overlap", "without_doubles"]

#: A box that shares more than this with a surer one, as a part of the smaller of them, shows the same face.
_SAME_FACE = 0.4


def overlap(box: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Return the area that a box (4,) shares with each of (N, 4), as a part of what both cover together, 0..1."""
    shared, own, areas = _areas(box, others)
    return np.asarray(shared / np.maximum(own + areas - shared, 1e-9), dtype=np.float64)


def groups_of(windows: NDArray[Any], least_overlap: float, least_members: float) -> list[NDArray[np.intp]]:
    """Return the windows that agree, as indices, the largest groups first.

    A group is a window and all that overlap it by `least_overlap`; the window with the most neighbours is first, and
    each window is in one group at most.

    Args:
        windows: (N, 4): left, top, right, bottom.
        least_overlap: As `overlap` measures it, above 0.
        least_members: Smaller groups are left out.
    """
    near = _neighbours(windows, least_overlap)
    counts = np.array([len(each) for each in near], dtype=np.intp)
    free = np.ones(len(windows), dtype=bool)
    groups = []
    while len(counts) and counts.max() >= max(least_members, 1):
        members = near[int(counts.argmax())]
        members = members[free[members]]
        free[members] = False
        for member in members:
            counts[near[member]] -= 1
        counts[members] = 0
        groups.append(members)
    return groups


def without_doubles(boxes: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.intp]:
    """Return the indices of the boxes to keep, the surest first: of those that show one face, the surest."""
    remaining = np.argsort(-scores, kind="stable")
    kept = []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        shared, own, areas = _areas(boxes[best], boxes[remaining])
        remaining = remaining[shared <= _SAME_FACE * np.minimum(own, areas)]
    return np.array(kept, dtype=np.intp)


def _areas(box: NDArray[Any], others: NDArray[Any]) -> tuple[NDArray[Any], Any, NDArray[Any]]:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.clip(sides, 0, None), axis=1)
    return shared, np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)


def _neighbours(windows: NDArray[Any], least_overlap: float) -> list[NDArray[np.intp]]:
    """Return the indices of the windows that overlap each one, itself among them."""
    centres = (windows[:, 0] + windows[:, 2]) / 2
    order = np.argsort(centres, kind="stable")
    sorted_centres, sorted_windows = centres[order], windows[order]
    widths = windows[:, 2] - windows[:, 0]
    # Windows are square, nearly: one that overlaps so much is at most so much wider, and its centre so near.
    reach = widths * (1 + least_overlap**-0.5) * 0.6
    first = np.searchsorted(sorted_centres, centres - reach)
    last = np.searchsorted(sorted_centres, centres + reach, side="right")
    near = []
    for window, start, stop in zip(windows, first, last, strict=True):
        found = overlap(window, sorted_windows[start:stop]) >= least_overlap
        near.append(np.sort(order[start:stop][found]))
    return near
