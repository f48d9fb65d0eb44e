"""Pictures on terminals: what a terminal has is told by its variables, and what is written is read back."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from flowra.cli.terminal_graphics import encoded_picture, graphics_of

COLOURS = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)


def png(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-sixel"}, "sixel"),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, "blocks"),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, "none"),
        ({"TERM": "dumb"}, "none"),
        ({}, "none"),
    ],
)
def test_what_a_terminal_has_is_told_by_its_variables(environment, expected):
    assert graphics_of(environment, terminal=True) == expected


def test_a_pipe_gets_no_pictures():
    assert graphics_of({"TERM": "xterm-kitty"}, terminal=False) == "none"


def test_kitty_gets_the_png_in_pieces_that_it_takes():
    picture = png(np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8))
    commands = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b\\\\", encoded_picture(picture, "kitty"))
    assert len(commands) > 1
    assert all(len(data) <= 4096 for _, data in commands)
    assert commands[0][0] == "f=100,a=T,q=2,m=1"
    assert [keys for keys, _ in commands[1:]] == ["m=1"] * (len(commands) - 2) + ["m=0"]
    assert base64.b64decode("".join(data for _, data in commands)) == picture


def test_iterm2_gets_the_png():
    picture = png(COLOURS)
    found = re.fullmatch(
        "\x1b\\]1337;File=inline=1;size=(\\d+);preserveAspectRatio=1:(.*)\a", encoded_picture(picture, "iterm2")
    )
    assert int(found[1]) == len(picture)
    assert base64.b64decode(found[2]) == picture


def sixel_pixels(text):
    """Read a sixel picture as a terminal does."""
    found = re.fullmatch('\x1bP0;1q"1;1;(\\d+);(\\d+)(.*)\x1b\\\\', text, re.DOTALL)
    width, height = int(found[1]), int(found[2])
    pixels, palette, colour, x, top = np.zeros((height, width, 3)), {}, 0, 0, 0
    for token in re.finditer(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([$-])|([?-~])", found[3]):
        if token[1]:
            palette[int(token[1])] = [int(token[part]) * 2.55 for part in (2, 3, 4)]
        elif token[5]:
            colour = int(token[5])
        elif token[8] == "$":
            x = 0
        elif token[8] == "-":
            x, top = 0, top + 6
        else:
            bits = ord(token[7] or token[9]) - 63
            repeated = int(token[6] or 1)
            for row in range(6):
                if bits >> row & 1:
                    pixels[top + row, x : x + repeated] = palette[colour]
            x += repeated
    return pixels


@pytest.mark.parametrize("size", [(2, 2), (13, 40), (6, 5)])
def test_a_terminal_reads_the_same_picture_from_sixels(size):
    picture = np.resize(COLOURS, (*size, 3)).astype(np.uint8)
    pixels = sixel_pixels(encoded_picture(png(picture), "sixel"))
    assert np.abs(pixels - picture).max() <= 2


def test_a_way_that_is_no_protocol_is_refused():
    with pytest.raises(ValueError, match="blocks"):
        encoded_picture(png(COLOURS), "blocks")
