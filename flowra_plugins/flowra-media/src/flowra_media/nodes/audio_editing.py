"""What can be done to sound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder, Select
from flowra_media.audio.editing import concatenate, cut, mix, resample, scale, to_channels
from flowra_media.audio.loudness import integrated_loudness
from flowra_media.audio.waveform import HIGHEST_RATE, MOST_CHANNELS, Waveform
from flowra_media.errors import MediaError
from flowra_media.nodes.ports import Sound

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["ConcatenateAudio", "ConvertAudio", "CutAudio", "MixAudio", "NormalizeAudio", "ResampleAudio"]


class ConvertAudio(Node):
    """Change how many channels sound has: mix all to one, or copy one to several.

    Samples are float32 always; whole numbers are chosen where sound is saved (`depth` of `SaveAudio`).
    """

    class InputArgs(BaseArgs):
        """The sound, and what it becomes."""

        audio: Annotated[Waveform, Placeholder(description="Any sound")]
        channels: Annotated[int, Number(min=1, max=MOST_CHANNELS, step=1, description="1 mono, 2 stereo")] = 1

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Convert the sound."""
        return Sound(audio=to_channels(args.audio, args.channels))


class CutAudio(Node):
    """Take a part of a sound, exact to the sample."""

    class InputArgs(BaseArgs):
        """The sound, and which part."""

        audio: Annotated[Waveform, Placeholder(description="Any sound")]
        start: Annotated[float, Number(unit="s", description="Where the part begins; below 0 counts from the end")] = (
            0.0
        )
        end: Annotated[
            float | None, Number(unit="s", description="Where it ends; empty is the end; below 0 counts from it")
        ] = None

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Cut the sound."""
        return Sound(audio=cut(args.audio, args.start, args.end))


class ConcatenateAudio(Node):
    """Put sounds one after the other; they have one rate and as many channels."""

    class InputArgs(BaseArgs):
        """The sounds."""

        parts: Annotated[list[Waveform], Placeholder(description="At least one, in order")]
        crossfade: Annotated[
            float, Number(min=0, max=60, unit="s", description="How long each goes over into the next")
        ] = 0.0

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Join the sounds."""
        return Sound(audio=concatenate(args.parts, args.crossfade))


class MixAudio(Node):
    """Lay sounds over each other; they have one rate and as many channels."""

    class InputArgs(BaseArgs):
        """The sounds, how loud and from when."""

        parts: Annotated[list[Waveform], Placeholder(description="At least one")]
        gains: Annotated[
            list[float] | None, Placeholder(description="Decibels for each; empty leaves them as they are")
        ] = None
        offsets: Annotated[list[float] | None, Placeholder(description="Seconds at which each begins; empty is 0")] = (
            None
        )

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Mix the sounds."""
        return Sound(audio=mix(args.parts, args.gains or (), args.offsets or ()))


class ResampleAudio(Node):
    """Change the rate of sound, with a filter that leaves no aliases above -120 dB."""

    libraries = ("scipy",)

    class InputArgs(BaseArgs):
        """The sound, and its new rate."""

        audio: Annotated[Waveform, Placeholder(description="Any sound")]
        rate: Annotated[int, Number(min=1, max=HIGHEST_RATE, step=1, unit="Hz", description="Samples a second")] = 48000

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Resample the sound."""
        return Sound(audio=resample(args.audio, args.rate))


class NormalizeAudio(Node):
    """Make sound as loud as a target: its peak, or its loudness after ITU-R BS.1770-5."""

    class InputArgs(BaseArgs):
        """The sound, and the target."""

        audio: Annotated[Waveform, Placeholder(description="Any sound that is not silent")]
        measure: Annotated[
            Literal["peak", "loudness"], Select(description="peak: largest sample, in dB of full scale; loudness: LUFS")
        ] = "peak"
        target: Annotated[
            float, Number(min=-70, max=0, unit="dB", description="-1 is usual for peaks, -23 (EBU) or -14 for loudness")
        ] = -1.0

    class OutputArgs(BaseArgs):
        """The sound, and what was done."""

        audio: Annotated[Waveform, Placeholder(description="The sound, louder or softer")]
        gain: Annotated[float, Number(unit="dB", description="By how much it was made louder; below 0 softer")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Measure, and scale."""
        audio = args.audio
        if args.measure == "peak":
            now = 20 * math.log10(audio.peak) if audio.peak else None
        else:
            now = integrated_loudness(audio)
        if now is None:
            raise MediaError(
                f"the sound has no {args.measure} to go by",
                why="it is silent" if audio.length else "it is empty",
                fix="leave silence out; loudness needs at least 0.4 s above -70 LUFS",
            )
        gain = args.target - now
        return self.OutputArgs(audio=scale(audio, gain), gain=gain)
