"""Black and white, and outlines: threshold, Canny and Sobel edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from flowra_image.errors import ImageError
from flowra_image.pixels import FloatPixels, Pixels, full_scale, luma, to_dtype, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EdgeMethod", "ThresholdMethod", "above", "canny", "gradient", "mask_to_picture", "otsu"]

ThresholdMethod = Literal["fixed", "otsu"]
EdgeMethod = Literal["canny", "sobel"]

#: A Sobel kernel answers a step from black to white with 4; the gradient is scaled by it so that a full step is 1.
_FULL_STEP = 4.0
#: `cv2.Canny` takes gradients as 16-bit integers: as fine as they go, whatever the picture's own depth.
_INTEGER_STEP = 8000.0


def otsu(image: Pixels) -> float:
    """Return the brightness, 0..1, that parts the picture best in two (Otsu 1979).

    It is computed from luma: in 256 steps for 8 bit, in 65536 for 16 bit and float. A picture of one brightness
    has no best place; its own brightness is returned.
    """
    grey = luma(image)
    grey = to_dtype(grey, "uint16") if grey.dtype == np.float32 else grey
    value, _ = cv2.threshold(np.ascontiguousarray(grey), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if grey.min() == grey.max():
        value = float(grey.min())
    return float(value) / full_scale(grey)


def above(image: Pixels, threshold: float) -> NDArray[np.bool_]:
    """Return where luma is greater than `threshold` (0..1 of full brightness), H×W."""
    # Half a step's tolerance of 16 bit: 102/255 stored as a float must not be above 102.
    return np.asarray(luma(image) > threshold * full_scale(image) + 1e-6, dtype=np.bool_)


def mask_to_picture(mask: NDArray[np.bool_], dtype: str = "uint8") -> Pixels:
    """Return a mask as a grey picture: full brightness where it is True, else 0."""
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    return np.where(mask, np.array(full, dtype=dtype), np.array(0, dtype=dtype))


def gradient(image: Pixels, smooth: float = 0.0) -> FloatPixels:
    """Return how steep the brightness is, H×W float32 in 0..1, where 1 is a step from black to white (Sobel).

    Args:
        image: Any picture; luma counts.
        smooth: Standard deviation in pixels of a Gaussian blur beforehand, 0 for none.
    """
    across, down = _slopes(image, smooth)
    steep = np.asarray(cv2.magnitude(across, down), dtype=np.float32)
    return np.clip(steep, 0, 1)


def canny(image: Pixels, low: float, high: float, smooth: float = 1.0) -> NDArray[np.bool_]:
    """Return the outlines, one pixel wide, H×W (Canny 1986).

    Args:
        image: Any picture; luma counts.
        low: Steepness, 0..1, from which a pixel continues an outline; 1 is a step from black to white.
        high: Steepness from which one begins; not below `low`.
        smooth: Standard deviation in pixels of the Gaussian blur beforehand, 0 for none.
    """
    if low > high:
        raise ImageError(
            f"the low threshold {low:g} is above the high one {high:g}",
            fix="make low at most high; half of it is usual",
        )
    across, down = (np.rint(slope * _INTEGER_STEP).astype(np.int16) for slope in _slopes(image, smooth))
    found = cv2.Canny(across, down, low * _INTEGER_STEP, high * _INTEGER_STEP, L2gradient=True)
    return np.asarray(found != 0, dtype=np.bool_)


def _slopes(image: Pixels, smooth: float) -> tuple[FloatPixels, FloatPixels]:
    grey = to_unit(luma(image))
    if smooth > 0:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), smooth), dtype=np.float32)
    # The picture is continued by its outermost pixels: mirrored or black surroundings would draw edges of their own.
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / _FULL_STEP, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / _FULL_STEP, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(across, dtype=np.float32), np.asarray(down, dtype=np.float32)
