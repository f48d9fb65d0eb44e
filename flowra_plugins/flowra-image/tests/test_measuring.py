from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures
from PIL import Image

from flowra_image.errors import ImageError
from flowra_image.filtering import blur
from flowra_image.measuring import compare, draw_histogram, histogram
from flowra_image.pixels import to_dtype, to_mode


@given(pictures(), st.integers(2, 300))
def test_a_histogram_counts_every_pixel_once(image, bins):
    counts = histogram(image, bins)
    channels = 1 if image.ndim == 2 else image.shape[2]
    assert counts.shape == (channels, bins)
    assert (counts.sum(axis=1) == image.shape[0] * image.shape[1]).all()


def test_histograms_are_pillows(photo):
    theirs = np.array(Image.fromarray(photo("coffee")).histogram()).reshape(3, 256)
    assert np.array_equal(histogram(photo("coffee")), theirs)
    for dtype in ("uint16", "float32"):
        assert np.array_equal(histogram(to_dtype(photo("cameraman"), dtype)), histogram(photo("cameraman")))


@given(pictures(), st.integers(2, 600))
def test_every_histogram_can_be_drawn(image, bins):
    drawn = draw_histogram(histogram(image, bins))
    assert is_canonical(drawn)
    assert drawn.shape == (256, 512, 3)


def naive_ssim(x, y):
    """Structural similarity written as the paper writes it, window by window, float64."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    windows = [np.lib.stride_tricks.sliding_window_view(plane, (11, 11)) for plane in (x, y)]
    mean_x, mean_y = ((window * weights).sum((2, 3)) for window in windows)
    spread_x, spread_y = (
        (weights * (window - mean[..., None, None]) ** 2).sum((2, 3))
        for window, mean in zip(windows, (mean_x, mean_y), strict=True)
    )
    both = (weights * (windows[0] - mean_x[..., None, None]) * (windows[1] - mean_y[..., None, None])).sum((2, 3))
    c1, c2 = 0.01**2, 0.03**2
    return (
        (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (spread_x + spread_y + c2))
    ).mean()


def test_ssim_is_the_papers(photo):
    part = photo("cameraman")[60:140, 180:260]
    worse = blur(part, 1.2)
    assert compare(part, worse).ssim == pytest.approx(naive_ssim(part / 255, worse / 255), abs=1e-6)
    assert 0.3 < compare(part, worse).ssim < 0.99


def test_mse_and_psnr_are_the_definitions(photo):
    coffee = photo("coffee")
    noisy = np.clip(coffee.astype(int) + np.random.default_rng(0).integers(-9, 10, coffee.shape), 0, 255).astype(
        np.uint8
    )
    mse = ((coffee.astype(float) - noisy) ** 2).mean()
    found = compare(coffee, noisy)
    assert found.mse == pytest.approx(mse / 255**2)
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-5)
    assert found.largest == pytest.approx(np.abs(coffee.astype(int) - noisy).max() / 255, abs=1e-6)
    assert np.array_equal(found.picture, np.abs(coffee.astype(int) - noisy))


@given(pictures())
def test_a_picture_does_not_differ_from_itself(image):
    found = compare(image, image)
    assert (found.mse, found.psnr, found.largest) == (0, None, 0)
    assert found.ssim is None or found.ssim == pytest.approx(1)
    assert is_canonical(found.picture)
    assert not found.picture.any()


@given(
    pictures(dtypes=("uint8",)), st.sampled_from(["L", "RGB", "RGBA"]), st.sampled_from(["uint8", "uint16", "float32"])
)
def test_pictures_of_different_modes_and_depths_can_be_compared(image, mode, dtype):
    assert compare(image, to_dtype(to_mode(image, mode), dtype)).mse >= 0


def test_differences_in_alpha_count(photo):
    clear = to_mode(photo("cat"), "RGBA").copy()
    clear[..., 3] = 0
    found = compare(photo("cat"), clear)
    assert found.mse == pytest.approx(0.25)
    assert found.picture.shape == photo("cat").shape


def test_different_sizes_are_refused(photo):
    with pytest.raises(ImageError, match="differ in size"):
        compare(photo("cat"), photo("coffee"))
