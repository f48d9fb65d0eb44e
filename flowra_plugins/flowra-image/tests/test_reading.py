from __future__ import annotations

import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures
from PIL import Image, ImageCms, ImageOps

from flowra_image.errors import ImageError
from flowra_image.reading import decode, load
from flowra_image.writing import FORMATS, encode

EXIF_ORIENTATION = 0x0112


def stored(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_orientation(image: Image.Image, orientation: int):
    exif = image.getexif()
    exif[EXIF_ORIENTATION] = orientation
    return exif


@pytest.fixture(scope="module")
def sheet() -> Image.Image:
    """A small picture without any symmetry."""
    y, x = np.mgrid[0:40, 0:56]
    return Image.fromarray(np.dstack([x * 4, y * 6, (x + y) * 2]).astype(np.uint8))


@given(pictures(dtypes=("uint8", "uint16")))
def test_png_keeps_every_bit(image):
    assert np.array_equal(decode(encode(image, FORMATS["png"], compression=1)), image)


@given(pictures())
def test_tiff_keeps_every_bit_of_every_dtype(image):
    read = decode(encode(image, FORMATS["tiff"]))
    assert read.dtype == image.dtype
    assert np.array_equal(read, image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp"])
def test_photographs_come_upright(sheet, kind, orientation):
    options = {"lossless": True} if kind == "webp" else {"quality": 95, "subsampling": 0} if kind == "jpeg" else {}
    data = stored(sheet, kind, exif=with_orientation(sheet, orientation), **options)
    turned = sheet.copy()
    turned.getexif()[EXIF_ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned))
    seen = decode(data)
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).max() <= (12 if kind == "jpeg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pictures_come_upright_too(sheet, orientation):
    deep = np.asarray(sheet).astype(np.uint16) * 257
    plain = encode(deep, FORMATS["png"])
    exif = with_orientation(Image.new("RGB", (1, 1)), orientation).tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    header = plain.index(b"IHDR") + 4 + 13 + 4
    turned = sheet.copy()
    turned.getexif()[EXIF_ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned)).astype(np.uint16) * 257
    assert np.array_equal(decode(plain[:header] + chunk + plain[header:]), expected)


def deep_tiff(pixels: np.ndarray, orientation: int) -> bytes:
    """Write an uncompressed 16-bit RGB TIFF by hand; neither library writes one with an orientation."""
    height, width = pixels.shape[:2]
    short, long = 3, 4
    entries = [
        (256, short, 1, width), (257, short, 1, height), (258, short, 3, 8 + 2 + 12 * 10 + 4), (259, short, 1, 1),
        (262, short, 1, 2), (273, long, 1, 8 + 2 + 12 * 10 + 4 + 6), (274, short, 1, orientation),
        (277, short, 1, 3), (278, short, 1, height), (279, long, 1, pixels.nbytes),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    depths = struct.pack("<HHH", 16, 16, 16)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    return head + directory + struct.pack("<I", 0) + depths + pixels.astype("<u2").tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_is_turned_once(sheet, orientation):
    turned = sheet.copy()
    turned.getexif()[EXIF_ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned)).astype(np.uint16) * 257
    assert np.array_equal(decode(deep_tiff(np.asarray(sheet).astype(np.uint16) * 257, orientation)), expected)


def test_palettes_become_colours_and_keep_transparency(sheet):
    palette = sheet.quantize(8)
    assert np.array_equal(decode(stored(palette, "png")), np.asarray(palette.convert("RGB")))
    transparent = decode(stored(palette, "png", transparency=0))
    assert transparent.shape[2] == 4
    assert np.array_equal(transparent[..., 3] == 0, np.asarray(palette) == 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_of_a_file_becomes_canonical(sheet, mode):
    source = sheet.convert("L") if mode == "I;16" else sheet
    image = source.convert(mode) if mode != "I;16" else Image.fromarray(np.asarray(source).astype(np.uint16) * 257)
    read = decode(stored(image, "tiff"))
    assert is_canonical(read)
    shape = {"1": 2, "L": 2, "I;16": 2}.get(mode, 3)
    assert read.ndim == shape
    if mode == "LA":
        assert read.shape[2] == 4
    if mode == "CMYK":
        assert np.abs(read.astype(int) - np.asarray(sheet)).max() <= 2


def test_an_animation_gives_its_first_frame(sheet):
    frames = [sheet.quantize(16), ImageOps.invert(sheet).quantize(16)]
    data = stored(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(decode(data), np.asarray(frames[0].convert("RGB")))


def test_an_embedded_colour_profile_is_applied(sheet):
    # A profile whose red and blue are swapped against sRGB shows that it is used at all.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decode(stored(sheet, "png", icc_profile=srgb)), np.asarray(sheet))
    named = bytearray(srgb.replace(b"s\0R\0G\0B", b"s\0W\0A\0P").replace(b"sRGB", b"sWAP"))
    count = struct.unpack(">I", named[128:132])[0]
    entries = [128 + 4 + 12 * index for index in range(count)]
    places = {bytes(named[at : at + 4]): at for at in entries}
    red, blue = places[b"rXYZ"] + 4, places[b"bXYZ"] + 4
    named[red : red + 8], named[blue : blue + 8] = named[blue : blue + 8], named[red : red + 8]
    swapped = decode(stored(sheet, "png", icc_profile=bytes(named)))
    assert np.abs(swapped.astype(int) - np.asarray(sheet)[..., ::-1]).max() <= 3


def test_a_damaged_colour_profile_does_not_hide_the_picture(sheet):
    assert np.array_equal(decode(stored(sheet, "png", icc_profile=b"nonsense")), np.asarray(sheet))


def test_floating_point_files_outside_of_0_to_1_are_refused():
    wild = cv2.imencode(".tiff", np.full((4, 4), 300, np.float32))[1].tobytes()
    with pytest.raises(ImageError, match=r"outside of 0\.\.1") as caught:
        decode(wild)
    assert "300" in caught.value.why


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<svg xmlns='x'/>", "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"%PDF-1.7", "PDF"),
        (b"hello", "no known format"),
    ],
)
def test_what_is_no_picture_is_said_to_be_none(data, reason):
    with pytest.raises(ImageError, match="no picture") as caught:
        decode(data, source="me.jpg")
    assert "me.jpg" in caught.value.what
    assert reason in caught.value.why


def test_a_bomb_is_refused_before_it_is_decoded():
    claim = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + claim + struct.pack(">I", zlib.crc32(b"IHDR" + claim))
    )
    with pytest.raises(ImageError, match="larger than allowed") as caught:
        decode(data + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))
    assert "3600 million" in caught.value.why
    assert "max_megapixels" in caught.value.fix


def test_a_picture_beyond_pillows_limit_is_read_where_ours_allows_it():
    data = stored(Image.new("1", (9600, 9600), 1), "png")
    assert decode(data, max_megapixels=93).shape == (9600, 9600)
    with pytest.raises(ImageError, match="larger than allowed"):
        decode(data, max_megapixels=92)
    assert Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "bmp"])
@given(share=st.floats(0, 0.98))
@pytest.mark.filterwarnings("ignore")
def test_a_file_cut_off_anywhere_says_so(sheet, kind, share):
    data = stored(sheet, kind)
    try:
        assert is_canonical(decode(data[: int(len(data) * share)]))
    except ImageError as error:
        assert error.why  # noqa: PT017 - either outcome is right, never another exception


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif"])
@given(at=st.floats(0, 1), with_bytes=st.binary(min_size=1, max_size=8))
@pytest.mark.filterwarnings("ignore")
def test_a_scrambled_file_never_gives_anything_but_a_picture_or_a_reason(sheet, kind, at, with_bytes):
    data = bytearray(stored(sheet, kind))
    start = int(at * (len(data) - 1))
    data[start : start + len(with_bytes)] = with_bytes
    try:
        assert is_canonical(decode(bytes(data), max_megapixels=1))
    except ImageError as error:
        assert error.why  # noqa: PT017 - either outcome is right, never another exception


@given(st.binary(max_size=200))
def test_noise_is_no_picture(data):
    with pytest.raises(ImageError):
        decode(data)


def test_a_path_in_any_script_is_read(tmp_path, sheet):
    path = tmp_path / "фото 照片 é.png"
    sheet.save(path)
    assert np.array_equal(load(path), np.asarray(sheet))


def test_a_suffix_that_lies_does_not_matter(tmp_path, sheet):
    path = tmp_path / "photo.jpg"
    sheet.save(path, "png")
    assert np.array_equal(load(path), np.asarray(sheet))


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ImageError, match="there is no file"):
        load(tmp_path / "no.png")
    with pytest.raises(ImageError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(ImageError, match="can't read"):
        load("a\0b.png")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
def test_a_link_in_a_circle_is_reported(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(ImageError, match="can't read"):
        load(tmp_path / "a.png")
