"""The sound in files that FFmpeg reads, and M4A."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.errors import MediaError
from flowra_media.video.ffmpeg import opened, pyav

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

__all__ = ["LAYOUTS", "decode_track", "sound_frames", "write_m4a"]

#: FFmpeg's name of the layout that so many channels usually have.
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_BLOCK = 1 << 15


def decode_track(source: Path | io.BytesIO | memoryview, name: str) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Give the first sound track, block by block: float32 (channels, samples), and the rate in Hz.

    Raises:
        MediaError: There is no track, or it can't be decoded.
        MissingLibraryError: PyAV is not installed.
    """
    av = pyav()
    with opened(source.getbuffer() if isinstance(source, io.BytesIO) else source, name) as container:
        if not container.streams.audio:
            raise MediaError(f"{name} has no sound")
        resampler = av.AudioResampler(format="fltp")
        rate = 0
        try:
            for frame in container.decode(container.streams.audio[0]):
                rate = frame.sample_rate
                yield from ((_planes(each), rate) for each in resampler.resample(frame))
            if rate:
                yield from ((_planes(each), rate) for each in resampler.resample(None))
        except ValueError as error:
            if isinstance(error, (MediaError, av.FFmpegError)):
                raise
            raise MediaError(f"the sound of {name} changes its rate or channels on the way", why=str(error)) from error


def sound_frames(samples: NDArray[np.float32], rate: int) -> Iterator[AudioFrame]:
    """Give samples (channels, samples) as frames for an encoder; raises `MediaError` for more than 8 channels."""
    from fractions import Fraction

    av = pyav()
    if samples.shape[0] not in LAYOUTS:
        raise MediaError(
            f"a track of {samples.shape[0]} channels can't be written", fix="put media/ConvertAudio before it"
        )
    for start in range(0, samples.shape[1], _BLOCK):
        block = np.ascontiguousarray(samples[:, start : start + _BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[samples.shape[0]])
        frame.sample_rate = rate
        frame.pts = start
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


def _planes(frame: AudioFrame) -> NDArray[np.float32]:
    return frame.to_ndarray().astype(np.float32, copy=False)
