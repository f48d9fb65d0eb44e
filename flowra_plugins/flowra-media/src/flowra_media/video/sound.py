"""The sound in files that FFmpeg reads, and M4A."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError
from flowra_media.video.ffmpeg import opened, pyav

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

    from flowra_media.video.clip import VideoClip

__all__ = ["AAC_RATES", "LAYOUTS", "aligned_sound", "decode_track", "sound_frames", "write_m4a"]

#: FFmpeg's name of the layout that so many channels usually have.
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_BLOCK = 1 << 15
#: Seconds: a hole between two pieces of sound that is longer is silence, a shorter one is rounding.
_HOLE = 0.02


def decode_track(source: Path | io.BytesIO | memoryview, name: str) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Give the first sound track, block by block: float32 (channels, samples), and the rate in Hz.

    Raises:
        MediaError: There is no track, or it can't be decoded.
        MissingLibraryError: PyAV is not installed.
    """
    for _, block, rate in _pieces(
        memoryview(source.getvalue()) if isinstance(source, io.BytesIO) else source, name, Fraction(0)
    ):
        yield block, rate


def aligned_sound(clip: VideoClip, start: Fraction, end: Fraction | None) -> Iterator[NDArray[np.float32]]:
    """Give the sound of a video from `start` to `end`, in seconds from its first frame, block by block.

    Where the track begins later, or has a hole, there is silence; where it begins earlier, it is cut. It may end
    before `end`.

    Args:
        clip: A video with sound.
        start: From 0.
        end: Or None for all there is.

    Yields:
        float32 (channels, samples), at `clip.facts.sound.rate`.
    """
    sound = clip.facts.sound
    assert sound is not None, "asked for the sound of a video that has some"
    clip.check_unchanged()
    place = 0
    last = None if end is None else round((end - start) * sound.rate)
    for time, block, rate in _pieces(clip.source, clip.name, start):
        if (rate, block.shape[0]) != (sound.rate, sound.channels):
            raise MediaError(f"the sound of {clip.name} is not what its header says", why="rate or channels differ")
        at = place if time is None else round((time - start) * rate)
        if at - place > _HOLE * rate:
            until = at if last is None else min(at, last)
            for begin in range(place, until, _BLOCK):
                yield np.zeros((sound.channels, min(_BLOCK, until - begin)), np.float32)
            place = until
        early = min(-at, block.shape[1]) if at < 0 and not place else 0
        kept = block[:, early : None if last is None else early + max(last - place, 0)]
        if kept.shape[1]:
            yield kept
            place += kept.shape[1]
        if last is not None and place >= last:
            return


def sound_frames(samples: NDArray[np.float32], rate: int, start: int = 0) -> Iterator[AudioFrame]:
    """Give samples (channels, samples) as frames for an encoder; raises `MediaError` for more than 8 channels.

    Args:
        samples: float32 in -1..1.
        rate: In Hz.
        start: The number of the first sample on the track.
    """
    av = pyav()
    if samples.shape[0] not in LAYOUTS:
        raise MediaError(f"{samples.shape[0]} channels can't be written", fix="put media/ConvertAudio before it")
    for begin in range(0, samples.shape[1], _BLOCK):
        block = np.ascontiguousarray(samples[:, begin : begin + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[samples.shape[0]])
        frame.sample_rate = rate
        frame.pts = start + begin
        frame.time_base = Fraction(1, rate)
        yield frame


def write_m4a(path: Path, samples: NDArray[np.float32], rate: int, quality: int) -> None:
    """Write AAC in MPEG-4, with 32 to 192 kbit/s a channel as `quality` (1..100) says; raises `MediaError`."""
    av = pyav()
    try:
        with av.open(str(path), "w", format="ipod") as container:
            stream: Any = container.add_stream("aac", rate=rate)
            stream.layout = LAYOUTS[samples.shape[0]]
            stream.bit_rate = (32_000 + 1_600 * quality) * samples.shape[0]
            for frame in sound_frames(samples, rate):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise MediaError("can't write the sound as m4a", why=f"FFmpeg: {error.strerror}") from error


def _pieces(
    source: Path | memoryview, name: str, start: Fraction
) -> Iterator[tuple[Fraction | None, NDArray[np.float32], int]]:
    """Give time (from the first frame of the video, if there is one), samples and rate, from `start` or before."""
    av = pyav()
    with opened(source, name) as container:
        if not container.streams.audio:
            raise MediaError(f"{name} has no sound")
        stream = container.streams.audio[0]
        # Asked to decode what no decoder knows, older versions of PyAV crash.
        if stream.codec_context is None or not stream.codec_context.sample_rate:
            raise MediaError(f"the sound of {name} can't be decoded", why="it is broken, or of no known kind")
        zero = Fraction(0)
        for video in container.streams.video[:1]:
            if video.start_time is not None and video.time_base is not None:
                zero = video.start_time * Fraction(video.time_base)
        if start > 1 and stream.time_base:
            # A second before: decoders need a while until what they give is right.
            container.seek(int((start + zero - 1) / stream.time_base), stream=stream, backward=True)
        # The format alone is changed, which takes no samples back and gives none late.
        resampler = av.AudioResampler(format="fltp")
        try:
            for frame in container.decode(stream):
                time = None if frame.pts is None else frame.pts * Fraction(frame.time_base or 0) - zero
                samples = [each.to_ndarray() for each in resampler.resample(frame)]
                for block in samples:
                    behind = time is not None and time + Fraction(block.shape[1], frame.sample_rate) <= start
                    if behind and start > 1:
                        continue
                    yield _from(time, block.astype(np.float32, copy=False), frame.sample_rate, start)
        except ValueError as error:
            if isinstance(error, (MediaError, av.FFmpegError)):
                raise
            raise MediaError(f"the sound of {name} changes its rate or channels on the way", why=str(error)) from error


def _from(
    time: Fraction | None, block: NDArray[np.float32], rate: int, start: Fraction
) -> tuple[Fraction | None, NDArray[np.float32], int]:
    """Return a piece without what lies before the start."""
    if time is None or time >= start or not start:
        return time, block, rate
    gone = min(round((start - time) * rate), block.shape[1])
    return time + Fraction(gone, rate), block[:, gone:], rate
