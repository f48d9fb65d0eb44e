"""From a picture of any size to the input of a model, and back.

A picture is scaled by one factor so that it fits, laid into the middle, and surrounded with grey, as YOLO models are
trained ("letterbox"). Coordinates are continuous: (0, 0) is the outer corner of the top-left pixel. The sides of the
scaled picture are rounded to whole pixels, so each axis has a factor of its own that differs a little from the
other's; with it, a box that lies on the edges of pixels comes back on the very same edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Letterbox"]

_GREY = 114  # what the models are trained with


@dataclass(frozen=True)
class Letterbox:
    """How pictures of one size lie in an input of another.

    Attributes:
        image_size: Width and height of the picture, in pixels, each at least 1.
        input_size: Width and height of the model's input, in pixels.
    """

    image_size: tuple[int, int]
    input_size: tuple[int, int]

    @property
    def scaled_size(self) -> tuple[int, int]:
        """Width and height of the scaled picture, in pixels."""
        factor = min(inside / side for side, inside in zip(self.image_size, self.input_size, strict=True))
        wide, high = (max(1, round(side * factor)) for side in self.image_size)
        return min(wide, self.input_size[0]), min(high, self.input_size[1])

    @property
    def offset(self) -> tuple[int, int]:
        """Where the scaled picture begins in the input: left and top, in pixels."""
        (wide, high), (width, height) = self.scaled_size, self.input_size
        return (width - wide) // 2, (height - high) // 2

    @property
    def scale(self) -> tuple[float, float]:
        """How many pixels of the input a pixel of the picture becomes, across and down."""
        (wide, high), (width, height) = self.scaled_size, self.image_size
        return wide / width, high / height

    def lay_in(self, image: NDArray[np.uint8], canvas: NDArray[np.uint8]) -> None:
        """Scale a picture into a canvas.

        Args:
            image: Shape (height, width, 3).
            canvas: Shape (input height, input width, 3); overwritten.
        """
        (wide, high), (left, top) = self.scaled_size, self.offset
        place = canvas[top : top + high, left : left + wide]
        canvas[:top], canvas[top + high :] = _GREY, _GREY
        canvas[top : top + high, :left], canvas[top : top + high, left + wide :] = _GREY, _GREY
        if image.shape[:2] == (high, wide):
            place[:] = image
            return
        # Averaging the pixels that fall together keeps small things that sampling would skip.
        smaller = wide * high < image.shape[0] * image.shape[1]
        place[:] = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)

    def points_in_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return points of the input, of shape (…, 2) as x and y, as points of the picture."""
        offset, scale = np.array(self.offset, np.float32), np.array(self.scale, np.float32)
        return np.asarray((points - offset) / scale, np.float32)

    def boxes_in_picture(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes of the input, of shape (N, 4), as boxes of the picture, cut off at its edges.

        Args:
            boxes: Left, top, right, bottom.
        """
        corners = self.points_in_picture(boxes.reshape(-1, 2, 2))
        return corners.clip(0, np.array(self.image_size, np.float32)).reshape(-1, 4)
