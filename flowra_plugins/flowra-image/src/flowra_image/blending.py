"""One picture over another: the blend modes of the W3C's Compositing and Blending Level 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from flowra_image.pixels import FloatPixels, MaskPixels, Pixels, from_unit, has_alpha, same_size, to_mode, to_unit

__all__ = ["BlendMode", "blend"]

BlendMode = Literal[
    "normal", "multiply", "screen", "overlay", "darken", "lighten", "add", "subtract", "difference", "soft light"
]


def blend(
    base: Pixels, top: Pixels, mode: BlendMode = "normal", opacity: float = 1.0, mask: MaskPixels | None = None
) -> Pixels:
    """Return `top` laid over `base`, in the dtype of `base`.

    Args:
        base: Any picture H×W….
        top: Any picture of the same width and height.
        mode: How colours mix where both are visible, as formulas of sRGB values.
        opacity: 0..1, how much of `top` counts; its own alpha counts too.
        mask: H×W, True where `top` counts; everywhere if None.

    Returns:
        RGBA where `base` has alpha, else grey where both are grey, else RGB.
    """
    same_size("the two pictures", base, top)
    if mask is not None:
        same_size("the picture and the mask", base, mask)
    grey = base.ndim == 2 and top.ndim == 2
    backdrop, backdrop_alpha = _parts(base, grey)
    source, source_alpha = _parts(top, grey)
    cover = np.float32(opacity) * (np.float32(1) if source_alpha is None else source_alpha)
    if mask is not None:
        cover = cover * mask.astype(np.float32)
    if not grey and isinstance(cover, np.ndarray) and cover.ndim == 2:
        cover = cover[..., None]
    mixed = _MODES[mode](backdrop, source)
    if backdrop_alpha is None:
        return from_unit(backdrop + (mixed - backdrop) * cover, str(base.dtype))
    below = backdrop_alpha[..., None]
    # Where the backdrop is transparent there is nothing to mix with: the source shows as it is.
    visible = source * (1 - below) + mixed * below
    alpha = cover + below * (1 - cover)
    colors = visible * cover + backdrop * below * (1 - cover)
    colors = np.divide(colors, alpha, out=np.zeros_like(colors), where=np.broadcast_to(alpha > 1e-6, colors.shape))
    return from_unit(np.concatenate([colors, np.broadcast_to(alpha, below.shape)], axis=2), str(base.dtype))


def _parts(image: Pixels, grey: bool) -> tuple[FloatPixels, FloatPixels | None]:
    if grey:
        return to_unit(image), None
    if has_alpha(image):
        unit = to_unit(image)
        return unit[..., :3], unit[..., 3]
    return to_unit(to_mode(image, "RGB")), None


def _overlay(below: FloatPixels, above: FloatPixels) -> FloatPixels:
    return np.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))


def _soft_light(below: FloatPixels, above: FloatPixels) -> FloatPixels:
    bright = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    return np.where(
        above <= 0.5,
        below - (1 - 2 * above) * below * (1 - below),
        below + (2 * above - 1) * (bright - below),
    )


_MODES: dict[BlendMode, Callable[[FloatPixels, FloatPixels], FloatPixels]] = {
    "normal": lambda below, above: above,  # noqa: ARG005 - what lies below is hidden
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: below + above - below * above,
    "overlay": _overlay,
    "darken": np.minimum,
    "lighten": np.maximum,
    "add": lambda below, above: np.minimum(below + above, 1),
    "subtract": lambda below, above: np.maximum(below - above, 0),
    "difference": lambda below, above: np.abs(below - above),
    "soft light": _soft_light,
}
assert set(_MODES) == set(get_args(BlendMode))
