"""Canonical pictures into files: what each format can hold."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from flowra.type.whole_files import write_whole
from flowra_image.errors import ImageError
from flowra_image.pixels import Pixels, Rgba, describe, flatten, has_alpha, mode_of

__all__ = ["FORMATS", "PictureFormat", "encode", "format_for", "save"]


@dataclass(frozen=True)
class PictureFormat:
    """What a file format can hold.

    Attributes:
        name: How people and choices call it.
        pillow: Pillow's name for it.
        suffixes: File name endings, the usual one first.
        dtypes: The dtypes it keeps.
        alpha: Whether it keeps alpha.
        lossy: Whether it has a quality.
        largest: The most pixels along one side.
    """

    name: str
    pillow: str
    suffixes: tuple[str, ...]
    dtypes: tuple[str, ...] = ("uint8",)
    alpha: bool = True
    lossy: bool = False
    largest: int = 2**31 - 1


FORMATS: dict[str, PictureFormat] = {
    entry.name: entry
    for entry in (
        PictureFormat("png", "PNG", (".png",), dtypes=("uint8", "uint16")),
        PictureFormat("jpeg", "JPEG", (".jpg", ".jpeg"), alpha=False, lossy=True, largest=65535),
        PictureFormat("webp", "WEBP", (".webp",), lossy=True, largest=16383),
        PictureFormat("tiff", "TIFF", (".tif", ".tiff"), dtypes=("uint8", "uint16", "float32")),
        PictureFormat("bmp", "BMP", (".bmp",), alpha=False),
        PictureFormat("avif", "AVIF", (".avif",), lossy=True, largest=65536),
    )
}


def format_for(path: str | Path, chosen: str = "auto") -> PictureFormat:
    """Return the format that was chosen, or that the suffix of the path stands for; raises `ImageError`."""
    if chosen != "auto":
        try:
            return FORMATS[chosen]
        except KeyError:
            raise ImageError(f"no format {chosen!r}", fix=f"choose one of {', '.join(FORMATS)}") from None
    suffix = Path(path).suffix.lower()
    for entry in FORMATS.values():
        if suffix in entry.suffixes:
            return entry
    known = " ".join(entry.suffixes[0] for entry in FORMATS.values())
    raise ImageError(
        f"can't tell the format of {path}",
        why=f"{suffix!r} is the suffix of no format that can be written" if suffix else "it has no suffix",
        fix=f"end the name in one of {known}, or choose the format",
    )


def encode(
    image: Pixels,
    kind: PictureFormat,
    *,
    quality: int = 90,
    background: Rgba | None = None,
    compression: int = 6,
) -> bytes:
    """Return the bytes of a file that holds the picture.

    Args:
        image: Any picture.
        kind: The format, one of `FORMATS`.
        quality: 1..100 for the lossy formats; 100 in WebP is lossless.
        background: What shows through where the format holds no alpha; None refuses such pictures.
        compression: 0..9 for PNG: how long to try for a smaller file.

    Raises:
        ImageError: The format can't hold the picture as it is; nothing is converted unasked.
    """
    if has_alpha(image) and not kind.alpha:
        if background is None:
            raise ImageError(
                f"{kind.name} holds no transparency, and the picture has an alpha channel",
                fix="give a background colour to flatten it on, or save as png or webp",
            )
        image = flatten(image, background)
    _check_fits(image, kind)
    if image.dtype != np.uint8:
        return _encode_deep(image, kind, compression)
    stream = io.BytesIO()
    options: dict[str, Any] = {}
    if kind.name == "png":
        options["compress_level"] = compression
    elif kind.name == "webp":
        options = {"lossless": True} if quality == 100 else {"quality": quality}
    elif kind.name == "tiff":
        options["compression"] = "tiff_adobe_deflate"
    elif kind.lossy:
        # Full colour resolution from quality 90 up: halved, it smears red edges, and text and boxes most of all.
        options = {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0"}
    try:
        Image.fromarray(np.ascontiguousarray(image)).save(stream, kind.pillow, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"can't write the picture as {kind.name}", why=str(error)) from error
    return stream.getvalue()


def save(
    image: Pixels,
    path: str | Path,
    *,
    format: str = "auto",
    quality: int = 90,
    background: Rgba | None = None,
    compression: int = 6,
    overwrite: bool = True,
) -> Path:
    """Write the picture to a file, whole or not at all, and return the path.

    Args:
        image: Any picture.
        path: Where to; folders on the way are made.
        format: A key of `FORMATS`, or `auto` to tell it from the suffix.
        quality: See `encode`.
        background: See `encode`.
        compression: See `encode`.
        overwrite: Whether a file that is there already is replaced.

    Raises:
        ImageError: The format can't hold the picture, or the file can't be written.
    """
    path = Path(path)
    kind = format_for(path, format)
    data = encode(image, kind, quality=quality, background=background, compression=compression)
    write_whole(path, data, overwrite=overwrite, failed=ImageError)
    return path


def _check_fits(image: Pixels, kind: PictureFormat) -> None:
    dtype = str(image.dtype)
    if dtype not in kind.dtypes:
        able = [entry.name for entry in FORMATS.values() if dtype in entry.dtypes]
        best = "uint8" if kind.dtypes == ("uint8",) else kind.dtypes[-1]
        raise ImageError(
            f"{kind.name} can't hold {dtype} pictures",
            why=f"it holds {' and '.join(kind.dtypes)}; the picture is {describe(image)}",
            fix=f"put image/Convert (dtype {best}) before it, or save as {' or '.join(able)}",
        )
    if max(image.shape[:2]) > kind.largest:
        raise ImageError(
            f"{kind.name} can't hold a picture of that size",
            why=f"its sides are at most {kind.largest} pixels; the picture is {describe(image)}",
            fix="make it smaller with image/Resize, or save as png or tiff",
        )


def _encode_deep(image: Pixels, kind: PictureFormat, compression: int) -> bytes:
    """Return the file of a 16-bit or float picture; Pillow can't write those in colour, OpenCV can."""
    order: dict[str, Any] = {
        "L": image,
        "RGB": image[..., ::-1],
        "RGBA": image[..., [2, 1, 0, 3]] if has_alpha(image) else None,
    }
    options = [cv2.IMWRITE_PNG_COMPRESSION, compression] if kind.name == "png" else []
    try:
        done, data = cv2.imencode(kind.suffixes[0], np.ascontiguousarray(order[mode_of(image)]), options)
    except cv2.error as error:
        raise ImageError(f"can't write the picture as {kind.name}", why=str(error)) from error
    if not done:
        raise ImageError(f"can't write the picture as {kind.name}", why="the encoder gave no reason")
    return data.tobytes()
