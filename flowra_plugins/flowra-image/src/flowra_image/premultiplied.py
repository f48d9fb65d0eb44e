"""Pictures whose colours are multiplied by their alpha: the form in which averaging pixels is right."""

from __future__ import annotations

import numpy as np

from flowra_image.pixels import FloatPixels, Pixels, to_unit

__all__ = ["straight", "weighted"]


def weighted(image: Pixels) -> FloatPixels:
    """Return an RGBA picture as float32 0..1, its colours multiplied by its alpha."""
    unit = np.array(to_unit(image))
    unit[..., :3] *= unit[..., 3:]
    return unit


def straight(premultiplied: Pixels) -> FloatPixels:
    """Return a picture from `weighted` with straight alpha again; where nothing is visible it is black."""
    alpha = np.clip(premultiplied[..., 3:], 0, 1)
    colors = premultiplied[..., :3]
    divided = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 1e-6)
    return np.concatenate([divided, alpha], axis=2)
