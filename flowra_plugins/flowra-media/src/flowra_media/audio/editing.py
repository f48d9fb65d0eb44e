"""Cutting, joining, mixing, channels, rates and levels of sound."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from flowra_media.audio.waveform import Waveform, check_rate, clock
from flowra_media.errors import MediaError, MediaLimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["concatenate", "cut", "mix", "resample", "scale", "to_channels"]

#: What may come out of joining, mixing or resampling, in bytes: 4 GB, six hours in stereo at 48 kHz in one array.
_MOST_BYTES = 4 << 30
#: The resampling filter's stop band in decibels, and its length in periods of the lower rate to each side.
_STOP_BAND = 120.0
_HALF_LENGTH = 32


def cut(audio: Waveform, start: float, end: float | None) -> Waveform:
    """Return the part from `start` to `end`, in seconds; None is the end, negative times count from it.

    Raises:
        MediaError: Nothing lies between the two.
    """
    first, last = (_place(audio, time) for time in (start, audio.seconds if end is None else end))
    if last <= first:
        raise MediaError(
            f"nothing lies between {start:g} s and {'the end' if end is None else f'{end:g} s'}",
            why=f"the sound lasts {clock(audio.seconds)}",
            fix="choose an end after the start, and a start inside the sound",
        )
    return Waveform(audio.samples[:, first:last], audio.rate)


def concatenate(parts: Sequence[Waveform], crossfade: float = 0.0) -> Waveform:
    """Return sounds one after the other.

    Args:
        parts: At least one; all of one rate and number of channels.
        crossfade: Seconds in which each goes over into the next, with constant power.

    Raises:
        MediaError: They don't fit together, or a part is shorter than the crossfade.
        MediaLimitError: The result would take more than 4 GB.
    """
    rate, channels = _common(parts, "joined")
    overlap = round(crossfade * rate)
    if overlap and min(part.length for part in parts) < overlap:
        raise MediaError(f"a part is shorter than the crossfade of {crossfade:g} s", fix="make the crossfade shorter")
    length = sum(part.length for part in parts) - overlap * (len(parts) - 1)
    _check_size(channels, length)
    result = np.zeros((channels, length), np.float32)
    # The squares of sine and cosine add up to 1: sounds that have nothing in common keep their loudness.
    rising = np.sin(np.linspace(0, np.pi / 2, overlap, dtype=np.float32))
    start = 0
    for number, part in enumerate(parts):
        samples: NDArray[np.float32] = part.samples
        if overlap:
            samples = samples.copy()
            if number:
                samples[:, :overlap] *= rising
            if number < len(parts) - 1:
                samples[:, samples.shape[1] - overlap :] *= rising[::-1]
        result[:, start : start + samples.shape[1]] += samples
        start += samples.shape[1] - overlap
    return Waveform(result, rate)


def mix(parts: Sequence[Waveform], gains: Sequence[float], offsets: Sequence[float]) -> Waveform:
    """Return sounds laid over each other; as long as the one that ends last.

    Args:
        parts: At least one; all of one rate and number of channels.
        gains: In decibels, one for each; empty for 0 dB.
        offsets: Seconds at which each begins, from 0; empty for 0.

    Raises:
        MediaError: They don't fit together, or there are not as many gains or offsets.
        MediaLimitError: The result would take more than 4 GB.
    """
    rate, channels = _common(parts, "mixed")
    for name, given in (("gains", gains), ("offsets", offsets)):
        if given and len(given) != len(parts):
            raise MediaError(f"{len(given)} {name} for {len(parts)} sounds", fix=f"give {len(parts)} {name}, or none")
    if any(offset < 0 for offset in offsets):
        raise MediaError("an offset is below 0", fix="offsets are seconds from the beginning; cut the sound instead")
    starts = [round(offset * rate) for offset in offsets] or [0] * len(parts)
    length = max(start + part.length for start, part in zip(starts, parts, strict=True))
    _check_size(channels, length)
    result = np.zeros((channels, length), np.float32)
    for start, part, gain in zip(starts, parts, gains or [0.0] * len(parts), strict=True):
        result[:, start : start + part.length] += part.samples * np.float32(10 ** (gain / 20))
    peak = float(np.abs(result).max()) if result.size else 0.0
    if peak > 8:
        raise MediaError(
            f"the mix goes {20 * np.log10(peak):.1f} dB over full scale",
            why="at most 18 dB are kept",
            fix="lower the gains",
        )
    return Waveform(result, rate)


def to_channels(audio: Waveform, channels: int) -> Waveform:
    """Return sound with so many channels: all of them mixed to one with equal weights, or one copied to several.

    Raises:
        MediaError: Neither it has one channel nor one is wanted, and they differ: which goes where is a choice.
    """
    if channels == audio.channels:
        return audio
    if channels == 1:
        return Waveform(audio.samples.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32), audio.rate)
    if audio.channels == 1:
        return Waveform(np.repeat(audio.samples, channels, axis=0), audio.rate)
    raise MediaError(
        f"sound with {audio.channels} channels can't be made one with {channels}",
        why="which channel goes where is not known",
        fix="go through one channel: convert to 1, then to the number that is wanted",
    )


def resample(audio: Waveform, rate: int) -> Waveform:
    """Return the sound with another rate, with a linear-phase low-pass filter 120 dB down at what would fold back.

    The length is rounded up to whole samples. Polyphase filtering after Crochiere and Rabiner, *Multirate Digital
    Signal Processing* (1983), with a Kaiser window; done by `scipy.signal.resample_poly`.

    Args:
        audio: Any sound.
        rate: Samples a second, 1..1,000,000.

    Raises:
        MediaLimitError: The result would take more than 4 GB, or the filter more than 40 million taps.
    """
    check_rate(rate)
    if rate == audio.rate:
        return audio
    from scipy.signal import firwin, kaiser_beta, resample_poly

    shared = gcd(rate, audio.rate)
    up, down = rate // shared, audio.rate // shared
    _check_size(audio.channels, -(-audio.length * up // down))
    taps = 2 * _HALF_LENGTH * max(up, down) + 1
    if taps > 40_000_000:
        raise MediaLimitError(
            f"resampling from {audio.rate} Hz to {rate} Hz needs a filter of {taps:,} taps",
            fix="choose a rate that has a common divisor with the other",
        )
    if not audio.length:
        return Waveform(audio.samples, rate)
    # The pass band ends where the transition that a Kaiser window of this length needs begins.
    width = (_STOP_BAND - 7.95) / (2.285 * np.pi * (taps - 1))
    edge = 1 / max(up, down)
    window = firwin(taps, edge - width / 2, window=("kaiser", float(kaiser_beta(_STOP_BAND))))
    # The filter makes up for the samples that are put in between itself.
    found = resample_poly(audio.samples, up, down, axis=1, window=window.astype(np.float32))
    return Waveform(np.clip(found, -8, 8).astype(np.float32, copy=False), rate)


def scale(audio: Waveform, decibels: float) -> Waveform:
    """Return the sound louder or softer; raises `MediaError` where it would go 18 dB over full scale."""
    factor = 10 ** (decibels / 20)
    if audio.peak * factor > 8:
        raise MediaError(
            f"{decibels:+.1f} dB would take the sound {20 * np.log10(audio.peak * factor):.1f} dB over full scale",
            why="at most 18 dB are kept",
            fix="choose a lower target",
        )
    return Waveform(audio.samples * np.float32(factor), audio.rate)


def _place(audio: Waveform, time: float) -> int:
    place = round(time * audio.rate)
    return min(max(place + audio.length if place < 0 else place, 0), audio.length)


def _common(parts: Sequence[Waveform], done: str) -> tuple[int, int]:
    if not parts:
        raise MediaError(f"there is no sound to be {done}", fix="give at least one")
    first = parts[0]
    for number, part in enumerate(parts):
        if part.rate != first.rate:
            raise MediaError(
                f"sound {number} has {part.rate} Hz, the first {first.rate} Hz",
                fix=f"put media/ResampleAudio (rate {first.rate}) before it",
            )
        if part.channels != first.channels:
            raise MediaError(
                f"sound {number} has {part.channels} channels, the first {first.channels}",
                fix=f"put media/ConvertAudio (channels {first.channels}) before it",
            )
    return first.rate, first.channels


def _check_size(channels: int, length: int) -> None:
    if channels * length * 4 > _MOST_BYTES:
        raise MediaLimitError(
            "the sound would be too long",
            why=f"it would take {channels * length * 4 / 1e9:.1f} GB of memory; 4 are allowed",
        )
