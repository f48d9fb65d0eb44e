"""Sound as pictures: the waveform, and the spectrogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from flowra_media.audio.waveform import Waveform
from flowra_media.errors import MediaError
from flowra_media.pictures import colored

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_waveform", "spectrogram", "waveform_line"]

_PAPER, _INK, _AXIS = (250, 250, 252), (0, 106, 220), (205, 209, 216)
_COLUMNS_AT_ONCE = 256
_BLOCKS = "▁▂▃▄▅▆▇█"


def draw_waveform(audio: Waveform, width: int, height: int) -> NDArray[np.uint8]:
    """Return the waveform, channel under channel: in each column from the least to the greatest sample there.

    Args:
        audio: Any sound.
        width: Of the picture, in pixels.
        height: Likewise; each channel gets its part.

    Returns:
        A picture H×W×3, uint8.
    """
    picture = np.full((height, width, 3), _PAPER, np.uint8)
    channels = min(audio.channels, max(1, height // 8))
    edges = np.linspace(0, height, channels + 1).round().astype(int)
    rows = np.arange(height)[:, None]
    for number in range(channels):
        top, bottom = edges[number], edges[number + 1]
        middle = (top + bottom - 1) / 2
        picture[int(middle)] = _AXIS
        low, high = _envelope(audio.samples[number], width)
        half = max((bottom - top - 1) / 2, 0)
        first, last = middle - np.minimum(high, 1) * half, middle - np.maximum(low, -1) * half
        inside = (rows >= np.floor(first)) & (rows <= np.ceil(last)) & (rows >= top) & (rows < bottom) & (high > low)
        picture[inside] = _INK
    return picture


def waveform_line(audio: Waveform, width: int = 24) -> str:
    """Return the waveform as so many characters of a terminal: how far the samples of each part are from 0 at most."""
    if not audio.peak:
        return ""
    low, high = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for channel in audio.samples:
        least, greatest = _envelope(channel, width)
        low, high = np.minimum(low, least), np.maximum(high, greatest)
    heights = np.maximum(-low, high) / audio.peak
    return "".join(_BLOCKS[min(int(height * len(_BLOCKS)), len(_BLOCKS) - 1)] for height in heights)


def _envelope(samples: NDArray[np.float32], width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not samples.size:
        return np.zeros(width, np.float32), np.zeros(width, np.float32)
    starts = np.minimum((np.arange(width) * samples.size) // width, samples.size - 1)
    return np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)


def spectrogram(
    audio: Waveform,
    *,
    width: int,
    height: int,
    window: int,
    scale: Literal["linear", "log"],
    floor: float,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return how strong each frequency is at each time: short-time Fourier transforms with a Hann window.

    Each column is the transform of the samples around its time; beyond the ends there is silence. The channels are
    mixed to one.

    Args:
        audio: Any sound.
        width: Columns: evenly spaced times.
        height: Rows: frequencies from half the rate at the top down to 0 (`linear`), or to 20 Hz (`log`).
        window: Samples in a transform; more tell frequencies better and times worse.
        scale: How the rows are spaced.
        floor: Decibels below full scale, negative: the darkest.

    Returns:
        Levels in decibels of full scale (a sine of full scale has 0), height × width, float32; and the picture,
        height × width × 3, uint8.

    Raises:
        MediaError: The sound is empty, or its rate is too low for a logarithmic scale.
    """
    if not audio.length:
        raise MediaError("a spectrogram of no sound can't be drawn", why="the sound is empty")
    top = audio.rate / 2
    if scale == "log" and top <= 40:
        raise MediaError(f"a rate of {audio.rate} Hz has no room for a logarithmic scale", fix="choose scale linear")
    wanted = np.linspace(top, 0, height) if scale == "linear" else np.geomspace(top, 20, height)
    bins = np.fft.rfftfreq(window, 1 / audio.rate)
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    centres = ((np.arange(width) + 0.5) * audio.length / width).astype(int)
    levels = np.empty((height, width), np.float32)
    for start in range(0, width, _COLUMNS_AT_ONCE):
        places = centres[start : start + _COLUMNS_AT_ONCE, None] + np.arange(window) - window // 2
        inside = (places >= 0) & (places < audio.length)
        pieces = audio.samples[:, np.where(inside, places, 0)].mean(axis=0) * inside
        # Half of a sine's amplitude lies at its frequency, the other at the negative one.
        strength = np.abs(np.fft.rfft(pieces * shape, axis=1)) * (2 / shape.sum())
        for column, spectrum in enumerate(strength, start):
            levels[:, column] = _rows(spectrum, bins, wanted)
    levels = 20 * np.log10(np.maximum(levels, 10 ** (floor / 20)))
    return levels, colored((levels - floor) / -floor)


def _rows(
    spectrum: NDArray[np.floating], bins: NDArray[np.floating], wanted: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the strength at each wanted frequency: the largest in a row's band, so that no narrow line is lost."""
    edges = np.concatenate([wanted[:1], (wanted[1:] + wanted[:-1]) / 2, wanted[-1:]])
    low = np.searchsorted(bins, edges[1:])
    high = np.searchsorted(bins, edges[:-1], side="right")
    found = np.interp(wanted, bins, spectrum)
    wide = high > low
    starts = np.minimum(low, len(bins) - 1)
    # reduceat wants pairs of start and end; the maxima from ends to starts lie in between, and are left out.
    padded = np.append(spectrum, 0.0)
    pairs = np.stack([starts, np.minimum(high, len(bins))], axis=1).reshape(-1)
    highest = np.maximum.reduceat(padded, pairs)[::2]
    result: NDArray[np.floating] = np.where(wide, np.maximum(found, highest), found)
    return result
