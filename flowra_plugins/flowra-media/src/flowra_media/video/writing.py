"""Frames and sound into files, piece by piece: without loss for values, and as ordinary players like it for people."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError
from flowra_media.video.clip import VideoClip, check_frame_size, taken_over
from flowra_media.video.ffmpeg import pyav
from flowra_media.video.sound import LAYOUTS, sound_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra_media.video.frames import Frame

__all__ = ["LOSSLESS", "Coding", "SoundTrack", "VideoWriter", "common_base", "written"]

_FINEST = 1 << 31


@dataclass(frozen=True)
class SoundTrack:
    """Sound that is written beside the frames: its rate in Hz, its channels, and blocks (channels, samples)."""

    rate: int
    channels: int
    blocks: Iterable[NDArray[np.float32]]


@dataclass(frozen=True)
class Coding:
    """How a file is coded.

    Attributes:
        container: FFmpeg's name of the file's format.
        video: FFmpeg's name of the encoder of the pictures.
        pixels: The pixel format that it is given.
        sound: FFmpeg's name of the encoder of the sound.
        sound_rates: The rates that it takes, in Hz; empty for any.
        options: Of the encoder of the pictures.
        container_options: Of the file's format.
        sound_bits: Bits a second for each channel of sound; 0 for what needs none said.
    """

    container: str
    video: str
    pixels: str
    sound: str
    sound_rates: tuple[int, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    container_options: tuple[tuple[str, str], ...] = ()
    sound_bits: int = 0


#: What values are kept as: FFV1 (RFC 9043) of the very RGB pixels, float32 samples, and timestamps as they are, for
#: which NUT has a time base of one's own choice; Matroska would round them to milliseconds, MOV holds no FFV1.
LOSSLESS = Coding("nut", "ffv1", "bgr0", "pcm_f32le", options=(("level", "3"), ("slicecrc", "1")))


class VideoWriter:
    """Writes a file frame by frame, in bounded memory.

    Args:
        path: Where to.
        coding: How.
        size: Width and height in pixels.
        base: What timestamps are counted in; each time has to be a multiple of it.
        rate: Frames a second, or its average: encoders plan with it; None where it is not known.
        sound: Written beside the frames, at most as long as they last.

    Raises:
        MediaError: The encoder refuses size, rate or channels.
    """

    def __init__(
        self, path: Path, coding: Coding, size: tuple[int, int], base: Fraction, rate: Fraction | None,
        sound: SoundTrack | None = None,
    ) -> None:  # fmt: skip
        self._av = pyav()
        check_frame_size(*size, "the video")
        if sound is not None and sound.channels not in LAYOUTS:
            raise MediaError(
                f"a video can't have {sound.channels} channels of sound", fix="put media/ConvertAudio before it"
            )
        self._coding, self._size, self._base = coding, size, Fraction(1, base.denominator)
        self._sound = sound
        self._blocks: Iterator[NDArray[np.float32]] = iter(sound.blocks if sound is not None else ())
        # What was read of the sound and not written yet.
        self._rest: NDArray[np.float32] | None = None
        self._samples = 0
        self._durations: dict[int, int] = {}
        self._last: tuple[int, int] | None = None
        self._matrix = 1 if size[1] >= 720 else 5
        self._container = self._av.open(
            str(path), "w", format=coding.container, container_options=dict(coding.container_options)
        )
        try:
            self._video = self._add_video(rate)
            self._track = self._add_sound(sound) if sound is not None else None
        except (self._av.FFmpegError, ValueError) as error:
            self._container.close()
            raise self._failure(error) from error

    def _add_video(self, rate: Fraction | None) -> Any:
        stream: Any = self._container.add_stream(self._coding.video, rate=rate if rate else 25)
        stream.width, stream.height = self._size
        stream.pix_fmt = self._coding.pixels
        stream.codec_context.time_base = self._base
        stream.time_base = self._base
        stream.codec_context.options = dict(self._coding.options)
        if self._coding.pixels.startswith("yuv"):
            # Said in the file, so that no player has to guess.
            stream.codec_context.colorspace = self._matrix
            stream.codec_context.color_range = 1
        return stream

    def _add_sound(self, sound: SoundTrack) -> Any:
        allowed = self._coding.sound_rates
        rate = sound.rate if not allowed or sound.rate in allowed else min(r for r in (*allowed, 48000) if r >= 48000)
        stream: Any = self._container.add_stream(self._coding.sound, rate=rate)
        stream.layout = LAYOUTS[sound.channels]
        if self._coding.sound_bits:
            stream.bit_rate = self._coding.sound_bits * sound.channels
        return stream

    def add(self, picture: NDArray[np.uint8], time: Fraction, seconds: Fraction) -> None:
        """Write a frame, and the sound up to it.

        Args:
            picture: Shape (height, width, 3), RGB uint8.
            time: When it is shown, in seconds; after all frames before it.
            seconds: How long.

        Raises:
            MediaError: It has another size, is not later than the last one, or can't be written.
        """
        if picture.shape != (self._size[1], self._size[0], 3) or picture.dtype != np.uint8:
            raise MediaError(
                f"a frame has the shape {picture.shape} and dtype {picture.dtype}",
                why=f"the video's frames have {self._size[0]}×{self._size[1]} pixels, RGB uint8",
                fix="give each frame the same size; image/Resize and image/Convert change pictures",
            )
        place, length = round(time / self._base), round(seconds / self._base)
        if self._last is not None and place <= self._last[0]:
            raise MediaError(f"two frames of the video are shown at the same time, {float(time):g} s")
        try:
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if self._coding.pixels.startswith("yuv"):
                frame = frame.reformat(format=self._coding.pixels, dst_colorspace=self._matrix, interpolation="BICUBIC")
            else:
                frame = frame.reformat(format=self._coding.pixels)
            frame.pts, frame.time_base = place, self._base
            self._durations[place] = length
            self._last = (place, max(length, 1))
            self._mux(self._video.encode(frame))
            # Up to here and no further: the frame may be the last one.
            self._write_sound(time)
        except (self._av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def close(self) -> None:
        """Write what is left, and end the file."""
        try:
            self._mux(self._video.encode(None))
            if self._last is not None:
                self._write_sound(sum(self._last) * self._base)
            if self._track is not None:
                self._container.mux(self._track.encode(None))
            self._container.close()
        except (self._av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def abandon(self) -> None:
        """Close the file as it is; it is no use to anybody."""
        try:
            self._container.close()
        except (self._av.FFmpegError, OSError, ValueError):
            # What is closed because of a failure may fail once more; the first one is what is told.
            return

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            # Without a duration the last frame would last no time at all.
            length = self._durations.pop(packet.pts, 0)
            if length:
                packet.duration = length
            self._container.mux(packet)

    def _write_sound(self, until: Fraction) -> None:
        if self._sound is None or self._track is None:
            return
        last = round(until * self._sound.rate)
        while self._samples < last:
            whole = next(self._blocks, None) if self._rest is None else self._rest
            if whole is None:
                return
            block = whole[:, : last - self._samples]
            self._rest = whole[:, block.shape[1] :] if block.shape[1] < whole.shape[1] else None
            for frame in sound_frames(
                np.clip(block, -1, 1) if self._coding.sound_bits else block, self._sound.rate, self._samples
            ):
                self._container.mux(self._track.encode(frame))
            self._samples += block.shape[1]

    def _failure(self, error: Exception) -> MediaError:
        if isinstance(error, MediaError):
            return error
        return MediaError(
            f"can't write {self._size[0]}×{self._size[1]} pixels as {self._coding.video} in {self._coding.container}",
            why=f"FFmpeg: {getattr(error, 'strerror', None) or error}",
        )


def written(
    frames: Iterable[Frame], size: tuple[int, int], base: Fraction, rate: Fraction | None, sound: SoundTrack | None
) -> VideoClip:
    """Return a video of frames, kept without loss in a temporary file that lives as long as the value.

    Args:
        frames: In order.
        size: Width and height in pixels.
        base: What timestamps are counted in.
        rate: Frames a second, or its average; None where it is not known.
        sound: Beside them.

    Raises:
        MediaError: There is no frame, or one can't be written.
    """
    handle, name = tempfile.mkstemp(prefix="flowra-video-", suffix=".nut")
    os.close(handle)
    path = Path(name)
    try:
        with VideoWriter(path, LOSSLESS, size, base, rate, sound) as writer:
            count = 0
            for frame in frames:
                writer.add(frame.pixels, frame.time, frame.seconds)
                count += 1
            if not count:
                raise MediaError("a video of no frames can't be made")
        return taken_over(path)
    finally:
        path.unlink(missing_ok=True)


def common_base(bases: Iterable[Fraction]) -> Fraction:
    """Return a time base in which the timestamps of all are whole; a microsecond where that would be too fine."""
    from math import lcm

    denominator = lcm(*(base.denominator for base in bases))
    return Fraction(1, denominator if denominator < _FINEST else 1_000_000)
