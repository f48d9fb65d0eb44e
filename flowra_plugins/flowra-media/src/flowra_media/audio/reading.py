"""Sound from files: libsndfile reads WAV, FLAC, OGG, Opus, MP3, AIFF …; FFmpeg, where it is installed, the rest.

A header says how long the sound is, and a hostile one lies: what is read is counted while it is read.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowra_media.audio.waveform import HIGHEST_RATE, MOST_CHANNELS, Waveform
from flowra_media.errors import MediaError, MediaLimitError, MissingLibraryError
from flowra_media.files import require_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_MEGABYTES", "decode_audio", "load_audio"]

#: Of decoded float32 samples: more than two hours in stereo at 48 kHz.
MAX_MEGABYTES = 3000.0
_BLOCK = 1 << 18


def load_audio(path: Path, *, max_megabytes: float = MAX_MEGABYTES) -> Waveform:
    """Read a file.

    Args:
        path: Of sound, or of a video with sound.
        max_megabytes: The most that the decoded samples may take, as float32.

    Raises:
        MediaError: It can't be read; says why.
        MediaLimitError: It is longer than the limit allows.
        MissingLibraryError: Only FFmpeg may be able to read it, and PyAV is not installed.
    """
    if require_file(path) == 0:
        raise MediaError(f"{path} is empty (0 bytes)")
    return _read(path, str(path), max_megabytes)


def decode_audio(data: bytes, *, max_megabytes: float = MAX_MEGABYTES) -> Waveform:
    """Read the bytes of a file; raises like `load_audio`."""
    if not data:
        raise MediaError("the sound is empty (0 bytes)")
    return _read(io.BytesIO(data), "the sound", max_megabytes)


def _read(source: Path | io.BytesIO, name: str, max_megabytes: float) -> Waveform:
    import soundfile

    try:
        # libsndfile tells MP3 and raw data by the ending of a name; a stream has none, and it looks at the bytes alone.
        with soundfile.SoundFile(source) as file:
            return _sndfile(file, name, max_megabytes)
    except soundfile.LibsndfileError as error:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        return _ffmpeg(source, name, max_megabytes, str(error.error_string))


def _sndfile(file: Any, name: str, max_megabytes: float) -> Waveform:
    _check_form(file.samplerate, file.channels, name)
    limit = _most_samples(max_megabytes, file.channels)
    blocks: list[NDArray[np.float32]] = []
    count = 0
    while True:
        block = file.read(_BLOCK, dtype="float32", always_2d=True)
        if not len(block):
            break
        count += len(block)
        if count > limit:
            raise _too_long(name, max_megabytes)
        blocks.append(block.T)
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((file.channels, 0), np.float32)
    return _waveform(samples, file.samplerate, name)


def _ffmpeg(source: Path | io.BytesIO, name: str, max_megabytes: float, reason: str) -> Waveform:
    try:
        from flowra_media.video.sound import decode_track
    except MissingLibraryError as missing:
        raise MissingLibraryError(f"libsndfile can't read {name}", why=reason, fix=missing.fix) from None
    # Seen from here FFmpeg gives one block after the other; how much there may be is known when the first one comes.
    blocks: list[NDArray[np.float32]] = []
    rate, count = 0, 0
    for block, rate in decode_track(source, name):
        if not blocks:
            _check_form(rate, len(block), name)
        count += block.shape[1]
        if count > _most_samples(max_megabytes, len(block)):
            raise _too_long(name, max_megabytes)
        blocks.append(block)
    if not blocks:
        raise MediaError(f"{name} holds no sound that can be read", why=reason)
    return _waveform(np.concatenate(blocks, axis=1), rate, name)


def _waveform(samples: NDArray[np.float32], rate: int, name: str) -> Waveform:
    try:
        return Waveform(samples, rate)
    except ValueError as error:
        raise MediaError(f"{name} holds no sound that can be used", why=str(error)) from error


def _check_form(rate: int, channels: int, name: str) -> None:
    if not 1 <= rate <= HIGHEST_RATE:
        raise MediaLimitError(f"{name} has a rate of {rate} Hz", why=f"rates of 1..{HIGHEST_RATE} Hz are read")
    if not 1 <= channels <= MOST_CHANNELS:
        raise MediaLimitError(f"{name} has {channels} channels", why=f"1..{MOST_CHANNELS} channels are read")


def _most_samples(max_megabytes: float, channels: int) -> int:
    return int(max_megabytes * 1e6 / 4 / channels)


def _too_long(name: str, max_megabytes: float) -> MediaLimitError:
    return MediaLimitError(
        f"{name} is longer than the limit allows",
        why=f"decoded it takes more than {max_megabytes:g} MB",
        fix="raise max_megabytes if you trust the file and have the memory, or cut it first",
    )
