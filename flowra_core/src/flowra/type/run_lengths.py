"""Boolean masks as run lengths: how many pixels are outside, then inside, then outside …, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowra.type.value.base import short

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["from_runs", "to_runs"]

#: The most pixels of a mask that is read back: what a few bytes of run lengths may take in memory.
MOST_PIXELS = 1 << 28


def to_runs(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask of shape (height, width) as `{"size": [width, height], "runs": [outside, inside, …]}`."""
    import numpy as np

    flat = mask.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist() if flat.size else []
    if flat.size and flat[0]:
        runs.insert(0, 0)
    return {"size": [mask.shape[1], mask.shape[0]], "runs": runs}


def from_runs(data: Any) -> NDArray[np.bool_]:
    """Return the mask that `to_runs` made this of, of shape (height, width).

    Raises:
        ValueError: It is no such mask, or one of more than 2²⁸ pixels.
    """
    import numpy as np

    try:
        width, height = data["size"]
        runs = data["runs"]
        whole = all(type(number) is int and number >= 0 for number in (width, height, *runs))
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError(f"a mask is an object of size and runs, got {short(data)}")
    if width * height > MOST_PIXELS or sum(runs) != width * height:
        raise ValueError(f"the runs of a mask of {width}×{height} pixels add up to {sum(runs)}")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, np.array(runs, np.int64)).reshape(height, width)
