"""Moving pictures: `Video`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from flowra.type.handler import ValueHandler
from flowra.type.value_type import ValueType
from flowra_media.audio.waveform import clock
from flowra_media.packing import Buffer, pack, unpack
from flowra_media.pictures import png
from flowra_media.playing import playable_video
from flowra_media.types.refusing import as_refusal
from flowra_media.video.clip import VideoClip, clip_of_bytes, clip_of_file
from flowra_media.video.saving import export_video
from flowra_media.video.thumbnails import strip

__all__ = ["VideoHandler"]

_CODEC = "video"


class VideoHandler(ValueHandler[VideoClip]):
    """Takes the paths and the bytes of video files. What is stored is the file, byte for byte."""

    def coerce(self, value: Any, spec: ValueType) -> VideoClip:
        """Return the video, of which the first frame was decoded; raises ValueError saying why it can't be."""
        if isinstance(value, VideoClip):
            return value
        with as_refusal():
            if isinstance(value, (str, PurePath)):
                return clip_of_file(Path(value))
            if isinstance(value, (bytes, bytearray, memoryview)):
                return clip_of_bytes(memoryview(value))
        raise ValueError(f"expected a video (path or bytes of a file), got {type(value).__name__}")

    def to_json(self, value: VideoClip) -> Any:
        """Return what the file says, and the SHA-256 of its bytes."""
        facts = value.facts
        sound = facts.sound
        return {
            "width": facts.width,
            "height": facts.height,
            "rate": str(facts.rate),
            "seconds": float(facts.seconds),
            "codec": facts.codec,
            "sound": None if sound is None else {"rate": sound.rate, "channels": sound.channels, "codec": sound.codec},
            "sha256": value.sha256(),
        }

    def summarize(self, value: VideoClip) -> str:
        """Return `0:12.00, 1920×1080, 29.97 frames/s h264, sound 48000 Hz`."""
        facts = value.facts
        parts = [clock(float(facts.seconds)) if facts.seconds else "length unknown", f"{facts.width}×{facts.height}"]
        parts.append(f"{float(facts.rate):.6g} frames/s {facts.codec}" if facts.rate else facts.codec)
        parts.append(f"sound {facts.sound.rate} Hz" if facts.sound is not None else "no sound")
        return ", ".join(parts)

    def export(self, value: VideoClip, stem: Path) -> Path:
        """Write the file that was read as it is, and what Flowra made as MP4 or WebM; raises `MediaError`."""
        return export_video(value, stem)

    def encode(self, value: VideoClip) -> tuple[str, Sequence[Buffer]]:
        """Return the bytes of the file, mapped and not read."""
        return _CODEC, pack({}, [[value.data()]])

    def decode(self, codec: str, data: memoryview, spec: ValueType) -> VideoClip:
        """Return the video over the bytes that were read; raises ValueError for what is none."""
        if codec != _CODEC:
            raise ValueError(f"{spec} is stored as {_CODEC}, not as {codec}")
        _, parts = unpack(data)
        if len(parts) != 1:
            raise ValueError("a stored value that is no video")
        with as_refusal():
            return clip_of_bytes(parts[0])

    def thumbnail(self, value: VideoClip, max_size: int) -> bytes | None:
        """Return up to four frames side by side."""
        return png(strip(value, max_size))

    def playable(self, value: VideoClip, max_bytes: int) -> tuple[str, bytes] | None:
        """Return the first ten seconds, small, as MP4 or WebM."""
        return playable_video(value, max_bytes)
