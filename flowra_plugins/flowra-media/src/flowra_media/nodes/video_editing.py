"""What can be done to whole videos. Each node writes a new video, without loss, and holds a few frames at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder, Text
from flowra_media.audio.reading import MAX_MEGABYTES
from flowra_media.audio.waveform import Waveform
from flowra_media.errors import MediaError
from flowra_media.nodes.ports import Clip, Sound
from flowra_media.nodes.watching import watching
from flowra_media.video.clip import VideoClip
from flowra_media.video.editing import attach, concatenate, convert, cut, exact_rate, sound_of

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["AttachAudio", "ConcatenateVideo", "ConvertVideo", "CutVideo", "ExtractAudio"]


class CutVideo(Node):
    """Take a part of a video with its sound, exact to the frame: what begins from `start` up to `end`."""

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The video, and which part."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        start: Annotated[float, Number(unit="s", description="Where the part begins; below 0 counts from the end")] = (
            0.0
        )
        end: Annotated[
            float | None, Number(unit="s", description="Where it ends; empty is the end; below 0 counts from it")
        ] = None

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Cut the video."""
        return Clip(video=cut(args.video, args.start, args.end, watching(context)))


class ConcatenateVideo(Node):
    """Put videos one after the other; they have one size, and one form of sound or none."""

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The videos."""

        parts: Annotated[list[VideoClip], Placeholder(description="At least one, in order")]

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Join the videos."""
        return Clip(video=concatenate(args.parts, watching(context)))


class ConvertVideo(Node):
    """Change the size or the frame rate of a video."""

    libraries = ("av", "pillow")

    class InputArgs(BaseArgs):
        """The video, and what it becomes."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        width: Annotated[
            int | None, Number(min=1, max=16384, step=1, unit="px", description="Empty keeps the proportion")
        ] = None
        height: Annotated[
            int | None, Number(min=1, max=16384, step=1, unit="px", description="Empty keeps the proportion")
        ] = None
        rate: Annotated[
            str, Text(max_length=40, description="Frames a second: 25, 29.97 or 30000/1001; empty keeps the timestamps")
        ] = ""

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Convert the video."""
        facts = args.video.facts
        size = None
        if args.width is not None or args.height is not None:
            width = args.width or max(1, round(facts.width * (args.height or 1) / facts.height))
            height = args.height or max(1, round(facts.height * width / facts.width))
            size = (width, height)
        rate = exact_rate(args.rate) if args.rate else None
        return Clip(video=convert(args.video, size, rate, watching(context)))


class ExtractAudio(Node):
    """Take the sound out of a video; where the track begins later than the pictures there is silence."""

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The video, and which part."""

        video: Annotated[VideoClip, Placeholder(description="A video with sound")]
        start: Annotated[float, Number(min=0, unit="s", description="From the first frame")] = 0.0
        end: Annotated[float | None, Number(min=0, unit="s", description="Empty is the end")] = None
        max_megabytes: Annotated[
            float, Number(min=0.001, unit="MB", advanced=True, description="Refuse what takes more when it is decoded")
        ] = MAX_MEGABYTES

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Decode the sound."""
        return Sound(audio=sound_of(args.video, args.start, args.end, args.max_megabytes))


class AttachAudio(Node):
    """Give a video another sound, or take its sound away; the sound ends where the video does."""

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The video and the sound."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        audio: Annotated[
            Waveform | None, Placeholder(description="The sound, of 1 to 8 channels; empty takes away what is there")
        ] = None
        offset: Annotated[
            float, Number(unit="s", description="When it begins; below 0 so much of its beginning is left out")
        ] = 0.0

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Write the video with the sound."""
        if args.audio is None and args.video.facts.sound is None:
            raise MediaError("the video has no sound to be taken away", fix="give the sound that it is to have")
        return Clip(video=attach(args.video, args.audio, args.offset, watching(context)))
