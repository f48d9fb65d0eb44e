"""Videos as files for people: MP4 and WebM, which ordinary players open."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from flowra_media.errors import MediaError
from flowra_media.files import publishing
from flowra_media.video.clip import VideoClip
from flowra_media.video.editing import Watch, sound_track
from flowra_media.video.ffmpeg import pyav
from flowra_media.video.frames import pictures
from flowra_media.video.sound import AAC_RATES
from flowra_media.video.writing import Coding, VideoWriter

__all__ = ["export_video", "player_coding", "save_video"]

#: Encoders of H.264 that an FFmpeg may have: its own partner's, those of systems, Cisco's.
_H264 = ("libx264", "h264_videotoolbox", "h264_mf", "libopenh264")
_WEBM = ("libvpx-vp9", "libsvtav1", "libaom-av1")
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
#: Endings of files that are given on as they are, by the first of FFmpeg's names of their format.
_SUFFIXES = {
    "mov": ".mp4",
    "matroska": ".mkv",
    "avi": ".avi",
    "mpegts": ".ts",
    "mpeg": ".mpg",
    "flv": ".flv",
    "gif": ".gif",
}


def save_video(clip: VideoClip, path: Path, *, format: str, quality: int, overwrite: bool, watch: Watch) -> None:
    """Write a video as MP4 (H.264 and AAC) or WebM (VP9 or AV1, and Opus), whole or not at all.

    Timestamps are kept to the time base of the video (WebM: to a millisecond); frames go through one by one.

    Args:
        clip: Any video; for MP4 with even width and height.
        path: Where to; folders on the way are made.
        format: `mp4`, `webm`, or `auto` to tell it from the ending.
        quality: 1..100.
        overwrite: Whether a file that is there already is replaced.
        watch: Is told how far the work is.

    Raises:
        MediaError: The format can't hold the video, has no encoder here, or the file can't be written.
    """
    kind = _format(path, format)
    facts = clip.facts
    coding = _mp4(quality) if kind == "mp4" else _webm(quality)
    if coding.pixels == "yuv420p" and (facts.width % 2 or facts.height % 2):
        size = (facts.width + facts.width % 2, facts.height + facts.height % 2)
        raise MediaError(
            f"{kind} as players take it holds no frames of {facts.width}×{facts.height} pixels",
            why="its colours have half the resolution, so both sides have to be even",
            fix=f"put media/ConvertVideo (width {size[0]}, height {size[1]}) before it",
        )
    with publishing(path, overwrite=overwrite) as temporary:
        size = (facts.width, facts.height)
        sound = sound_track(clip, Fraction(0))
        with VideoWriter(temporary, coding, size, facts.time_base, facts.rate or None, sound) as writer:
            for frame in pictures(clip):
                watch(float(frame.time), float(facts.seconds))
                writer.add(frame.pixels, frame.time, frame.seconds)


def export_video(clip: VideoClip, stem: Path) -> Path:
    """Write a file that people can open: one that was read as it is, one that Flowra made as MP4, or else as WebM."""
    if clip.facts.codec != "ffv1":
        first = clip.facts.container.partition(",")[0]
        suffix = clip.source.suffix if isinstance(clip.source, Path) else _SUFFIXES.get(first, f".{first}")
        path = stem.with_name(stem.name + suffix)
        with publishing(path) as temporary, temporary.open("xb") as stream:
            data = clip.data()
            for start in range(0, len(data), 1 << 24):
                stream.write(data[start : start + (1 << 24)])
        return path
    even = clip.facts.width % 2 == 0 and clip.facts.height % 2 == 0
    kind = "mp4" if even and _encoder(_H264) else "webm" if even else "mov"
    path = stem.with_name(f"{stem.name}.{kind}")
    if kind == "mov":
        with publishing(path) as temporary:
            temporary.write_bytes(clip.data())
        return path
    save_video(clip, path, format=kind, quality=80, overwrite=True, watch=_unwatched)
    return path


def player_coding() -> Coding | None:
    """Return how a small video for a browser is coded; None where this FFmpeg has no encoder that browsers know."""
    if _encoder(_H264):
        return _mp4(50)
    return _webm(50) if _encoder(_WEBM) and _can_write("libopus") else None


def _format(path: Path, chosen: str) -> str:
    if chosen != "auto":
        return chosen
    suffix = path.suffix.lower().lstrip(".")
    if suffix in ("mp4", "m4v"):
        return "mp4"
    if suffix == "webm":
        return "webm"
    raise MediaError(
        f"can't tell the format of {path}",
        why=f"{path.suffix!r} is the ending of no video file that is written" if suffix else "it has no ending",
        fix="end the name in .mp4 or .webm, or choose the format",
    )


def _encoder(names: tuple[str, ...]) -> str | None:
    av = pyav()
    return next((name for name in names if name in av.codecs_available and _can_write(name)), None)


def _can_write(name: str) -> bool:
    av = pyav()
    try:
        return bool(av.Codec(name, "w").is_encoder)
    except ValueError:
        return False


def _mp4(quality: int) -> Coding:
    encoder = _encoder(_H264)
    if encoder is None:
        raise MediaError(
            "this FFmpeg has no encoder for H.264, which MP4 for ordinary players needs",
            why=f"none of {', '.join(_H264)} is there",
            fix="save as .webm",
        )
    options: tuple[tuple[str, str], ...] = ()
    if encoder == "libx264":
        # 51 is the worst that x264 does, and below 12 nobody sees a difference.
        options = (("crf", str(round(40 - 0.28 * quality))), ("preset", "veryfast"))
    return Coding(
        "mp4",
        encoder,
        "yuv420p",
        "aac",
        AAC_RATES,
        options,
        (("movflags", "+faststart"),),
        sound_bits=48_000 + 800 * quality,
    )


def _webm(quality: int) -> Coding:
    encoder = _encoder(_WEBM)
    if encoder is None or not _can_write("libopus"):
        raise MediaError("this FFmpeg has no encoders for WebM", why=f"it needs one of {', '.join(_WEBM)}, and libopus")
    crf = str(round(55 - 0.35 * quality))
    options: tuple[tuple[str, str], ...] = (("crf", crf), ("b", "0"), ("deadline", "realtime"), ("cpu-used", "6"))
    if encoder == "libsvtav1":
        options = (("crf", crf), ("preset", "9"))
    return Coding("webm", encoder, "yuv420p", "libopus", _OPUS_RATES, options, sound_bits=32_000 + 640 * quality)


def _unwatched(done: float, total: float) -> None:
    """Take no notice of how far the work is."""
