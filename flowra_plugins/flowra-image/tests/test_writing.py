from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from picture_strategies import pictures

from flowra_image.errors import ImageError
from flowra_image.measuring import compare
from flowra_image.reading import load
from flowra_image.writing import FORMATS, encode, format_for, save

GREY = np.zeros((2, 3), np.uint8)


@given(pictures(dtypes=("uint8",), modes=("RGB", "RGBA")))
def test_webp_of_full_quality_loses_nothing_visible(image):
    from flowra_image.reading import decode

    read = decode(encode(image, FORMATS["webp"], quality=100))
    visible = np.ones(image.shape[:2], bool) if image.shape[2] == 3 else image[..., 3] > 0
    read = read if read.shape == image.shape else np.dstack([read, np.full(image.shape[:2], 255, np.uint8)])
    assert np.array_equal(read[visible], image[visible])


@pytest.mark.parametrize(("kind", "least"), [("jpeg", 35), ("webp", 33), ("avif", 33), ("png", None), ("bmp", None)])
def test_a_photograph_comes_back_as_well_as_the_format_allows(tmp_path, photo, kind, least):
    from PIL import features

    if kind == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = save(photo("coffee"), tmp_path / f"coffee{FORMATS[kind].suffixes[0]}")
    psnr = compare(photo("coffee"), load(path)).psnr
    assert psnr is None if least is None else psnr > least


def test_the_format_follows_the_suffix_unless_chosen(tmp_path):
    assert format_for("a.JPG").name == "jpeg"
    assert load(save(GREY, tmp_path / "as.data", format="png")).shape == (2, 3)
    with pytest.raises(ImageError, match="can't tell the format") as caught:
        save(GREY, tmp_path / "picture.xyz")
    assert ".png" in caught.value.fix
    with pytest.raises(ImageError, match="no format"):
        save(GREY, tmp_path / "picture.png", format="xyz")


def test_jpeg_refuses_alpha_unless_a_background_is_given(tmp_path):
    clear = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(ImageError, match="holds no transparency") as caught:
        save(clear, tmp_path / "a.jpg")
    assert "background" in caught.value.fix
    assert not list(tmp_path.iterdir())
    assert load(save(clear, tmp_path / "a.jpg", background=(1, 1, 1, 1))).min() >= 254


@pytest.mark.parametrize(
    ("kind", "dtype"), [("jpeg", "uint16"), ("webp", "uint16"), ("png", "float32"), ("bmp", "float32")]
)
def test_a_depth_that_a_format_lacks_is_refused_with_the_mend(kind, dtype):
    with pytest.raises(ImageError, match=f"{kind} can't hold {dtype}") as caught:
        encode(GREY.astype(dtype), FORMATS[kind])
    assert "image/Convert" in caught.value.fix


def test_a_side_that_a_format_can_not_count_is_refused():
    with pytest.raises(ImageError, match="webp can't hold a picture of that size"):
        encode(np.zeros((1, 20000), np.uint8), FORMATS["webp"])


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    from pathlib import Path

    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ImageError, match="can't write") as caught:
        save(GREY, path)
    assert caught.value.why == "No space left on device"
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_target_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match=r"can't write|is a file, not a folder"):
        save(GREY, tmp_path / "file" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="can't write"):
        save(GREY, tmp_path / "folder.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_file_is_kept_when_overwriting_is_off(tmp_path):
    path = save(GREY, tmp_path / "a.png", overwrite=False)
    before = path.read_bytes()
    with pytest.raises(ImageError, match="exists already"):
        save(GREY + 9, path, overwrite=False)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_any_script_is_written(tmp_path):
    path = save(GREY, tmp_path / "новая папка" / "照片.png")
    assert load(path).shape == (2, 3)
