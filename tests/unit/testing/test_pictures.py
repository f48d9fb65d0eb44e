"""Pictures are compared with a tolerance, and a difference is shown."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowra.testing import assert_images_close

PICTURE = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def difference(*pictures, **options):
    with pytest.raises(AssertionError) as caught:
        assert_images_close(*pictures, **options)
    return str(caught.value)


def test_equal_pictures_pass_as_arrays_and_as_files(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "expected.png")
    assert_images_close(PICTURE, tmp_path / "expected.png")
    assert_images_close(Image.fromarray(PICTURE), PICTURE.copy())


@pytest.mark.parametrize(
    ("dtype", "by", "tolerance"), [(np.uint8, 2, 2), (np.uint16, 300, 300), (np.float32, 0.1, 0.1)]
)
def test_the_tolerance_is_in_the_units_of_the_pictures(tmp_path, dtype, by, tolerance):
    first = np.full((4, 5), 0.2 if dtype == np.float32 else 100, dtype)
    second = (first + dtype(by)).astype(dtype)
    assert_images_close(first, second, tolerance=tolerance)
    assert "20 of 20 pixels" in difference(first, second, tolerance=tolerance * 0.9, folder=tmp_path)


def test_a_few_pixels_may_be_off_where_that_is_asked_for(tmp_path):
    other = PICTURE.copy()
    other[3, 4] ^= 128
    assert_images_close(other, PICTURE, most=0.01)
    said = difference(other, PICTURE, tolerance=1, folder=tmp_path)
    assert said.startswith("1 of 600 pixels are off by more than 1\n")
    assert "farthest off: 128 at x=4, y=3" in said
    assert "x 4..4, y 3..3" in said


def test_the_difference_picture_shows_both_and_where_they_differ(tmp_path):
    other = PICTURE.copy()
    other[10:, 5:8] = 255 - other[10:, 5:8]
    said = difference(other, PICTURE, tolerance=20, folder=tmp_path)
    path = Path(re.search(r"difference: (.+\.png)", said)[1])
    assert path.parent == tmp_path
    assert path.name.startswith("test_the_difference_picture_shows")
    shown = np.asarray(Image.open(path))
    assert shown.shape == (20, 3 * 30 + 8, 3)
    assert np.array_equal(shown[:, :30], other)
    assert np.array_equal(shown[:, 34:64], PICTURE)
    assert not shown[:10, 68:].any()
    off = np.abs(other.astype(int) - PICTURE).max(axis=2) > 20
    red = (shown[:, 68:, 0] >= 128) & (shown[:, 68:, 1:].max(axis=2) == 0)
    assert np.array_equal(red, off)


def test_without_a_folder_it_is_written_to_a_temporary_one():
    said = difference(PICTURE, PICTURE[::-1])
    path = Path(re.search(r"difference: (.+\.png)", said)[1])
    assert path.is_file()
    path.unlink()
    path.parent.rmdir()


@pytest.mark.parametrize(
    "other", [PICTURE[:-1], PICTURE[..., 0], PICTURE.astype(np.uint16)], ids=["size", "mode", "depth"]
)
def test_pictures_of_different_kinds_are_never_close(other):
    assert "different kinds" in difference(PICTURE, other, tolerance=255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_difference_is_shown_for_every_mode_and_depth(tmp_path, dtype, channels):
    first = np.zeros((4, 5, *channels), dtype)
    second = first + dtype(1)
    assert "20 of 20" in difference(first, second, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
