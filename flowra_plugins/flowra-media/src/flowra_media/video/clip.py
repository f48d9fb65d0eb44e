"""`VideoClip`: the value of a port of type `Video`. It holds a file and what is known of it, never its frames."""

from __future__ import annotations

import hashlib
import mmap
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from flowra.type.value_type import Video
from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.files import require_file
from flowra_media.video.ffmpeg import opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["MAX_MEGAPIXELS", "SoundFacts", "VideoClip", "VideoFacts", "clip_of_bytes", "clip_of_file", "taken_over"]

#: Of one frame. The largest that cameras give is 8K, 33 megapixels.
MAX_MEGAPIXELS = 70.0
#: How many packets are looked at, at most, for the end of the last frame.
_NEAR_END = 2000


@dataclass(frozen=True)
class SoundFacts:
    """What is known of a sound track: samples a second, channels, and FFmpeg's name of its codec."""

    rate: int
    channels: int
    codec: str


@dataclass(frozen=True)
class VideoFacts:
    """What a file says of its video before a frame is decoded.

    Attributes:
        width: Of the upright picture, in pixels.
        height: Likewise.
        rate: Frames a second, exactly; of a video whose rate varies, the average. 0 where the file does not say.
        time_base: What timestamps are counted in, in seconds.
        seconds: How long it lasts; 0 where the file does not say.
        frames: How many frames there are; 0 where the file does not say.
        codec: FFmpeg's name.
        pixels: FFmpeg's name of the pixel format.
        sound: The first sound track, if there is one.
        container: FFmpeg's names of the file's format, as in `mov,mp4,m4a,3gp,3g2,mj2`.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    seconds: Fraction
    frames: int
    codec: str
    pixels: str
    sound: SoundFacts | None
    container: str


@dataclass(frozen=True, eq=False)
class VideoClip:
    """A video: a file, or the bytes of one, and what is known of it. Frames are decoded when they are asked for.

    Args:
        source: The path of a file that stays as it is, or the bytes of one.
        facts: What the file says.
        stamp: Size and time of the last change of a file, by which it is noticed if it does not stay as it is.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__: ClassVar[Video] = Video()

    source: Path | memoryview
    facts: VideoFacts
    stamp: tuple[int, int] = (0, 0)
    _known: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    @property
    def name(self) -> str:
        """How messages call it."""
        return str(self.source) if isinstance(self.source, Path) else "the video"

    def data(self) -> memoryview:
        """Return the bytes of the file, mapped and not read; raises `MediaError` if the file changed."""
        self.check_unchanged()
        if not isinstance(self.source, Path):
            return self.source
        with self.source.open("rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def check_unchanged(self) -> None:
        """Raise `MediaError` if the file is not the one that was looked at."""
        if isinstance(self.source, Path) and _stamp(self.source) != self.stamp:
            raise MediaError(
                f"{self.source} changed while it was used",
                why="a video is read piece by piece, as its frames are needed",
                fix="leave the file as it is until the run has ended, and run again",
            )

    def sha256(self) -> str:
        """Return the SHA-256 of the file; it is worked out once."""
        with self._lock:
            if "sha256" not in self._known:
                digest = hashlib.sha256()
                data = self.data()
                for start in range(0, len(data), 1 << 24):
                    digest.update(data[start : start + (1 << 24)])
                self._known["sha256"] = digest.hexdigest()
            return str(self._known["sha256"])

    def __reduce__(self) -> Any:
        """Refuse to be pickled: it may be larger than the memory; values travel by their codec."""
        raise TypeError("a VideoClip is stored by its codec, and never pickled")


def clip_of_file(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> VideoClip:
    """Return the video in a file.

    Raises:
        MediaError: There is none that can be read.
        MediaLimitError: Its frames are larger than the limit.
        MissingLibraryError: PyAV is not installed.
    """
    if require_file(path) == 0:
        raise MediaError(f"{path} is empty (0 bytes)")
    path = path.absolute()
    stamp = _stamp(path)
    return VideoClip(path, _probe(path, str(path), max_megapixels), stamp)


def clip_of_bytes(data: memoryview | bytes) -> VideoClip:
    """Return the video in the bytes of a file; raises like `clip_of_file`."""
    data = memoryview(data).toreadonly()
    if not data.nbytes:
        raise MediaError("the video is empty (0 bytes)")
    return VideoClip(data, _probe(data, "the video", MAX_MEGAPIXELS))


def taken_over(path: Path) -> VideoClip:
    """Return the video in a temporary file, which lives on in the value alone: it is gone when nothing refers to it."""
    with path.open("rb") as stream:
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        # What is mapped stays readable, and even a crash leaves nothing behind.
        path.unlink()
    except PermissionError:
        import weakref

        # Windows keeps a mapped file; it goes when the interpreter ends, or with the mapping.
        weakref.finalize(data.obj, path.unlink, missing_ok=True)
    return clip_of_bytes(data)


def check_frame_size(width: int, height: int, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """Raise `MediaLimitError` for frames that are too large, `MediaError` for those without a pixel."""
    if width <= 0 or height <= 0:
        raise MediaError(f"{name} has frames of {width}×{height} pixels", why="the file is broken, or cut off")
    if width * height > max_megapixels * 1e6:
        raise MediaLimitError(
            f"{name} has frames of {width}×{height} pixels",
            why=f"frames of up to {max_megapixels:g} megapixels are read",
            fix="raise max_megapixels if you trust the file and have the memory",
        )


def video_stream(container: InputContainer, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> VideoStream:
    """Return the first stream of moving pictures; raises `MediaError` where there is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        # The cover of a piece of music is a stream as well.
        if Disposition.attached_pic not in stream.disposition and stream.codec_context is not None:
            # A stream may change its size on the way, to one that its header does not tell.
            stream.codec_context.options = {"max_pixels": str(int(max_megapixels * 1e6))}
            return stream
    raise MediaError(f"{name} has no moving pictures", why="it holds sound alone" if container.streams.audio else None)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise MediaError(f"can't read {path}", why=error.strerror or str(error)) from error
    return found.st_size, found.st_mtime_ns


def _probe(source: Path | memoryview, name: str, max_megapixels: float) -> VideoFacts:
    with opened(source, name) as container:
        stream = video_stream(container, name, max_megapixels)
        context = stream.codec_context
        check_frame_size(context.width, context.height, name, max_megapixels)
        time_base = stream.time_base
        if time_base is None or time_base <= 0:
            raise MediaError(f"{name} does not say what its timestamps are counted in", why="the file is broken")
        turned = _quarter_turns(stream) % 2
        seconds = Fraction(0)
        if stream.duration is not None and stream.duration > 0:
            seconds = stream.duration * Fraction(time_base)
        elif container.duration is not None and container.duration > 0:
            seconds = Fraction(container.duration, 1_000_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(0)
        if stream.duration is None and seconds:
            # Matroska and NUT say the length of the whole, not of the pictures, and NUT that without the last frame.
            seconds = _end(stream, seconds, rate) or seconds
        size = (context.height, context.width) if turned else (context.width, context.height)
        return VideoFacts(
            width=size[0], height=size[1], rate=Fraction(rate), time_base=Fraction(time_base), seconds=seconds,
            frames=max(stream.frames, 0), codec=context.name, pixels=context.pix_fmt or "unknown",
            sound=_sound(container), container=container.format.name,
        )  # fmt: skip


def _end(stream: VideoStream, about: Fraction, rate: Fraction | None) -> Fraction | None:
    """Return the end of the last frame, in seconds from the first, from the packets near it; None if none is found."""
    base, first = Fraction(stream.time_base or 0), stream.start_time or 0
    container: Any = stream.container
    container.seek(int(about / base) + first, stream=stream, backward=True)
    step = int(1 / (rate * base)) if rate else 0
    ends = [
        packet.pts - first + (packet.duration or step)
        for packet, _ in zip(container.demux(stream), range(_NEAR_END), strict=False)
        if packet.pts is not None
    ]
    return max(ends) * base if ends else None


def _sound(container: InputContainer) -> SoundFacts | None:
    for stream in container.streams.audio:
        if stream.codec_context is not None and stream.rate and stream.codec_context.channels:
            return SoundFacts(stream.rate, stream.codec_context.channels, stream.codec_context.name)
    return None


def _quarter_turns(stream: VideoStream) -> int:
    """Return how often the first frame has to be turned by 90 degrees, against the clock, to stand upright."""
    try:
        for frame in stream.container.decode(stream):  # type: ignore[attr-defined]
            return int(round(frame.rotation / 90) % 4)
    except Exception as error:
        from flowra_media.video.ffmpeg import failure, pyav

        if isinstance(error, pyav().FFmpegError):
            raise failure("the first frame", error) from error
        raise
    raise MediaError("the video has no frame that can be decoded", why="the file is broken, or cut off")
