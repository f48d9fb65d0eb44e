from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures
from PIL import Image, ImageFilter

from flowra_image.errors import ImageError
from flowra_image.filtering import blur, sharpen
from flowra_image.pixels import to_dtype

METHODS = ("gaussian", "box", "median")


@given(pictures(max_side=12), st.floats(0, 4), st.sampled_from(METHODS))
def test_blurring_keeps_size_mode_dtype_and_range(image, radius, method):
    soft = blur(image, radius, method)
    assert is_canonical(soft)
    assert soft.shape == image.shape
    assert soft.dtype == image.dtype


@given(st.sampled_from(METHODS), st.floats(0.1, 8), st.sampled_from(["uint8", "uint16", "float32"]))
def test_a_plain_picture_stays_as_it_is(method, radius, dtype):
    plain = to_dtype(np.full((9, 14, 3), 77, np.uint8), dtype)
    assert np.allclose(blur(plain, radius, method), plain, atol=1e-6 if dtype == "float32" else 0)


def test_gaussian_is_opencvs_and_close_to_the_formula(photo):
    grey = photo("cameraman")
    assert np.array_equal(blur(grey, 2.5), cv2.GaussianBlur(grey, (0, 0), 2.5))
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    y, x = np.mgrid[-20:21, -20:21]
    formula = np.exp(-(x**2 + y**2) / (2 * 3**2))
    assert np.abs(blur(point, 3) - formula / formula.sum()).max() < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("radius", [1, 2, 4])
def test_the_median_is_exact_in_every_depth(photo, dtype, radius):
    part = photo("cameraman")[100:160, 200:260]
    theirs = np.asarray(Image.fromarray(part).filter(ImageFilter.MedianFilter(2 * radius + 1)))
    ours = to_dtype(blur(to_dtype(part, dtype), radius, "median"), "uint8")
    inside = slice(radius, -radius)
    assert np.array_equal(ours[inside, inside], theirs[inside, inside])


@pytest.mark.parametrize("method", ["gaussian", "box"])
def test_blurring_does_not_show_hidden_colours(method):
    halves = np.zeros((20, 20, 4), np.uint8)
    halves[:, :10] = (255, 0, 0, 255)
    halves[:, 10:] = (0, 0, 255, 0)
    soft = blur(halves, 2, method)
    assert soft[soft[..., 3] > 8][:, 2].max() == 0


def test_a_negative_radius_is_refused():
    with pytest.raises(ImageError, match="radius -1"):
        blur(np.zeros((3, 3), np.uint8), -1)


@given(pictures(max_side=12), st.floats(0, 5), st.floats(0.2, 4), st.floats(0, 1))
def test_sharpening_keeps_size_mode_dtype_range_and_alpha(image, amount, radius, threshold):
    sharp = sharpen(image, amount, radius, threshold)
    assert is_canonical(sharp)
    assert sharp.shape == image.shape
    assert sharp.dtype == image.dtype
    if image.ndim == 3 and image.shape[2] == 4:
        assert np.array_equal(sharp[..., 3], image[..., 3])


def test_sharpening_is_the_unsharp_mask(photo):
    cat = photo("cat").astype(float)
    expected = np.clip(cat + 1.5 * (cat - cv2.GaussianBlur(cat, (0, 0), 2)), 0, 255)
    assert np.abs(sharpen(photo("cat"), 1.5, 2) - expected).max() <= 1
    assert np.array_equal(sharpen(photo("cat"), 0, 2), photo("cat"))
    assert np.array_equal(sharpen(photo("cat"), 5, 2, threshold=1), photo("cat"))
