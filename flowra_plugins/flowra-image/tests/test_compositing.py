from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from picture_strategies import MODES, is_canonical, masks, pictures
from PIL import Image, ImageChops

from flowra_image.blending import BlendMode, blend
from flowra_image.errors import ImageError
from flowra_image.masking import combine, cut_out, fill_outside, grow
from flowra_image.pixels import to_dtype, to_mode

NAMES = get_args(BlendMode)


@given(pictures(max_side=8), st.data(), st.sampled_from(NAMES), st.floats(0, 1))
def test_every_pair_of_pictures_blends(base, data, mode, opacity):
    top = to_mode(
        to_dtype(base[::-1, ::-1], data.draw(st.sampled_from(["uint8", "float32"]))), data.draw(st.sampled_from(MODES))
    )
    mask = data.draw(st.none() | masks(*base.shape[:2]))
    mixed = blend(base, top, mode, opacity, mask)
    assert is_canonical(mixed)
    assert mixed.dtype == base.dtype
    assert mixed.shape[:2] == base.shape[:2]
    assert (mixed.ndim == 2) == (base.ndim == top.ndim == 2)
    if mask is not None and mixed.shape == base.shape and base.shape[-1] != 4:
        assert np.array_equal(mixed[~mask], base[~mask])


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [
        ("multiply", ImageChops.multiply),
        ("screen", ImageChops.screen),
        ("overlay", ImageChops.overlay),
        ("darken", ImageChops.darker),
        ("lighten", ImageChops.lighter),
        ("add", ImageChops.add),
        ("subtract", ImageChops.subtract),
        ("difference", ImageChops.difference),
    ],
)
def test_modes_are_pillows_within_rounding(photo, mode, theirs):
    coffee = photo("coffee")
    expected = np.asarray(theirs(Image.fromarray(coffee), Image.fromarray(coffee[::-1])))
    assert np.abs(blend(coffee, coffee[::-1], mode).astype(int) - expected).max() <= 2


@given(pictures(modes=("RGBA",), dtypes=("uint8",), max_side=8))
def test_normal_over_alpha_is_pillows_alpha_composite(base):
    top = np.ascontiguousarray(base[::-1, ::-1])
    expected = np.asarray(Image.alpha_composite(Image.fromarray(base), Image.fromarray(top))).astype(int)
    ours = blend(base, top).astype(int)
    assert np.abs(ours[..., 3] - expected[..., 3]).max() <= 1
    # Where little is visible, Pillow's 8-bit arithmetic leaves colours uncertain.
    sure = expected[..., 3] > 100
    assert np.abs(ours - expected)[sure].max(initial=0) <= 3


def test_opacity_0_is_the_base_and_1_is_the_top(photo):
    coffee = photo("coffee")
    assert np.array_equal(blend(coffee, 255 - coffee, opacity=0), coffee)
    assert np.array_equal(blend(coffee, 255 - coffee, opacity=1), 255 - coffee)


def test_sizes_that_differ_are_refused_with_the_mend(photo):
    with pytest.raises(ImageError, match="differ in size") as caught:
        blend(photo("coffee"), photo("cat"))
    assert "600×400 and 451×300" in caught.value.why
    assert "width 600, height 400" in caught.value.fix


@given(npst.arrays(np.bool_, (5, 7)), npst.arrays(np.bool_, (5, 7)))
def test_masks_combine_as_sets(first, second):
    assert np.array_equal(combine(first, second, "and"), first & second)
    assert np.array_equal(combine(first, second, "or"), first | second)
    assert np.array_equal(combine(first, second, "xor"), first != second)
    assert np.array_equal(combine(first, second, "subtract"), first > second)


@given(npst.arrays(np.bool_, npst.array_shapes(min_dims=2, max_dims=2, max_side=12)), st.integers(1, 30))
def test_growing_and_shrinking_are_what_they_are_called(mask, pixels):
    grown, shrunk = grow(mask, pixels), grow(mask, -pixels)
    assert (grown >= mask).all()
    assert (shrunk <= mask).all()
    assert np.array_equal(shrunk, ~grow(~mask, pixels))
    points = np.argwhere(mask)
    grid = np.argwhere(np.ones_like(mask))
    near = (
        (((grid[:, None] - points[None]) ** 2).sum(2) <= pixels**2).any(1) if len(points) else np.zeros(len(grid), bool)
    )
    assert np.array_equal(grown.ravel(), near)


@given(pictures(), st.data())
def test_cutting_out_makes_the_rest_transparent(image, data):
    mask = data.draw(masks(*image.shape[:2]))
    part = cut_out(image, mask)
    assert is_canonical(part)
    assert not part[~mask, 3].any()
    assert np.array_equal(part[mask], to_mode(image, "RGBA")[mask])


@given(pictures(), st.data(), st.sampled_from([0.0, 0.25, 1.0]))
def test_filling_leaves_the_inside_alone(image, data, alpha):
    mask = data.draw(masks(*image.shape[:2]))
    filled = fill_outside(image, mask, (1, 0, 0, alpha))
    assert is_canonical(filled)
    assert filled.dtype == image.dtype
    if image.shape[-1] != 4 or alpha == 1:
        assert np.array_equal(filled[mask], image[mask])
    if alpha == 1 and image.ndim == 3:
        full = 1 if image.dtype == np.float32 else np.iinfo(image.dtype).max
        assert (filled[~mask][:, :3] == (full, 0, 0)).all()
