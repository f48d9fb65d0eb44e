"""Sound in and out, measured and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import FilePicker, Number, Placeholder, Select, Slider, Switch
from flowra.type.value_type import AnyImage, File
from flowra_media.audio.drawing import spectrogram
from flowra_media.audio.loudness import integrated_loudness
from flowra_media.audio.reading import MAX_MEGABYTES, load_audio
from flowra_media.audio.waveform import Waveform
from flowra_media.audio.writing import save_audio
from flowra_media.nodes.ports import Sound
from flowra_media.types.audio import AudioHandler

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["InspectAudio", "LoadAudio", "SaveAudio", "Spectrogram"]


class LoadAudio(Node):
    """Read sound from a file.

    WAV, FLAC, OGG, Opus, MP3, AIFF and whatever else libsndfile reads; with `flowra-media[video]` also M4A, WMA and the
    sound of videos. Samples come as float32 in -1..1, exactly so for up to 24 bits.
    """

    libraries = ("soundfile",)

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[Path, FilePicker(value_type=File(), description="Path of the sound file")]
        max_megabytes: Annotated[
            float, Number(min=0.001, unit="MB", advanced=True, description="Refuse what takes more when it is decoded")
        ] = MAX_MEGABYTES

    OutputArgs = Sound

    def run(self, context: RunContext, args: InputArgs) -> Sound:
        """Read the file."""
        return Sound(audio=load_audio(args.path, max_megabytes=args.max_megabytes))


class SaveAudio(Node):
    """Write sound to a file, whole or not at all.

    Samples beyond full scale are clipped by formats of whole numbers and by lossy ones; the log says how many.
    """

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, where and how."""

        audio: Annotated[Waveform, Placeholder(description="Any sound")]
        path: Annotated[
            Path,
            FilePicker(
                value_type=File(exists=False), description="Where to; a relative path starts at the output folder"
            ),
        ] = Path("sound.wav")
        format: Annotated[
            Literal["auto", "wav", "flac", "ogg", "opus", "mp3", "m4a"],
            Select(description="File format; auto takes it from the ending of the path; m4a needs flowra-media[video]"),
        ] = "auto"
        depth: Annotated[
            Literal["auto", "int16", "int24", "int32", "float32"],
            Select(description="Of WAV (all) and FLAC (int16, int24); auto is int16"),
        ] = "auto"
        quality: Annotated[int, Slider(min=1, max=100, step=1, description="Of OGG, Opus, MP3 and M4A")] = 80
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = context.output_dir / args.path
        clipped = save_audio(
            args.audio, path, format=args.format, depth=args.depth, quality=args.quality, overwrite=args.overwrite
        )
        if clipped:
            context.log(f"{clipped:,} samples were beyond full scale and are clipped in {path}", "warning")
        context.log(f"saved {AudioHandler().summarize(args.audio)} to {path}")
        return self.OutputArgs(path=path)


class InspectAudio(Node):
    """Measure sound: how long, how loud."""

    class InputArgs(BaseArgs):
        """What is measured."""

        audio: Annotated[Waveform, Placeholder(description="Any sound")]

    class OutputArgs(BaseArgs):
        """The measures."""

        seconds: Annotated[float, Number(unit="s", description="How long it lasts")]
        rate: Annotated[int, Number(unit="Hz", description="Samples a second")]
        channels: Annotated[int, Number(description="How many channels")]
        samples: Annotated[int, Number(description="How many samples each channel has")]
        peak: Annotated[float, Number(description="The largest distance of a sample from 0; full scale is 1")]
        rms: Annotated[float, Number(description="Root of the mean square of all samples")]
        loudness: Annotated[
            float | None,
            Number(
                unit="LUFS",
                description="Integrated loudness (ITU-R BS.1770-5); empty for silence and for less than 0.4 s",
            ),
        ]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Measure the sound."""
        audio = args.audio
        squares = sum(float((channel.astype(float) ** 2).sum()) for channel in audio.samples)
        return self.OutputArgs(
            seconds=audio.seconds,
            rate=audio.rate,
            channels=audio.channels,
            samples=audio.length,
            peak=audio.peak,
            rms=(squares / max(audio.samples.size, 1)) ** 0.5,
            loudness=integrated_loudness(audio),
        )


class Spectrogram(Node):
    """Draw how strong each frequency is at each time."""

    class InputArgs(BaseArgs):
        """The sound, and how it is drawn."""

        audio: Annotated[Waveform, Placeholder(description="Any sound; its channels are mixed to one")]
        width: Annotated[int, Number(min=1, max=16384, step=1, unit="px", description="Of the picture")] = 800
        height: Annotated[int, Number(min=1, max=4096, step=1, unit="px", description="Of the picture")] = 256
        window: Annotated[int, Number(min=16, max=65536, step=1, description="Samples in a Fourier transform")] = 2048
        scale: Annotated[
            Literal["linear", "log"], Select(description="Of the frequencies: from 0 Hz, or from 20 Hz up")
        ] = "log"
        floor: Annotated[float, Number(min=-160, max=-1, unit="dB", description="What is drawn black")] = -90.0

    class OutputArgs(BaseArgs):
        """The picture."""

        picture: Annotated[
            AnyImage,
            Placeholder(description="Time runs right, frequency up to half the rate; RGB uint8, brighter is louder"),
        ]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw the spectrogram."""
        _, picture = spectrogram(
            args.audio,
            width=args.width,
            height=args.height,
            window=args.window,
            scale=args.scale,
            floor=args.floor,
        )
        return self.OutputArgs(picture=picture)
