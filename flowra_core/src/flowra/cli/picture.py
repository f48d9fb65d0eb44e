"""Pictures on a terminal, as half blocks: each character shows two pixels, one above the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["picture_lines"]


def picture_lines(png: bytes, columns: int) -> Iterator[Text]:
    """Yield the lines of a picture for a terminal with 24-bit or 256 colours; none where Pillow is not installed.

    Args:
        png: The picture.
        columns: The most characters a line may have.
    """
    import io

    from rich.text import Text

    try:
        from PIL import Image
    except ImportError:  # whoever made the picture had it; this process may run elsewhere
        return
    with Image.open(io.BytesIO(png)) as picture:
        rgb = picture.convert("RGB")
        width = min(columns, rgb.width)
        height = max(2, round(rgb.height * width / rgb.width / 2) * 2)
        pixels = rgb.resize((width, height)).tobytes()
    for row in range(0, height, 2):
        line = Text()
        for column in range(width):
            upper = (row * width + column) * 3
            lower = upper + width * 3
            line.append("▀", style=f"rgb({_rgb(pixels, upper)}) on rgb({_rgb(pixels, lower)})")
        yield line


def _rgb(pixels: bytes, start: int) -> str:
    return ",".join(str(value) for value in pixels[start : start + 3])
