"""Sound: `Audio`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from flowra.type.handler import ValueHandler
from flowra.type.value_type import Audio, ValueType
from flowra_media.audio.drawing import draw_waveform, waveform_line
from flowra_media.audio.reading import decode_audio, load_audio
from flowra_media.audio.waveform import Waveform, clock
from flowra_media.audio.writing import save_audio
from flowra_media.packing import Buffer, pack_arrays, unpack_arrays
from flowra_media.pictures import png
from flowra_media.playing import playable_sound
from flowra_media.types.refusing import as_refusal, with_ending

__all__ = ["AudioHandler"]

_CODEC = "audio"
_CHANNELS = {1: "mono", 2: "stereo"}


class AudioHandler(ValueHandler[Waveform]):
    """Takes waveforms, pairs of samples and rate, the paths and the bytes of files."""

    def coerce(self, value: Any, spec: ValueType) -> Waveform:
        """Return the sound, if it has the rate and channels that `spec` asks for; raises ValueError saying why not."""
        audio = value if isinstance(value, Waveform) else _read(value)
        if isinstance(spec, Audio):
            if spec.rate not in (None, audio.rate):
                raise ValueError(
                    f"expected sound of {spec.rate} Hz, got {audio.rate} Hz: "
                    f"put media/ResampleAudio (rate {spec.rate}) before it"
                )
            if spec.channels not in (None, audio.channels):
                raise ValueError(
                    f"expected sound with {spec.channels} channels, got {audio.channels}: "
                    f"put media/ConvertAudio (channels {spec.channels}) before it"
                )
        return audio

    def to_json(self, value: Waveform) -> Any:
        """Return rate, channels, length and the SHA-256 of the samples."""
        little = value.samples.astype("<f4", copy=False)
        return {
            "rate": value.rate,
            "channels": value.channels,
            "samples": value.length,
            "sha256": hashlib.sha256(little.reshape(-1).view(np.uint8).data).hexdigest(),
        }

    def summarize(self, value: Waveform) -> str:
        """Return `0:02.50, 44100 Hz stereo, peak -3.0 dB ▁▃▇▅▂`, the loudness from the beginning to the end."""
        channels = _CHANNELS.get(value.channels, f"{value.channels} channels")
        peak = value.peak
        level = f"peak {20 * np.log10(peak):.1f} dB" if peak else "silent"
        line = waveform_line(value)
        return f"{clock(value.seconds)}, {value.rate} Hz {channels}, {level}" + (f" {line}" if line else "")

    def export(self, value: Waveform, stem: Path) -> Path:
        """Write a WAV file of float32, which holds the samples exactly; raises `MediaError`."""
        path = with_ending(stem, ".wav")
        save_audio(value, path, format="wav", depth="float32")
        return path

    def encode(self, value: Waveform) -> tuple[str, Sequence[Buffer]]:
        """Return the rate, and the samples as npy, not copied."""
        return _CODEC, pack_arrays({"rate": value.rate}, [value.samples])

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> Waveform:
        """Return the sound over the bytes that were read; raises ValueError for what is none."""
        if codec != _CODEC:
            raise ValueError(f"{spec} is stored as {_CODEC}, not as {codec}")
        header, arrays = unpack_arrays(data)
        if len(arrays) != 1 or set(header) != {"rate"} or arrays[0].dtype != np.dtype("<f4") or arrays[0].ndim != 2:
            raise ValueError("a stored value that is no sound")
        return self.coerce(Waveform(arrays[0].astype(np.float32, copy=False), header["rate"]), spec)

    def thumbnail(self, value: Waveform, max_size: int) -> bytes | None:
        """Return the waveform, four times as wide as high."""
        return png(draw_waveform(value, max_size, max(1, max_size // 4)))

    def playable(self, value: Waveform, max_bytes: int) -> tuple[str, bytes] | None:
        """Return the first minute as WAV or MP3."""
        return playable_sound(value, max_bytes)


def _read(value: Any) -> Waveform:
    with as_refusal():
        if isinstance(value, (str, PurePath)):
            return load_audio(Path(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return decode_audio(bytes(value))
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return Waveform(value[0], value[1])
    samples, rate = getattr(value, "samples", None), getattr(value, "rate", None)
    if samples is not None and rate is not None:
        return Waveform(samples, rate)
    raise ValueError(
        f"expected sound (samples and rate, path or bytes of a file), got {type(value).__name__}: "
        "give (array of channels × samples, rate)"
    )
