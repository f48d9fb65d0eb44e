"""Sound into files that ordinary players open."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowra_media.audio.waveform import Waveform
from flowra_media.errors import MediaError
from flowra_media.files import publishing

__all__ = ["FORMATS", "AudioFormat", "encode_audio", "format_for", "save_audio"]

#: libsndfile's Vorbis and Opus encoders take a whole array on the stack: long ones go in blocks.
_BLOCK = 1 << 14


@dataclass(frozen=True)
class AudioFormat:
    """What a file format can hold.

    Attributes:
        name: How people and choices call it.
        container: libsndfile's name of the file; empty where FFmpeg writes it.
        suffixes: File name endings, the usual one first.
        depths: The sample forms it keeps, to libsndfile's name of each; the first is what `auto` means.
        lossy: Whether it has a quality.
        channels: The most channels.
        rates: The rates it can have; empty for any.
    """

    name: str
    container: str
    suffixes: tuple[str, ...]
    depths: dict[str, str]
    lossy: bool = False
    channels: int = 64
    rates: tuple[int, ...] = ()


_WHOLE = {"int16": "PCM_16", "int24": "PCM_24"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)

FORMATS: dict[str, AudioFormat] = {
    entry.name: entry
    for entry in (
        AudioFormat("wav", "WAV", (".wav",), {**_WHOLE, "int32": "PCM_32", "float32": "FLOAT"}),
        AudioFormat("flac", "FLAC", (".flac",), _WHOLE, channels=8),
        AudioFormat("ogg", "OGG", (".ogg", ".oga"), {"vorbis": "VORBIS"}, lossy=True, channels=8),
        AudioFormat(
            "opus", "OGG", (".opus",), {"opus": "OPUS"}, lossy=True, channels=8,
            rates=(8000, 12000, 16000, 24000, 48000),
        ),
        AudioFormat("mp3", "MP3", (".mp3",), {"mp3": "MPEG_LAYER_III"}, lossy=True, channels=2, rates=_MP3_RATES),
        AudioFormat(
            "m4a", "", (".m4a",), {"aac": "aac"}, lossy=True, channels=8,
            rates=(8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
        ),
    )
}  # fmt: skip


def format_for(path: Path, chosen: str = "auto") -> AudioFormat:
    """Return the format that was chosen, or that the ending of the path stands for; raises `MediaError`."""
    if chosen != "auto":
        return FORMATS[chosen]
    suffix = path.suffix.lower()
    for entry in FORMATS.values():
        if suffix in entry.suffixes:
            return entry
    known = " ".join(entry.suffixes[0] for entry in FORMATS.values())
    raise MediaError(
        f"can't tell the format of {path}",
        why=f"{suffix!r} is the ending of no sound file that can be written" if suffix else "it has no ending",
        fix=f"end the name in one of {known}, or choose the format",
    )


def save_audio(
    audio: Waveform,
    path: Path,
    *,
    format: str = "auto",
    depth: str = "auto",
    quality: int = 80,
    overwrite: bool = True,
) -> int:
    """Write sound to a file, whole or not at all.

    Args:
        audio: Any sound.
        path: Where to; folders on the way are made.
        format: A key of `FORMATS`, or `auto` to tell it from the ending.
        depth: `int16`, `int24`, `int32` or `float32`, as the format allows; `auto` for its usual one.
        quality: 1..100 of lossy formats.
        overwrite: Whether a file that is there already is replaced.

    Returns:
        How many samples were beyond full scale and were clipped; 0 for float32, which holds them.

    Raises:
        MediaError: The format can't hold the sound, or the file can't be written.
    """
    kind = format_for(path, format)
    _check_fits(audio, kind)
    form = _depth(kind, depth)
    with publishing(path, overwrite=overwrite) as temporary:
        clipped, samples = _clipped(audio, form)
        if kind.container:
            with temporary.open("xb") as stream:
                _write(stream, samples, audio.rate, kind, form, quality)
        else:
            from flowra_media.video.sound import write_m4a

            write_m4a(temporary, samples, audio.rate, quality)
    return clipped


def encode_audio(audio: Waveform, format: str, *, depth: str = "auto", quality: int = 80) -> bytes:
    """Return the bytes of a file that holds the sound; raises like `save_audio`."""
    kind = FORMATS[format]
    _check_fits(audio, kind)
    form = _depth(kind, depth)
    stream = io.BytesIO()
    _write(stream, _clipped(audio, form)[1], audio.rate, kind, form, quality)
    return stream.getvalue()


def _write(stream: Any, samples: np.ndarray[Any, Any], rate: int, kind: AudioFormat, form: str, quality: int) -> None:
    import soundfile

    # 0 is libsndfile's best.
    options: dict[str, Any] = {"compression_level": 1 - quality / 100} if kind.lossy else {}
    try:
        with soundfile.SoundFile(
            stream, "w", rate, samples.shape[0], subtype=kind.depths[form], format=kind.container, **options
        ) as file:
            for start in range(0, samples.shape[1], _BLOCK):
                file.write(np.ascontiguousarray(samples[:, start : start + _BLOCK].T))
    except soundfile.LibsndfileError as error:
        raise MediaError(f"can't write the sound as {kind.name}", why=error.error_string) from error


def _clipped(audio: Waveform, form: str) -> tuple[int, np.ndarray[Any, Any]]:
    if form == "float32" or audio.peak <= 1:
        return 0, audio.samples
    return int(np.count_nonzero(np.abs(audio.samples) > 1)), np.clip(audio.samples, -1, 1)


def _depth(kind: AudioFormat, depth: str) -> str:
    if depth == "auto":
        return next(iter(kind.depths))
    if depth not in kind.depths:
        raise MediaError(
            f"{kind.name} holds no {depth} samples",
            why=f"it holds {', '.join(kind.depths)}",
            fix="choose depth auto" if kind.lossy else f"choose depth {' or '.join(kind.depths)}, or save as wav",
        )
    return depth


def _check_fits(audio: Waveform, kind: AudioFormat) -> None:
    if audio.channels > kind.channels:
        raise MediaError(
            f"{kind.name} holds at most {kind.channels} channels",
            why=f"the sound has {audio.channels}",
            fix="put media/ConvertAudio before it, or save as wav",
        )
    if kind.rates and audio.rate not in kind.rates:
        raise MediaError(
            f"{kind.name} can't have a rate of {audio.rate} Hz",
            why=f"its rates are {', '.join(map(str, kind.rates))}",
            fix=f"put media/ResampleAudio (rate {min(kind.rates, key=lambda rate: abs(rate - audio.rate))}) before it",
        )
