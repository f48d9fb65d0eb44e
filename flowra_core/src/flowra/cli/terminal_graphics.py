"""Which way of showing pictures a terminal has, and pictures in that way.

kitty and iTerm2 have protocols of their own, which take PNG as it is; sixel is older and takes pixels; half blocks
(`flowra.cli.picture`) work wherever there are colours. What a terminal has is told by the variables that it sets:
asking it would mean to read its answer from the input, where a person may be typing.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

__all__ = ["GRAPHICS", "Graphics", "encoded_picture", "graphics_of"]

Graphics = Literal["kitty", "iterm2", "sixel", "blocks", "none"]
GRAPHICS: tuple[Graphics, ...] = get_args(Graphics)

#: The most bytes of base64 in one of kitty's commands.
_KITTY_CHUNK = 4096
#: Colours of a sixel picture.
_SIXEL_COLOURS = 255


def graphics_of(environment: Mapping[str, str] | None = None, *, terminal: bool | None = None) -> Graphics:
    """Return the best way to show pictures.

    Args:
        environment: The environment; this process's own if None.
        terminal: Whether stdout is a terminal; looked at if None.

    Returns:
        `none` where stdout is a pipe or a file, or where the person wants no colours (`NO_COLOR`).
    """
    variables = os.environ if environment is None else environment
    if terminal is None:
        terminal = sys.stdout.isatty()
    kind, program = variables.get("TERM", ""), variables.get("TERM_PROGRAM", "")
    if not terminal or variables.get("NO_COLOR") or kind in ("", "dumb"):
        return "none"
    if variables.get("TMUX") or kind.startswith("screen"):
        return "blocks"  # they pass none of the protocols on, unless they are set up to
    if variables.get("KITTY_WINDOW_ID") or kind in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "mintty") or variables.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if "sixel" in kind or kind.split("-")[0] in ("foot", "mlterm", "contour"):
        return "sixel"
    return "blocks"


def encoded_picture(png: bytes, graphics: Graphics) -> str:
    """Return what shows a picture when it is written to a terminal with one of the protocols; no line break follows.

    Args:
        png: The picture.
        graphics: `kitty`, `iterm2` or `sixel`.

    Raises:
        ImportError: For sixel, where Pillow is not installed.
    """
    if graphics == "kitty":
        return "".join(_kitty(png))
    if graphics == "iterm2":
        text = base64.b64encode(png).decode()
        return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{text}\a"
    if graphics == "sixel":
        return _sixel(png)
    raise ValueError(f"{graphics} is no protocol")


def _kitty(png: bytes) -> Iterator[str]:
    text = base64.b64encode(png).decode()
    chunks = [text[start : start + _KITTY_CHUNK] for start in range(0, len(text), _KITTY_CHUNK)]
    for number, chunk in enumerate(chunks):
        more = int(number < len(chunks) - 1)
        # q=2: the terminal does not answer, so that nothing of it lands in the shell's input.
        yield f"\x1b_G{'f=100,a=T,q=2,' if number == 0 else ''}m={more};{chunk}\x1b\\"


def _sixel(png: bytes) -> str:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        palette = picture.convert("RGB").quantize(_SIXEL_COLOURS, dither=Image.Dither.NONE)
    width, height = palette.size
    colours = palette.getpalette("RGB") or []
    parts = [f'\x1bP0;1q"1;1;{width};{height}']
    for number in range(len(colours) // 3):
        red, green, blue = (round(value * 100 / 255) for value in colours[3 * number : 3 * number + 3])
        parts.append(f"#{number};2;{red};{green};{blue}")
    pixels = palette.tobytes()
    parts += ["$".join(_band(pixels, width, top, min(6, height - top))) + "-" for top in range(0, height, 6)]
    return "".join([*parts, "\x1b\\"])


def _band(pixels: bytes, width: int, top: int, rows: int) -> Iterator[str]:
    """Yield six rows of pixels, a text for each colour in them: a character for each column, repeated ones counted."""
    columns: dict[int, bytearray] = {}
    for row in range(rows):
        start = (top + row) * width
        for column, colour in enumerate(pixels[start : start + width]):
            columns.setdefault(colour, bytearray(width))[column] |= 1 << row
    for colour, bits in columns.items():
        yield f"#{colour}" + "".join(_repeated(bits))


def _repeated(bits: bytearray) -> Iterator[str]:
    start = 0
    for end in range(1, len(bits) + 1):
        if end == len(bits) or bits[end] != bits[start]:
            character = chr(63 + bits[start])
            yield f"!{end - start}{character}" if end - start > 3 else character * (end - start)
            start = end
