"""The trained cascade: which windows of a picture look like a face.

It is a cascade of 20 stages over local binary patterns (Liao et al.: "Learning Multi-scale Block Local Binary Patterns
for Face Recognition", 2007), trained by OpenCV's authors. A window is accepted or not; there are no scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from flowra_image.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra_image.pixels import FloatPixels

__all__ = ["WINDOW", "FaceCascade", "window_sizes"]

#: Side of the window that the cascade was trained on, in pixels.
WINDOW = 24
_FILE = "lbpcascade_frontalface_opencv.xml"
#: Pixels of a shrunk picture that are added around it, so that faces at its edges are looked at as well.
_MARGIN = 3


class FaceCascade:
    """The cascade; it holds nothing but its weights, so one can serve many threads."""

    def __init__(self) -> None:
        from skimage.feature import Cascade

        # Not `skimage.data.lbp_frontal_face_cascade_filename`: it downloads a file that is not as it expects.
        file = resources.files("skimage.data") / _FILE
        try:
            with file.open("rb") as stream:
                self._cascade: Any = Cascade(stream)
        except (OSError, AttributeError, ValueError, SyntaxError) as error:
            raise ImageError(
                f"the face detector's weights can't be read from {file}",
                why=f"{type(error).__name__}: {error}",
                fix="install scikit-image again, from its wheel: pip install --force-reinstall scikit-image",
            ) from error

    def accepted(
        self, picture: FloatPixels, sizes: Sequence[float], step: int = 1, each: Callable[[], None] | None = None
    ) -> NDArray[np.float64]:
        """Return the windows that look like a face, (N, 4): left, top, right, bottom in pixels of the picture.

        Some of them reach beyond the picture, by up to an eighth of their size.

        Args:
            picture: Brightness H×W, float32.
            sizes: Sides of the windows to try, in pixels of the picture, at least `WINDOW`.
            step: Pixels from one window to the next, in windows of 24×24.
            each: Called before each size; it may raise to stop.
        """
        found = [np.zeros((0, 4))]
        for size in sizes:
            if each is not None:
                each()
            found.append(self._accepted_of_size(picture, size, step))
        return np.concatenate(found)

    def _accepted_of_size(self, picture: FloatPixels, size: float, step: int) -> NDArray[np.float64]:
        # The picture is shrunk to the window, not the window grown to the picture: then the blocks that the patterns
        # compare lie on whole pixels.
        height, width = picture.shape
        wide, high = (max(1, round(side * WINDOW / size)) for side in (width, height))
        shrunk = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
        # One more on the right and below, since skimage leaves out the last window of each row and column.
        padded = cv2.copyMakeBorder(shrunk, _MARGIN, _MARGIN + 1, _MARGIN, _MARGIN + 1, cv2.BORDER_REPLICATE)
        # skimage sums the brightness up in float32. Patterns are comparisons, which the mean does not change, but
        # without it the sums stay small, and exact where it matters.
        windows = self._cascade.detect_multi_scale(
            padded.astype(np.float64) - float(padded.mean()),
            scale_factor=2,
            step_ratio=step,
            min_size=(WINDOW, WINDOW),
            max_size=(WINDOW + 1, WINDOW + 1),
            min_neighbor_number=1,
            intersection_score_threshold=1,  # leaves every window alone
        )
        corners = (
            np.array([(window["c"], window["r"]) for window in windows], dtype=np.float64).reshape(-1, 2) - _MARGIN
        )
        scale = np.array([width / wide, height / high])
        return np.concatenate([corners * scale, (corners + WINDOW) * scale], axis=1)


def window_sizes(smallest: float, largest: float, factor: float) -> list[float]:
    """Return sides from `smallest` to at most `largest`, each `factor` times the one before."""
    sizes = []
    while smallest <= largest:
        sizes.append(smallest)
        smallest *= factor
    return sizes
