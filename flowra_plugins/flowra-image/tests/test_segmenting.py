from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures

from flowra_image.errors import ImageError
from flowra_image.pixels import luma, to_dtype
from flowra_image.segmenting import above, canny, gradient, mask_to_picture, otsu


@given(pictures(), st.floats(0, 1))
def test_thresholds_part_every_picture(image, threshold):
    mask = above(image, threshold)
    assert mask.dtype == bool
    assert mask.shape == image.shape[:2]
    assert is_canonical(mask_to_picture(mask, str(image.dtype)))


@given(st.integers(0, 255))
def test_a_pixel_as_bright_as_the_threshold_is_not_above_it(level):
    image = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(above(image, level / 255)[0], np.arange(256) > level)


@pytest.mark.parametrize("name", ["coffee", "cat", "cameraman"])
def test_otsu_is_opencvs_and_the_definition(photo, name):
    grey = luma(photo(name))
    theirs, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    assert otsu(photo(name)) == theirs / 255
    counts = np.bincount(grey.ravel(), minlength=256) / grey.size
    levels = np.arange(256)

    def between(level):
        low = counts[: level + 1].sum()
        if not 0 < low < 1:
            return 0
        means = (counts[: level + 1] @ levels[: level + 1] / low, counts[level + 1 :] @ levels[level + 1 :] / (1 - low))
        return low * (1 - low) * (means[0] - means[1]) ** 2

    assert between(int(theirs)) == pytest.approx(max(map(between, range(255))), rel=1e-6)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_otsu_finds_the_same_place_in_every_depth(photo, dtype):
    assert otsu(to_dtype(photo("cameraman"), dtype)) == pytest.approx(otsu(photo("cameraman")), abs=1 / 255)


def test_otsu_of_one_brightness_is_that_brightness():
    assert otsu(np.full((3, 3), 100, np.uint8)) == 100 / 255
    assert not above(np.full((3, 3), 100, np.uint8), 100 / 255).any()


@given(pictures(), st.floats(0, 3))
def test_gradients_lie_in_0_to_1(image, smooth):
    steep = gradient(image, smooth)
    assert is_canonical(steep)
    assert steep.shape == image.shape[:2]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_step_from_black_to_white_has_the_gradient_1(dtype):
    step = np.zeros((9, 12), np.uint8)
    step[:, 6:] = 255
    steep = gradient(to_dtype(step, dtype))
    assert np.allclose(steep[:, 5:7], 1)
    assert steep[:, [0, -1]].max() == 0


def test_canny_is_opencvs_on_a_photograph(photo):
    grey = photo("cameraman")
    theirs = cv2.Canny(grey, 0.1 * 1020, 0.2 * 1020, L2gradient=True) > 0
    ours = canny(grey, 0.1, 0.2, smooth=0)
    assert (ours != theirs).mean() < 0.001


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_canny_draws_the_same_lines_in_every_depth(photo, dtype):
    lines = canny(photo("cat"), 0.05, 0.15)
    assert 0.01 < lines.mean() < 0.2
    assert (canny(to_dtype(photo("cat"), dtype), 0.05, 0.15) != lines).mean() < 0.001


@given(pictures(), st.floats(0, 0.5), st.floats(0.5, 1))
def test_canny_takes_every_picture(image, low, high):
    assert canny(image, low, high).shape == image.shape[:2]


def test_thresholds_the_wrong_way_round_are_refused(photo):
    with pytest.raises(ImageError, match="above the high one"):
        canny(photo("cat"), 0.5, 0.2)
