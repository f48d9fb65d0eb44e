"""Picture files into canonical pictures: upright, straight alpha, 16 bit kept, colours as sRGB."""

from __future__ import annotations

import io
import math
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin, UnidentifiedImageError

from flowra_image.errors import ImageError
from flowra_image.pixels import Pixels

__all__ = ["MAX_MEGAPIXELS", "decode", "from_pillow", "load", "upright"]

#: A picture is refused before it is decoded when it would have more pixels than this many millions: a file of a
#: few kilobytes can claim to be gigabytes. The largest cameras of telephones make 200.
MAX_MEGAPIXELS = 256.0

#: What Pillow's readers raise on files that are cut off or scrambled.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_TIFF = (b"II*\x00", b"MM\x00*")
_opening = threading.Lock()


def load(path: str | Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Pixels:
    """Return the picture in a file; of an animation, its first frame.

    Args:
        path: The file; what it holds is told from its bytes, not from its suffix.
        max_megapixels: Refuse larger pictures (millions of pixels) before decoding them.

    Raises:
        ImageError: There is no such file, it can't be read, is no picture, is broken or too large.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near = path.parent if path.parent.is_dir() else None
        raise ImageError(
            f"there is no file {path}",
            why=None if near else f"the folder {path.parent} does not exist",
            fix="check the path; a relative one starts at the folder of the graph file or the working folder",
        ) from None
    except IsADirectoryError:
        raise ImageError(f"{path} is a folder, not a picture", fix="name a file in it") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"can't read {path}", why=getattr(error, "strerror", None) or str(error)) from error
    return decode(data, source=str(path), max_megapixels=max_megapixels)


def decode(data: bytes, *, source: str = "the bytes", max_megapixels: float = MAX_MEGAPIXELS) -> Pixels:
    """Return the picture that the bytes of a file hold; see `load`.

    Args:
        data: A whole file: PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF … whatever Pillow reads.
        source: What to call it in messages.
        max_megapixels: Refuse larger pictures (millions of pixels) before decoding them.
    """
    try:
        image = _open(data)
    except UnidentifiedImageError:
        if data[:4] in _TIFF:
            return _float_tiff(data, source, max_megapixels)
        raise ImageError(
            f"{source} is no picture that can be read",
            why=_guess(data),
            fix="give a PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF file",
        ) from None
    except _BROKEN as error:
        raise _broken(source, error) from error
    with image:
        _check_size(image.size, source, max_megapixels)
        try:
            deep = _is_deep_color(image)
            image.load()
            pixels = _deep_pixels(data, source) if deep else _pixels(image, source)
            return upright(pixels, _orientation(image))
        except ImageError:
            raise
        except _BROKEN as error:
            raise _broken(source, error) from error


def from_pillow(image: Image.Image) -> Pixels:
    """Return a picture that Pillow holds; raises `ImageError` if it was opened lazily and its file is broken."""
    source = f"the PIL image ({image.mode}, {image.width}×{image.height})"
    _check_size(image.size, source, math.inf)
    try:
        image.load()
        return upright(_pixels(image, source), _orientation(image))
    except ImageError:
        raise
    except _BROKEN as error:
        raise _broken(source, error) from error


def upright(image: Pixels, orientation: int) -> Pixels:
    """Return a picture turned as its EXIF orientation (1..8) says it is to be seen; other numbers mean 1."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _open(data: bytes) -> Image.Image:
    # Pillow warns of, and beyond twice that refuses, pictures of more than 89 million pixels, by a limit that holds
    # for the whole process. Ours is an argument, checked before anything is decoded.
    with _opening:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(io.BytesIO(data))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_size(size: tuple[int, int], source: str, max_megapixels: float) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{source} has no pixels", why=f"its size is {width}×{height}")
    if width * height > max_megapixels * 1e6:
        raise ImageError(
            f"{source} is larger than allowed",
            why=f"{width}×{height} = {width * height / 1e6:.0f} million pixels; the limit is {max_megapixels:g}",
            fix="raise max_megapixels if the file is trusted",
        )


def _deep_pixels(data: bytes, source: str) -> Pixels:
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None:
        raise ImageError(f"{source} can't be decoded", why="its 16-bit colour is in a form that OpenCV can't read")
    return _from_opencv(deep)


def _pixels(image: Image.Image, source: str) -> Pixels:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        return _from_integers(np.asarray(image), source)
    if image.mode == "F":
        return _from_floats(np.asarray(image), source)
    return np.array(_as_srgb(_simple_mode(image)))


def _is_deep_color(image: Image.Image) -> bool:
    """Say whether an opened, not yet loaded file has 16 bits in each of several channels; Pillow keeps only 8."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    raw_modes = (tile.args if isinstance(tile.args, str) else str((tile.args or ("",))[0]) for tile in _tiles(image))
    return any(";16" in raw for raw in raw_modes)


def _tiles(image: Image.Image) -> list[Any]:
    return list(getattr(image, "tile", []))


def _from_opencv(array: Pixels) -> Pixels:
    if array.ndim == 2:
        return array
    order = [2, 1, 0, 3] if array.shape[2] == 4 else [2, 1, 0]
    return np.ascontiguousarray(array[..., order])


def _from_integers(array: Pixels, source: str) -> Pixels:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise ImageError(
            f"{source} holds 32-bit numbers that are no brightness",
            why=f"they range over {low}..{high}; a picture has 0..65535 at most",
            fix="scale the numbers to 0..65535 before saving the file",
        )
    return array.astype(np.uint16)


def _from_floats(array: Pixels, source: str) -> Pixels:
    array = array.astype(np.float32)
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise ImageError(
            f"{source} holds floating-point numbers outside of 0..1",
            why=f"they range over {np.nanmin(array):g}..{np.nanmax(array):g}",
            fix="scale the numbers to 0..1 before saving the file",
        )
    return array


def _simple_mode(image: Image.Image) -> Image.Image:
    """Return the picture in one of Pillow's modes L, RGB, RGBA and CMYK."""
    transparent = image.has_transparency_data
    if image.mode in ("L", "1") and not transparent:
        return image.convert("L")
    if image.mode == "CMYK":
        return image
    if image.mode == "P" and not transparent:
        return image.convert("RGB")
    return image.convert("RGBA" if transparent else "RGB")


def _as_srgb(image: Image.Image) -> Image.Image:
    """Return an L, RGB or RGBA picture with the colours that its embedded profile means, as sRGB."""
    profile = _profile(image)
    if profile is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colors = image.convert("RGB") if alpha is not None else image
    target = "L" if image.mode == "L" else "RGB"
    if target == "L":
        return image
    try:
        changed: Any = ImageCms.profileToProfile(colors, profile, ImageCms.createProfile("sRGB"), outputMode=target)
    except ImageCms.PyCMSError:
        # A profile for another kind of picture (an RGB one in a CMYK file): viewers show such files without it.
        return image.convert("RGB") if image.mode == "CMYK" else image
    if alpha is not None:
        changed.putalpha(alpha)
    return changed  # type: ignore[no-any-return]


def _profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the embedded colour profile unless there is none, it is sRGB already, or it is damaged."""
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        name = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        return None
    return None if "srgb" in name.lower() else profile


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except _BROKEN:
        # Damaged EXIF data says nothing about how the picture is held; its pixels are fine.
        return 1
    return value if isinstance(value, int) else 1


def _float_tiff(data: bytes, source: str, max_megapixels: float) -> Pixels:
    """Return a TIFF that Pillow can't read: several channels of floating-point numbers."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(directory.next)
        directory.load(stream)
        size = (int(directory[256]), int(directory[257]))
    except _BROKEN as error:
        raise _broken(source, error) from error
    _check_size(size, source, max_megapixels)
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise ImageError(
            f"{source} is no picture that can be read", why="neither Pillow nor OpenCV knows this kind of TIFF"
        )
    array = _from_opencv(array)
    return _from_floats(array, source) if array.dtype.kind == "f" else array


def _broken(source: str, error: BaseException) -> ImageError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ImageError(
        f"{source} is broken or cut off", why=reason, fix="open it in a viewer; copy or download it again"
    )


def _guess(data: bytes) -> str:
    head = data[:64].lstrip().lower()
    if not data:
        return "it is empty (0 bytes)"
    if head.startswith((b"<!doctype", b"<html")):
        return "it holds a web page"
    if head.startswith((b"<svg", b"<?xml")):
        return "it holds XML; SVG drawings have to be turned into pixels first"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "it is a HEIC photograph; save it as JPEG or PNG first"
    if head.startswith(b"%pdf"):
        return "it is a PDF document"
    return f"its first bytes are {data[:8]!r}, which no known format has"
