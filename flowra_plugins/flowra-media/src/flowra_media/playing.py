"""Short files that browsers play, for reports."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from flowra_media.audio.editing import cut, resample, to_channels
from flowra_media.audio.waveform import Waveform
from flowra_media.audio.writing import FORMATS, encode_audio

if TYPE_CHECKING:
    from flowra_media.video.clip import VideoClip

__all__ = ["playable_sound", "playable_video"]

#: Of sound that is longer the beginning is enough to know it by; of a video even less.
_SOUND_SECONDS = 60.0
_VIDEO_SECONDS = 10
_VIDEO_SIDE = 320
_WAV_HEADER = 1024
#: Bytes a second that MP3 may take: 320 kbit/s, its highest.
_MP3_BYTES = 40_000


def playable_sound(audio: Waveform, max_bytes: int) -> tuple[str, bytes] | None:
    """Return the first minute: as WAV where that is small enough, as MP3 else; less of it where less fits."""
    if not audio.length:
        return None
    sound = cut(audio, 0, min(_SOUND_SECONDS, audio.seconds))
    sound = to_channels(sound, 1) if sound.channels > 2 else sound
    if sound.length * sound.channels * 2 + _WAV_HEADER <= min(max_bytes, 200_000):
        return "audio/wav", encode_audio(sound, "wav", depth="int16")
    seconds = min(sound.seconds, (max_bytes - 2000) / _MP3_BYTES)
    if seconds < 0.1:
        return None
    kind = FORMATS["mp3"]
    sound = cut(sound, 0, seconds)
    sound = sound if sound.rate in kind.rates else resample(sound, 44100)
    data = encode_audio(sound, "mp3", quality=70)
    return ("audio/mpeg", data) if len(data) <= max_bytes else None


def playable_video(clip: VideoClip, max_bytes: int) -> tuple[str, bytes] | None:
    """Return the first ten seconds, small, as MP4 or WebM; None where that is too large all the same."""
    from flowra_media.pictures import fit_size, resized
    from flowra_media.video.editing import sound_track
    from flowra_media.video.frames import Frame, pictures
    from flowra_media.video.saving import player_coding
    from flowra_media.video.writing import VideoWriter

    coding = player_coding()
    if coding is None:
        return None
    facts = clip.facts
    width, height = fit_size((facts.width, facts.height), (_VIDEO_SIDE, _VIDEO_SIDE))
    size = (width + width % 2, height + height % 2)

    def beginning() -> Iterator[Frame]:
        for frame in pictures(clip):
            if frame.time >= _VIDEO_SECONDS:
                return
            yield Frame(frame.time, frame.seconds, resized(frame.pixels, size))

    with tempfile.TemporaryDirectory(prefix="flowra-video-") as folder:
        path = Path(folder) / "video"
        sound = sound_track(clip, Fraction(0))
        with VideoWriter(path, coding, size, facts.time_base, facts.rate or None, sound) as writer:
            for frame in beginning():
                writer.add(frame.pixels, frame.time, frame.seconds)
        data = path.read_bytes()
    return (f"video/{coding.container}", data) if len(data) <= max_bytes else None
