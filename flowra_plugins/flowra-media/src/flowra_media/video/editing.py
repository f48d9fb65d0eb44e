"""Cutting, joining and converting videos. Each goes through frame by frame and holds a few of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from flowra_media.audio.waveform import Waveform, clock
from flowra_media.errors import MediaError
from flowra_media.pictures import resized
from flowra_media.video.clip import VideoClip
from flowra_media.video.frames import Frame, pictures, timing
from flowra_media.video.sound import aligned_sound
from flowra_media.video.writing import SoundTrack, common_base, written

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Watch", "attach", "concatenate", "convert", "cut", "exact_rate", "from_pictures", "sound_of", "sound_track"]

#: Is told how far the work is: seconds of video done, and of all. It raises to end the work.
Watch = Callable[[float, float], None]


def exact_rate(text: str) -> Fraction:
    """Return frames a second from `30`, `29.97` or `30000/1001`; raises `MediaError` for what is none.

    29.97, 23.976, 59.94 and 47.952 stand for what they are the rounding of: 30000/1001 and so on.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise MediaError(f"{text!r} is no frame rate", fix="write 25, 29.97 or 30000/1001") from None
    if not Fraction(1, 3600) <= rate <= 1000:
        raise MediaError(f"{text} frames a second can't be had", why="1/3600 to 1000 can")
    for whole in (24, 30, 48, 60, 120):
        if rate != whole and abs(rate - Fraction(whole * 1000, 1001)) < Fraction(1, 200):
            return Fraction(whole * 1000, 1001)
    return rate if rate.numerator < 1_000_000 else rate.limit_denominator(1000)


def cut(clip: VideoClip, start: float, end: float | None, watch: Watch) -> VideoClip:
    """Return the frames that begin from `start` up to, and not at, `end` (seconds), with their sound.

    Negative times count from the end. The first frame of the part is shown at 0; the sound is cut at the same moment.

    Raises:
        MediaError: No frame begins between the two.
    """
    whole = timing(clip).seconds if start < 0 or (end is not None and end < 0) else Fraction(0)
    first = max(_exact(start) + (whole if start < 0 else 0), Fraction(0))
    last = None if end is None else _exact(end) + (whole if end < 0 else 0)
    opening = next(pictures(clip, first), None)
    if opening is None or (last is not None and opening.time >= last):
        raise MediaError(
            f"no frame begins between {start:g} s and {'the end' if end is None else f'{end:g} s'}",
            why=f"the video lasts {clock(float(clip.facts.seconds))}",
            fix="choose an end after the start, and a start inside the video",
        )
    zero = opening.time
    total = float((last if last is not None else clip.facts.seconds) - zero)

    def part() -> Iterator[Frame]:
        for frame in pictures(clip, zero):
            if last is not None and frame.time >= last:
                return
            watch(float(frame.time - zero), total)
            yield Frame(frame.time - zero, frame.seconds, frame.pixels)

    return _like(clip, part(), sound_track(clip, zero))


def concatenate(clips: Sequence[VideoClip], watch: Watch) -> VideoClip:
    """Return videos of one size one after the other; where one has no sound and another has, it is silent.

    Raises:
        MediaError: There is none, or sizes or sound don't fit together.
    """
    if not clips:
        raise MediaError("there is no video to be joined", fix="give at least one")
    size = (clips[0].facts.width, clips[0].facts.height)
    for number, clip in enumerate(clips):
        if (clip.facts.width, clip.facts.height) != size:
            raise MediaError(
                f"video {number} has {clip.facts.width}×{clip.facts.height} pixels, the first {size[0]}×{size[1]}",
                fix=f"put media/ConvertVideo (width {size[0]}, height {size[1]}) before it",
            )
    forms = {(sound.rate, sound.channels) for clip in clips if (sound := clip.facts.sound) is not None}
    if len(forms) > 1:
        said = ", ".join(f"{rate} Hz with {channels} channels" for rate, channels in sorted(forms))
        raise MediaError(
            "the sounds of the videos don't fit together",
            why=f"they have {said}",
            fix="take the sound out (media/ExtractAudio), resample or convert it, and attach it (media/AttachAudio)",
        )
    lengths = [timing(clip).seconds for clip in clips]
    base = common_base(clip.facts.time_base for clip in clips)

    def all_frames() -> Iterator[Frame]:
        begin = Fraction(0)
        for clip, length in zip(clips, lengths, strict=True):
            for frame in pictures(clip):
                watch(float(begin + frame.time), float(sum(lengths)))
                yield Frame(begin + frame.time, frame.seconds, frame.pixels)
            begin += length

    track = None
    if forms:
        rate, channels = next(iter(forms))
        track = SoundTrack(rate, channels, _joined_sound(clips, lengths, rate, channels))
    rates = {clip.facts.rate for clip in clips}
    return written(all_frames(), size, base, rates.pop() if len(rates) == 1 else None, track)


def attach(clip: VideoClip, audio: Waveform | None, offset: float, watch: Watch) -> VideoClip:
    """Return the video with another sound, or without any; the sound is cut where the video ends.

    Args:
        clip: Any video.
        audio: The sound; None takes the one away that is there.
        offset: Seconds at which it begins; below 0 its beginning is left out.
        watch: Is told how far the work is.
    """

    def blocks(audio: Waveform) -> Iterator[NDArray[np.float32]]:
        shift = round(offset * audio.rate)
        if shift > 0:
            for begin in range(0, shift, 1 << 16):
                yield np.zeros((audio.channels, min(1 << 16, shift - begin)), np.float32)
        yield audio.samples[:, max(-shift, 0) :]

    sound = None if audio is None else SoundTrack(audio.rate, audio.channels, blocks(audio))
    return _like(clip, _watched(clip, watch), sound)


def convert(clip: VideoClip, size: tuple[int, int] | None, rate: Fraction | None, watch: Watch) -> VideoClip:
    """Return the video in another size, or with another, constant rate.

    For a new rate each frame of the result is the one that was shown at its time: frames are shown twice or left out,
    and none is made up.

    Args:
        clip: Any video.
        size: Width and height in pixels; None leaves them.
        rate: Frames a second; None leaves the timestamps as they are.
        watch: Is told how far the work is.
    """
    frames = _watched(clip, watch)
    base, new_rate = clip.facts.time_base, clip.facts.rate or None
    if rate is not None:
        frames, base, new_rate = _at_rate(frames, rate), Fraction(1, rate.numerator), rate
    if size is not None:
        frames = (Frame(each.time, each.seconds, resized(each.pixels, size)) for each in frames)
    return written(
        frames, size or (clip.facts.width, clip.facts.height), base, new_rate, sound_track(clip, Fraction(0))
    )


def from_pictures(frames: Sequence[NDArray[np.uint8]], rate: Fraction, audio: Waveform | None) -> VideoClip:
    """Return a video of pictures H×W×3 uint8 of one size, with a constant rate; raises `MediaError` for none."""
    if not frames:
        raise MediaError("a video of no frames can't be made", fix="give at least one picture")
    made = (Frame(number / rate, 1 / rate, picture) for number, picture in enumerate(frames))
    size = (frames[0].shape[1], frames[0].shape[0])
    sound = None if audio is None else SoundTrack(audio.rate, audio.channels, [audio.samples])
    return written(made, size, Fraction(1, rate.numerator), rate, sound)


def sound_of(clip: VideoClip, start: float, end: float | None, max_megabytes: float) -> Waveform:
    """Return the sound of a video from `start` to `end`, in seconds from its first frame; exact to the sample.

    Raises:
        MediaError: It has none, or none there.
        MediaLimitError: It would take more than `max_megabytes` in memory.
    """
    from flowra_media.errors import MediaLimitError

    sound = clip.facts.sound
    if sound is None:
        raise MediaError(f"{clip.name} has no sound")
    blocks = []
    size = 0
    for block in aligned_sound(clip, _exact(start), None if end is None else _exact(end)):
        size += block.nbytes
        if size > max_megabytes * 1e6:
            raise MediaLimitError(
                f"the sound of {clip.name} is longer than the limit allows",
                why=f"it takes more than {max_megabytes:g} MB",
                fix="choose a start and an end, or raise max_megabytes",
            )
        blocks.append(block)
    if not blocks:
        raise MediaError(f"{clip.name} has no sound from {start:g} s on")
    return Waveform(np.clip(np.concatenate(blocks, axis=1), -8, 8), sound.rate)


def sound_track(clip: VideoClip, start: Fraction) -> SoundTrack | None:
    """Return the sound of a video from a time on, to be written beside frames; None if it has none."""
    sound = clip.facts.sound
    return None if sound is None else SoundTrack(sound.rate, sound.channels, aligned_sound(clip, start, None))


def _like(clip: VideoClip, frames: Iterator[Frame], sound: SoundTrack | None) -> VideoClip:
    size = (clip.facts.width, clip.facts.height)
    return written(frames, size, clip.facts.time_base, clip.facts.rate or None, sound)


def _watched(clip: VideoClip, watch: Watch) -> Iterator[Frame]:
    for frame in pictures(clip):
        watch(float(frame.time), float(clip.facts.seconds))
        yield frame


def _at_rate(frames: Iterator[Frame], rate: Fraction) -> Iterator[Frame]:
    count, shown = 0, None
    for frame in frames:
        while shown is not None and count / rate < frame.time:
            yield Frame(count / rate, 1 / rate, shown.pixels)
            count += 1
        shown = frame
    if shown is not None:
        while count / rate <= shown.time or count / rate < shown.time + shown.seconds:
            yield Frame(count / rate, 1 / rate, shown.pixels)
            count += 1


def _joined_sound(
    clips: Sequence[VideoClip], lengths: Sequence[Fraction], rate: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    begin, place = Fraction(0), 0
    for clip, length in zip(clips, lengths, strict=True):
        end = round((begin + length) * rate)
        if clip.facts.sound is not None:
            for block in aligned_sound(clip, Fraction(0), length):
                kept = block[:, : end - place]
                place += kept.shape[1]
                yield kept
        while place < end:
            silence = np.zeros((channels, min(1 << 16, end - place)), np.float32)
            place += silence.shape[1]
            yield silence
        begin += length


def _exact(seconds: float) -> Fraction:
    """Return the time that is meant: 0.1 is a tenth, and not the binary fraction beside it."""
    return Fraction(str(seconds))
