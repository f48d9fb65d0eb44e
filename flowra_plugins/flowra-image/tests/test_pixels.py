from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import DTYPES, MODES, is_canonical, pictures
from PIL import Image

from flowra_image.errors import ImageError
from flowra_image.pixels import color_of, flatten, luma, mode_of, paint, to_dtype, to_mode


@given(pictures(), st.sampled_from(MODES), st.sampled_from(DTYPES))
def test_every_picture_converts_to_every_mode_and_dtype(image, mode, dtype):
    converted = to_dtype(to_mode(image, mode), dtype)
    assert is_canonical(converted)
    assert mode_of(converted) == mode
    assert converted.dtype == dtype
    assert converted.shape[:2] == image.shape[:2]


@given(pictures(dtypes=("uint8",)), st.sampled_from(("uint16", "float32")))
def test_eight_bit_survives_a_deeper_dtype_and_back(image, deeper):
    assert np.array_equal(to_dtype(to_dtype(image, deeper), "uint8"), image)


@given(pictures(dtypes=("uint16",)))
def test_sixteen_bit_survives_float_and_back(image):
    assert np.array_equal(to_dtype(to_dtype(image, "float32"), "uint16"), image)


def test_sixteen_bit_is_rounded_to_the_nearest_eight_bit_value():
    deep = np.arange(65536, dtype=np.uint16)[None]
    assert np.array_equal(to_dtype(deep, "uint8"), np.rint(deep / 257).astype(np.uint8))


@pytest.mark.parametrize("name", ["coffee", "cat"])
def test_grey_is_pillows_within_rounding(photo, name):
    ours, theirs = luma(photo(name)), np.asarray(Image.fromarray(photo(name)).convert("L"))
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@given(pictures(modes=("RGBA",), dtypes=("uint8",)))
def test_flattening_is_pillows_alpha_composite_within_rounding(image):
    ground = Image.new("RGBA", image.shape[1::-1], (200, 100, 50, 255))
    theirs = np.asarray(Image.alpha_composite(ground, Image.fromarray(image)))[..., :3]
    ours = flatten(image, (200 / 255, 100 / 255, 50 / 255, 1))
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_colours_are_read_as_html_writes_them():
    assert color_of("#ff000080") == (1, 0, 0, 128 / 255)
    assert color_of("orange") == (1, 165 / 255, 0, 1)
    with pytest.raises(ImageError, match="names no colour"):
        color_of("reddish")


def test_a_colour_becomes_the_channels_of_a_picture():
    assert paint((1, 0, 0, 0.5), np.zeros((1, 1, 4), np.uint16)) == (65535, 0, 0, 32768)
    assert paint((1, 1, 1, 1), np.zeros((1, 1), np.float32)) == pytest.approx((1,))
