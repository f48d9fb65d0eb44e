"""The frames of videos: out of them, through nodes, and into them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import JSONEditor, Number, Placeholder, Text
from flowra.type.value_type import AnyImage, Image, ListOf
from flowra_media.audio.waveform import Waveform
from flowra_media.errors import MediaError, MediaLimitError
from flowra_media.nodes.ports import Clip
from flowra_media.nodes.watching import watching
from flowra_media.video.clip import VideoClip
from flowra_media.video.editing import exact_rate, from_pictures, sound_track
from flowra_media.video.frames import Frame, pictures
from flowra_media.video.mapping import FrameStep, FrameSteps, steps_fingerprint
from flowra_media.video.writing import written

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["FramesToVideo", "MapFrames", "VideoFrames"]


class VideoFrames(Node):
    """Take frames out of a video as a list of pictures, over which nodes map.

    The list is held in memory: this is for tens or hundreds of frames. For all frames of a long video there is
    `MapFrames`.
    """

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The video, and which frames."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        start: Annotated[float, Number(min=0, unit="s", description="The first frame that begins from here")] = 0.0
        end: Annotated[float | None, Number(min=0, unit="s", description="Up to here; empty is the end")] = None
        every: Annotated[int, Number(min=1, step=1, description="Each so many-th frame: 1 is every one")] = 1
        max_megabytes: Annotated[
            float, Number(min=0.001, unit="MB", advanced=True, description="Refuse frames that take more together")
        ] = 1000.0

    class OutputArgs(BaseArgs):
        """The frames."""

        frames: Annotated[list[AnyImage], Placeholder(description="In the order of time; H×W×3, RGB uint8")]
        times: Annotated[list[float], Placeholder(description="Seconds from the first frame of the video, for each")]
        rate: Annotated[str, Text(description="Frames a second that are left, as a fraction; what FramesToVideo takes")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Decode the frames."""
        watch = watching(context)
        facts = args.video.facts
        end = None if args.end is None else Fraction(str(args.end))
        most = int(args.max_megabytes * 1e6 / (facts.width * facts.height * 3))
        found: list[Frame] = []
        for number, frame in enumerate(pictures(args.video, Fraction(str(args.start)))):
            if end is not None and frame.time >= end:
                break
            watch(float(frame.time), float(facts.seconds))
            if number % args.every:
                continue
            if len(found) >= most:
                raise MediaLimitError(
                    f"the frames take more than {args.max_megabytes:g} MB",
                    why=f"each takes {facts.width * facts.height * 3 / 1e6:.1f} MB; {most:,} of them are allowed",
                    fix="choose start, end or every; or work on them one by one with media/MapFrames",
                )
            found.append(frame)
        if not found:
            raise MediaError(f"no frame of the video begins from {args.start:g} s on")
        rate = facts.rate / args.every if facts.rate else Fraction(25)
        return self.OutputArgs(
            frames=[frame.pixels for frame in found], times=[float(frame.time) for frame in found], rate=str(rate)
        )


class MapFrames(Node):
    """Run nodes on each frame of a video, one frame at a time, whatever the video's length.

    `steps` names nodes that take a picture and give one: `[{"node": "image/Blur", "inputs": {"radius": 3}}]`. The
    first gets the frame, each other one what came out of the one before. A step may say which input gets the frame
    (`image`) and which output is the new one (`result`), where there are several, and the node's `init`. A frame for
    which a node ends its branch is left out, and the one before it is shown on. Timestamps and sound stay.

    The whole is one call: it runs on one worker and is cached as one result, which the code of the steps is part of.
    Single frames are not cached, and a run that is resumed begins with the first frame again.
    """

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The video, and what is run on its frames."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        steps: Annotated[list[FrameStep], JSONEditor(description="The nodes, in order; given as a literal")]

    class OutputArgs(BaseArgs):
        """The video."""

        video: Annotated[VideoClip, Placeholder(description="The frames that came out, of one size, with the sound")]
        frames: Annotated[int, Number(description="How many there are")]

    @classmethod
    def fingerprint(cls, args: InputArgs) -> str | None:
        """Return what stands for the code of the steps; raises ValueError where it is not known before the run."""
        if args.steps is None:
            raise ValueError("steps come over a link, so that their code is not known before the run")
        return steps_fingerprint(args.steps)

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Decode, run and write, frame by frame."""
        clip, watch = args.video, watching(context)
        steps = FrameSteps(args.steps, context)
        count = 0

        def mapped() -> Iterator[Frame]:
            nonlocal count
            for frame in pictures(clip):
                watch(float(frame.time), float(clip.facts.seconds))
                found = steps(frame.pixels)
                if found is not None:
                    count += 1
                    yield Frame(frame.time, frame.seconds, found)

        try:
            frames = mapped()
            first = next(frames, None)
            if first is None:
                raise MediaError("no frame is left", why="each one's branch was ended by a step")
            size = (first.pixels.shape[1], first.pixels.shape[0])
            video = written(
                _then(first, frames),
                size,
                clip.facts.time_base,
                clip.facts.rate or None,
                sound_track(clip, Fraction(0)),
            )
        finally:
            steps.close()
        return self.OutputArgs(video=video, frames=count)


class FramesToVideo(Node):
    """Make a video of pictures of one size, with a constant rate."""

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """The pictures, their rate and the sound."""

        frames: Placeholder(  # type: ignore[valid-type]  # the mode can't be said to a type checker
            value_type=ListOf(Image(mode="RGB", dtype="uint8")), description="At least one; all of one size"
        )
        rate: Annotated[str, Text(max_length=40, description="Frames a second: 25, 29.97 or 30000/1001")] = "25"
        audio: Annotated[Waveform | None, Placeholder(description="Sound; it ends where the pictures do")] = None

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Write the video."""
        return Clip(video=from_pictures(args.frames, exact_rate(args.rate), args.audio))


def _then(first: Frame, others: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from others
