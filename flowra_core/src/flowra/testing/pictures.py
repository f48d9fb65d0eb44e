"""Compares pictures in tests, and shows where they differ."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["assert_images_close"]

#: Pixels between the three pictures of a difference picture.
_GAP = 4


def assert_images_close(
    actual: Any, expected: Any, *, tolerance: float = 0, most: float = 0, folder: str | Path | None = None
) -> None:
    """Assert that two pictures have the same size, mode and depth, and nearly the same values.

    On failure a difference picture is written, and the message says where: what came, what was expected, and where
    they differ (black: not at all; the brighter, the more; red: by more than the tolerance).

    Args:
        actual: A picture as ports of type `AnyImage` take it: an array H×W, H×W×3 or H×W×4, a PIL image, a path.
        expected: Likewise; the path of a reference picture, as a rule.
        tolerance: How far a value may be off, in units of the pictures: levels for `uint8` (0..255) and `uint16`
            (0..65535), brightness for `float32` (0..1).
        most: The fraction of pixels, 0..1, that may be off by more.
        folder: The folder for the difference picture; a new one in the system's folder for temporary files if None.

    Raises:
        AssertionError: They differ.
        PluginError: No pack that handles pictures is installed.
    """
    # A failing test is to end in the test, not here.
    __tracebackhide__ = True
    import numpy as np

    from flowra.type.handler import handler_for
    from flowra.type.value.media import AnyImageType

    handler = handler_for(AnyImageType.handled_as)
    first, second = (handler.coerce(value, AnyImageType()) for value in (actual, expected))
    forms = [f"{value.shape} {value.dtype}" for value in (first, second)]
    if forms[0] != forms[1]:
        raise AssertionError(f"the pictures are of different kinds: {forms[0]}, expected {forms[1]}")
    off = np.abs(first.astype(np.float64) - second.astype(np.float64))
    by_pixel = off if off.ndim == 2 else off.max(axis=2)
    # What is exactly at the tolerance is within it, whatever float32 makes of 0.1.
    wrong = by_pixel > tolerance * (1 + 1e-6)
    count = int(np.count_nonzero(wrong))
    if count <= most * wrong.size:
        return
    row, column = np.unravel_index(int(by_pixel.argmax()), by_pixel.shape)
    rows, columns = (np.flatnonzero(wrong.any(axis=axis)) for axis in (1, 0))
    path = handler.export(_side_by_side(first, second, by_pixel, wrong), _stem(folder))
    raise AssertionError(
        f"{count} of {wrong.size} pixels are off by more than {tolerance:g}"
        + (f" (at most {int(most * wrong.size)} may be)" if most else "")
        + f"\n  farthest off: {by_pixel.max():g} at x={column}, y={row}: {first[row, column]}, "
        f"expected {second[row, column]}"
        f"\n  they lie in:  x {columns[0]}..{columns[-1]}, y {rows[0]}..{rows[-1]}"
        f"\n  what came, what was expected, and the difference: {path}"
    )


def _side_by_side(first: Any, second: Any, off: Any, wrong: Any) -> Any:
    import numpy as np

    def shown(picture: Any) -> Any:
        scaled = picture if picture.dtype == np.uint8 else picture / (1.0 if picture.dtype.kind == "f" else 257.0)
        if scaled.dtype != np.uint8:
            scaled = np.clip(scaled * (255.0 if picture.dtype.kind == "f" else 1.0), 0, 255).astype(np.uint8)
        return scaled[..., :3] if scaled.ndim == 3 else np.repeat(scaled[..., None], 3, axis=2)

    # Small differences are what such a picture is for: the largest is white, the others in proportion.
    bright = (off / off.max() * 255).astype(np.uint8)
    difference = np.repeat(bright[..., None], 3, axis=2)
    difference[wrong, 1:] = 0
    difference[wrong, 0] = np.maximum(bright[wrong], 128)
    gap = np.full((off.shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([shown(first), gap, shown(second), gap, difference], axis=1)


def _stem(folder: str | Path | None) -> Path:
    """Return the file for the difference picture, without ending; it is named after the test that runs."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0].rpartition("::")[2]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", test).strip("-.")[:80] or "pictures"
    into = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="flowra-difference-"))
    into.mkdir(parents=True, exist_ok=True)
    return into / f"{name}-difference"
