"""The frames of a video, decoded one by one, with exact timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError
from flowra_media.video.clip import VideoClip, check_frame_size, video_stream
from flowra_media.video.ffmpeg import opened

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

__all__ = ["Frame", "Timing", "decoded", "frames_at", "pictures", "rgb", "timing"]

#: FFmpeg's numbers of the matrix between RGB and YUV: of high definition, of old television, and for not stated.
_BT709, _BT601, _UNSTATED = 1, 5, 2
#: Those that it converts from, to the number that its converter has for them.
_MATRICES = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: 9, 10: 9}


@dataclass(frozen=True)
class Frame:
    """A frame.

    Attributes:
        time: When it is shown, in seconds from the first frame.
        seconds: How long it is shown; 0 where the file does not say.
        pixels: Shape (height, width, 3), RGB uint8, upright.
    """

    time: Fraction
    seconds: Fraction
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Timing:
    """What the timestamps of a video say.

    Attributes:
        frames: How many frames there are.
        seconds: From the beginning of the first frame to the end of the last.
        rate: Frames a second, exactly; None if the rate varies, or there is a single frame.
    """

    frames: int
    seconds: Fraction
    rate: Fraction | None


def decoded(clip: VideoClip, start: Fraction = Fraction(0)) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
    """Give the frames that begin at `start` or later, as FFmpeg has them: time, duration, frame.

    One frame is decoded after the other, and none is kept. Times are seconds from the first frame.

    Raises:
        MediaError: A frame can't be decoded, or has no timestamp.
    """
    clip.check_unchanged()
    with opened(clip.source, clip.name) as container:
        stream = video_stream(container, clip.name)
        base = Fraction(clip.facts.time_base)
        step = 1 / clip.facts.rate if clip.facts.rate else Fraction(0)
        first: Fraction | None = None if stream.start_time is None else stream.start_time * base
        if start > 0 and first is not None:
            # To the last frame before it that can be decoded without others; from there it is counted exactly.
            container.seek(int((start + first) / base), stream=stream, backward=True)
        last: Fraction | None = None
        for frame in container.decode(stream):
            check_frame_size(frame.width, frame.height, clip.name)
            if frame.pts is not None:
                at = frame.pts * Fraction(frame.time_base or base)
            elif last is not None and step:
                at = last + step
            else:
                raise MediaError(f"a frame of {clip.name} has no timestamp", why="the file gives no frame rate either")
            first = at if first is None else first
            last = at
            time = at - first
            if time >= start and time >= 0:
                length = (frame.duration or 0) * Fraction(frame.time_base or base)
                yield time, length or step, frame


def pictures(clip: VideoClip, start: Fraction = Fraction(0)) -> Iterator[Frame]:
    """Give the frames that begin at `start` (seconds) or later, as pictures; raises like `decoded`."""
    for time, seconds, frame in decoded(clip, start):
        yield Frame(time, seconds, rgb(frame, (clip.facts.width, clip.facts.height)))


def frames_at(clip: VideoClip, times: list[Fraction]) -> Iterator[Frame]:
    """Give for each time, in seconds and in order, the first frame from there on; the last one after the end."""
    for time in times:
        found = next(pictures(clip, time), None)
        if found is None:
            for found in pictures(clip, max(Fraction(0), time - 1)):  # noqa: B007  the last one is what is wanted
                pass
        if found is None:
            raise MediaError(f"{clip.name} has no frame at {float(time):g} s")
        yield found


def timing(clip: VideoClip) -> Timing:
    """Return what the timestamps say; every packet is looked at, none is decoded."""
    clip.check_unchanged()
    times: list[int] = []
    longest = 0
    with opened(clip.source, clip.name) as container:
        stream = video_stream(container, clip.name)
        for packet in container.demux(stream):
            if packet.pts is not None and not packet.is_discard:
                times.append(packet.pts)
                longest = max(longest, packet.duration or 0)
    if not times:
        return Timing(0, Fraction(0), None)
    places = np.sort(np.asarray(times, np.int64))
    steps = np.diff(places)
    base = clip.facts.time_base
    last = int(steps[-1]) if len(steps) else longest
    seconds = (int(places[-1] - places[0]) + last) * base
    return Timing(len(places), seconds, _steady(steps, clip.facts))


def _steady(steps: NDArray[np.int64], facts: Any) -> Fraction | None:
    """Return the rate if the steps differ by no more than rounding to the time base makes them."""
    if not len(steps) or steps.max() <= 0:
        return None
    if steps.max() - steps.min() > 1:
        return None
    if steps.max() == steps.min():
        return Fraction(1 / (int(steps[0]) * facts.time_base))
    return Fraction(facts.rate) if facts.rate else None


def rgb(frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a frame as a picture (height, width, 3), upright, in the size (width, height).

    Where a file does not say which matrix its colours are coded with, players take that of television for pictures
    of less than 720 rows, and that of high definition for larger ones; so does this.
    """
    matrix = int(frame.colorspace)
    if matrix == _UNSTATED:
        matrix = _BT709 if frame.height >= 720 else _BT601
    turns = round(frame.rotation / 90) % 4
    width, height = (size[1], size[0]) if turns % 2 else size
    picture = frame.reformat(
        width=width, height=height, format="rgb24", src_colorspace=_MATRICES.get(matrix), interpolation="BICUBIC"
    ).to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, turns), dtype=np.uint8)
