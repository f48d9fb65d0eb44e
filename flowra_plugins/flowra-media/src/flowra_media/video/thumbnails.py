"""A few pictures that stand for a whole video."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from flowra_media.pictures import fit_size, resized, side_by_side
from flowra_media.video.clip import VideoClip
from flowra_media.video.frames import Frame, frames_at, timing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["strip", "thumbnails"]

_GAP = 2


def thumbnails(clip: VideoClip, count: int, size: tuple[int, int]) -> list[Frame]:
    """Return frames from evenly spaced times, the middles of as many parts, shrunk to fit a size; in order."""
    seconds = clip.facts.seconds or timing(clip).seconds
    times = [seconds * (2 * number + 1) / (2 * count) for number in range(count)] if seconds else [Fraction(0)]
    small = fit_size((clip.facts.width, clip.facts.height), size)
    return [Frame(frame.time, frame.seconds, resized(frame.pixels, small)) for frame in frames_at(clip, times)]


def strip(clip: VideoClip, max_size: int) -> NDArray[np.uint8]:
    """Return up to four frames side by side, at most so many pixels wide and high; one where there is no room."""
    count = 4 if max_size >= 64 else 1
    each = max(1, (max_size - _GAP * (count - 1)) // count)
    pictures = [frame.pixels for frame in thumbnails(clip, count, (each, max_size))]
    return side_by_side(pictures, _GAP)
