"""Videos in and out, measured and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import FilePicker, Number, Placeholder, Select, Slider, Switch, Text
from flowra.type.value_type import AnyImage, File
from flowra_media.nodes.ports import Clip
from flowra_media.nodes.watching import watching
from flowra_media.pictures import side_by_side
from flowra_media.types.video import VideoHandler
from flowra_media.video.clip import MAX_MEGAPIXELS, VideoClip, clip_of_file
from flowra_media.video.frames import timing
from flowra_media.video.saving import save_video
from flowra_media.video.thumbnails import thumbnails

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["InspectVideo", "LoadVideo", "SaveVideo", "VideoThumbnails"]


class LoadVideo(Node):
    """Open a video file; its frames are decoded when they are needed.

    MP4, MOV, Matroska, WebM, AVI, MPEG and whatever else FFmpeg reads; needs `flowra-media[video]`. Pictures come
    upright, as RGB with 8 bits a channel. The file has to stay as it is while the run goes on.
    """

    libraries = ("av",)

    class InputArgs(BaseArgs):
        """What is opened."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the video file")]
        max_megapixels: Annotated[
            float, Number(min=0.001, max=1000, unit="MP", advanced=True, description="Refuse larger frames")
        ] = MAX_MEGAPIXELS

    OutputArgs = Clip

    def run(self, context: RunContext, args: InputArgs) -> Clip:
        """Open the file."""
        return Clip(video=clip_of_file(args.path, max_megapixels=args.max_megapixels))


class SaveVideo(Node):
    """Write a video as MP4 (H.264 and AAC) or WebM (VP9 and Opus), whole or not at all.

    The frames go through one by one, and keep their timestamps. MP4 needs an FFmpeg that can write H.264.
    """

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, where and how."""

        video: Annotated[VideoClip, Placeholder(description="Any video with even width and height")]
        path: Annotated[
            Path,
            FilePicker(
                value_type=File(exists=False), description="Where to; a relative path starts at the output folder"
            ),
        ] = Path("video.mp4")
        format: Annotated[
            Literal["auto", "mp4", "webm"], Select(description="File format; auto takes it from the ending of the path")
        ] = "auto"
        quality: Annotated[int, Slider(min=1, max=100, step=1, description="Of pictures and sound")] = 70
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        save_video(
            args.video,
            path,
            format=args.format,
            quality=args.quality,
            overwrite=args.overwrite,
            watch=watching(context),
        )
        context.log(f"saved {VideoHandler().summarize(args.video)} to {path}")
        return self.OutputArgs(path=path)


class InspectVideo(Node):
    """Say what a video is: size, exact frame rate, length, sound."""

    class InputArgs(BaseArgs):
        """What is looked at."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]

    class OutputArgs(BaseArgs):
        """What it is."""

        width: Annotated[int, Number(unit="px", description="Of the upright picture")]
        height: Annotated[int, Number(unit="px", description="Likewise")]
        frames: Annotated[int, Number(description="How many frames there are, counted")]
        seconds: Annotated[float, Number(unit="s", description="From the first frame to the end of the last")]
        rate: Annotated[
            str | None, Text(description="Frames a second as a fraction, 30000/1001; empty if the rate varies")
        ]
        average_rate: Annotated[float, Number(description="Frames a second on average")]
        codec: Annotated[str, Text(description="FFmpeg's name of the codec")]
        pixels: Annotated[str, Text(description="FFmpeg's name of the pixel format")]
        sound_rate: Annotated[int | None, Number(unit="Hz", description="Of the sound; empty if there is none")]
        sound_channels: Annotated[int | None, Number(description="Of the sound; empty if there is none")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Look at every packet, and decode none."""
        facts, found = args.video.facts, timing(args.video)
        return self.OutputArgs(
            width=facts.width,
            height=facts.height,
            frames=found.frames,
            seconds=float(found.seconds),
            rate=None if found.rate is None else str(found.rate),
            average_rate=float(found.frames / found.seconds) if found.seconds else 0.0,
            codec=facts.codec,
            pixels=facts.pixels,
            sound_rate=None if facts.sound is None else facts.sound.rate,
            sound_channels=None if facts.sound is None else facts.sound.channels,
        )


class VideoThumbnails(Node):
    """Take a few small pictures from a video, evenly spaced in time."""

    class InputArgs(BaseArgs):
        """The video, how many and how large."""

        video: Annotated[VideoClip, Placeholder(description="Any video")]
        count: Annotated[int, Number(min=1, max=100, step=1, description="How many pictures")] = 6
        width: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="At most")] = 160
        height: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="At most")] = 160

    class OutputArgs(BaseArgs):
        """The pictures."""

        pictures: Annotated[list[AnyImage], Placeholder(description="In the order of time; RGB uint8")]
        times: Annotated[list[float], Placeholder(description="Seconds from the first frame, for each")]
        strip: Annotated[AnyImage, Placeholder(description="All of them side by side")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Decode the few frames."""
        frames = thumbnails(args.video, args.count, (args.width, args.height))
        pictures = [frame.pixels for frame in frames]
        return self.OutputArgs(
            pictures=pictures, times=[float(frame.time) for frame in frames], strip=side_by_side(pictures)
        )
