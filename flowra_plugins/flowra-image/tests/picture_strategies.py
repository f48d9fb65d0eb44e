"""Hypothesis strategies for pictures of every mode and dtype."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

MODES = ("L", "RGB", "RGBA")
DTYPES = ("uint8", "uint16", "float32")
_CHANNELS = {"L": (), "RGB": (3,), "RGBA": (4,)}


def values(dtype: str) -> st.SearchStrategy:
    if dtype == "float32":
        return st.floats(0, 1, width=32)
    return st.integers(0, int(np.iinfo(dtype).max))


@st.composite
def pictures(draw, modes=MODES, dtypes=DTYPES, max_side=24, min_side=1):
    mode, dtype = draw(st.sampled_from(modes)), draw(st.sampled_from(dtypes))
    height, width = draw(st.integers(min_side, max_side)), draw(st.integers(min_side, max_side))
    array = draw(npst.arrays(dtype, (height, width, *_CHANNELS[mode]), elements=values(dtype)))
    array.flags.writeable = False
    return array


def masks(height: int, width: int) -> st.SearchStrategy:
    return npst.arrays(np.bool_, (height, width))


def is_canonical(array: np.ndarray) -> bool:
    """Say whether an array is a picture as the documentation defines it."""
    shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    full = {"uint8": 255, "uint16": 65535, "float32": 1}.get(str(array.dtype))
    return bool(shape and array.size and full and array.min() >= 0 and array.max() <= full)
