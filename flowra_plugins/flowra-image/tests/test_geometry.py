from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures
from PIL import Image

from flowra_image.errors import ImageError
from flowra_image.geometry import crop, flip, resize, resize_exactly, rotate, target_size
from flowra_image.measuring import compare
from flowra_image.pixels import to_dtype

FILTERS = ("auto", "nearest", "area", "bilinear", "bicubic", "lanczos")
sides = st.integers(1, 40)


@given(pictures(), sides, sides, st.sampled_from(FILTERS))
def test_resizing_gives_the_size_asked_for_and_keeps_mode_and_dtype(image, width, height, method):
    result = resize_exactly(image, width, height, method)
    assert is_canonical(result)
    assert result.dtype == image.dtype
    assert result.shape == (height, width, *image.shape[2:])


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(200, 133), (900, 600)])
def test_smooth_filters_are_pillows_in_every_depth(photo, method, size):
    coffee = photo("coffee")
    theirs = np.asarray(Image.fromarray(coffee).resize(size, getattr(Image.Resampling, method.upper())))
    assert np.array_equal(resize_exactly(coffee, *size, method), theirs)
    for dtype in ("uint16", "float32"):
        deep = to_dtype(resize_exactly(to_dtype(coffee, dtype), *size, method), "uint8")
        # Pillow rounds and clips 8 bit between its two passes; deep pictures keep the fractions and the overshoot.
        assert compare(deep, theirs).psnr > 50


def test_area_is_the_mean_of_the_pixels_that_fall_together(photo):
    grey = photo("cameraman")
    blocks = grey.reshape(128, 4, 128, 4).mean(axis=(1, 3))
    assert np.abs(resize_exactly(grey, 128, 128, "area") - blocks).max() <= 0.5


def test_a_fine_pattern_made_small_does_not_flicker():
    pattern = np.where(np.indices((300, 300)).sum(0) % 2, 255, 0).astype(np.uint8)
    for method in ("area", "bilinear", "bicubic", "lanczos"):
        assert resize_exactly(pattern, 90, 90, method)[2:-2, 2:-2].std() < 8


@pytest.mark.parametrize("method", ["area", "bicubic"])
def test_hidden_colours_do_not_bleed_into_visible_ones(method):
    halves = np.zeros((60, 60, 4), np.uint8)
    halves[:, :31] = (255, 0, 0, 255)
    halves[:, 31:] = (0, 0, 255, 0)
    small = resize_exactly(halves, 20, 20, method)
    assert small[small[..., 3] > 8][:, 2].max() == 0


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.none() | sides,
    st.none() | sides,
    st.sampled_from(["contain", "cover", "pad"]),
)
def test_proportions_are_kept_to_the_pixel(wide, high, width, height, fit):
    if width is None and height is None:
        return
    new_wide, new_high = target_size((wide, high), width, height, None, fit)
    if fit == "cover":
        assert new_wide >= (width or 0)
        assert new_high >= (height or 0)
        assert width in (None, new_wide) or height in (None, new_high)
    else:
        assert new_wide <= (width or new_wide)
        assert new_high <= (height or new_high)
    factors = [new / old for new, old in ((width, wide), (height, high)) if new is not None]
    factor = max(factors) if fit == "cover" else min(factors)
    assert abs(new_wide - max(1, wide * factor)) <= 0.5 + 1e-9
    assert abs(new_high - max(1, high * factor)) <= 0.5 + 1e-9


@given(pictures(), sides, sides)
def test_cover_and_pad_and_stretch_fill_the_box(image, width, height):
    for fit in ("cover", "pad", "stretch"):
        assert resize(image, width, height, fit=fit).shape[:2] == (height, width)


def test_pad_puts_the_picture_in_the_middle_of_its_bars():
    white = np.full((10, 20), 255, np.uint8)
    padded = resize(white, 20, 20, fit="pad", background=(0, 0, 0, 1))
    assert np.array_equal(padded.mean(axis=1) > 0, [False] * 5 + [True] * 10 + [False] * 5)


def test_sizes_that_make_no_sense_are_refused(photo):
    for arguments in ({}, {"scale": 2, "width": 3}, {"width": 2_000_000}, {"scale": 100_000}):
        with pytest.raises(ImageError):
            resize(photo("cat"), **arguments)


@given(pictures(min_side=4), st.data())
def test_crops_are_slices(image, data):
    height, width = image.shape[:2]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    wide, high = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    assert np.array_equal(crop(image, x, y, wide, high), image[y : y + high, x : x + wide])


@given(pictures(), st.integers(-30, 30), st.integers(-30, 30), sides, sides)
def test_a_padded_crop_always_has_its_size(image, x, y, width, height):
    result = crop(image, x, y, width, height, outside="pad", background=(1, 0, 0, 1))
    assert result.shape == (height, width, *image.shape[2:])
    assert is_canonical(result)


def test_a_region_beyond_the_picture_is_refused_or_clipped(photo):
    with pytest.raises(ImageError, match="partly outside") as caught:
        crop(photo("cat"), 400, 0, 100, 50)
    assert "451×300" in caught.value.why
    assert crop(photo("cat"), 400, 0, 100, 50, outside="clip").shape[:2] == (50, 51)
    for outside in ("refuse", "clip"):
        with pytest.raises(ImageError, match="lies outside"):
            crop(photo("cat"), 500, 0, 10, 10, outside=outside)
    with pytest.raises(ImageError, match="no content"):
        crop(photo("cat"), 0, 0, 0, 5)


@given(pictures(), st.integers(-4, 4), st.booleans())
def test_quarter_turns_move_pixels_without_touching_them(image, quarters, smooth):
    assert np.array_equal(rotate(image, quarters * 90, smooth=smooth), np.rot90(image, quarters))


@given(pictures(min_side=2), st.floats(-360, 360))
def test_any_angle_keeps_mode_dtype_and_range(image, angle):
    for expand in (True, False):
        turned = rotate(image, angle, expand=expand)
        assert is_canonical(turned)
        assert turned.dtype == image.dtype
        assert turned.ndim == image.ndim
    assert turned.shape == image.shape


@pytest.mark.parametrize("angle", [17, -30, 45, 135, 211.5])
def test_rotation_is_pillows(photo, angle):
    coffee = photo("coffee")
    theirs = np.asarray(Image.fromarray(coffee).rotate(angle, Image.Resampling.BICUBIC))
    ours = rotate(coffee, angle, expand=False, background=(0, 0, 0, 1))
    assert compare(ours, theirs).psnr > 30
    wide, high = Image.fromarray(coffee).rotate(angle, expand=True).size
    grown = rotate(coffee, angle).shape
    assert abs(grown[1] - wide) <= 1
    assert abs(grown[0] - high) <= 1


def test_corners_take_the_background_and_its_alpha(photo):
    turned = rotate(photo("cat"), 45, background=(1, 0, 0, 1))
    assert turned[0, 0].tolist() == [255, 0, 0]
    clear = rotate(np.dstack([photo("cat"), np.full((300, 451), 255, np.uint8)]), 45)
    assert clear[0, 0, 3] == 0
    assert clear[turned.shape[0] // 2, turned.shape[1] // 2, 3] == 255


def test_what_can_not_be_rotated_says_why():
    with pytest.raises(ImageError, match="too large to rotate"):
        rotate(np.zeros((1, 40000), np.uint8), 10)
    with pytest.raises(ImageError, match="nan"):
        rotate(np.zeros((2, 2), np.uint8), float("nan"))


@given(pictures(), st.sampled_from(["horizontal", "vertical", "both"]))
def test_flipping_twice_is_nothing(image, direction):
    assert np.array_equal(flip(flip(image, direction), direction), image)


def test_flips_swap_what_they_say(photo):
    cat = photo("cat")
    assert np.array_equal(
        flip(cat, "horizontal"), np.asarray(Image.fromarray(cat).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    )
    assert np.array_equal(flip(cat, "both"), np.rot90(cat, 2))
