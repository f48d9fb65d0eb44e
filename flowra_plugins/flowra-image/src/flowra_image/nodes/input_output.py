"""Pictures in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, FilePicker, Number, Placeholder, Select, Slider, Switch, Text
from flowra.type.value_type import AnyImage, File
from flowra_image.fetching import fetch
from flowra_image.pixels import color_of, describe
from flowra_image.reading import MAX_MEGAPIXELS, decode, load
from flowra_image.writing import save

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Decode", "Load", "Save", "Show"]

_PICTURE = "Picture H×W, H×W×3 or H×W×4 (straight alpha); uint8, uint16 or float32"
_LIMIT = "Refuse pictures with more millions of pixels, before they are decoded"


class Load(Node):
    """Read a picture from a file or an address.

    What the file holds is told from its bytes: PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF and whatever else Pillow reads.
    The picture comes upright (EXIF orientation applied) and in sRGB (an embedded colour profile applied). 8 and 16 bit
    are kept as uint8 and uint16, floating-point TIFFs in 0..1 as float32; palettes become RGB or RGBA, CMYK becomes
    RGB; of an animation the first frame is read.

    A file counts by its contents: the same picture is not read again. An address is fetched each time, since what lies
    there may change; what follows runs again only where the picture is another.
    """

    libraries = ("opencv-python-headless", "pillow")

    class InputArgs(BaseArgs):
        """What is read."""

        path: Annotated[
            Path | str,
            FilePicker(value_type=File(url=True), description="Path of the picture, or an http(s) address"),
        ]
        max_megapixels: Annotated[float, Number(min=0.001, max=2000, unit="MP", advanced=True, description=_LIMIT)] = (
            MAX_MEGAPIXELS
        )
        max_megabytes: Annotated[
            float, Number(min=0.001, unit="MB", advanced=True, description="Largest file fetched from an address")
        ] = 100.0
        timeout: Annotated[
            float, Number(min=0.1, max=3600, unit="s", advanced=True, description="Time an address has to answer")
        ] = 30.0

    class OutputArgs(BaseArgs):
        """What was read."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Read the file, or fetch it first."""
        if isinstance(args.path, str):
            data = fetch(
                args.path,
                max_megabytes=args.max_megabytes,
                timeout=args.timeout,
                progress=lambda done, total: context.progress(done, total, "bytes") if total else None,
            )
            return self.OutputArgs(image=decode(data, source=args.path, max_megapixels=args.max_megapixels))
        return self.OutputArgs(image=load(args.path, max_megapixels=args.max_megapixels))


class Decode(Node):
    """Turn the bytes of a picture file into a picture.

    What is read, and how, is the same as with Load.
    """

    libraries = ("opencv-python-headless", "pillow")

    class InputArgs(BaseArgs):
        """What is decoded."""

        data: Annotated[bytes, Placeholder(description="A whole file: PNG, JPEG, WebP, TIFF …")]
        max_megapixels: Annotated[float, Number(min=0.001, max=2000, unit="MP", advanced=True, description=_LIMIT)] = (
            MAX_MEGAPIXELS
        )

    class OutputArgs(BaseArgs):
        """What was decoded."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Decode the bytes."""
        return self.OutputArgs(image=decode(args.data, max_megapixels=args.max_megapixels))


class Save(Node):
    """Write a picture to a file, whole or not at all.

    A format that can't hold the picture as it is refuses it and says what to do: JPEG and BMP hold no alpha, JPEG,
    WebP, AVIF and BMP hold 8 bits a channel, PNG 8 or 16, TIFF those and float32.
    """

    # The file is what it is run for: a result of an earlier run would leave it out.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is written, where and how."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        path: Annotated[
            Path,
            FilePicker(
                value_type=File(exists=False), description="Where to; a relative path starts at the output folder"
            ),
        ] = Path("picture.png")
        format: Annotated[
            Literal["auto", "png", "jpeg", "webp", "tiff", "bmp", "avif"],
            Select(description="File format; auto takes it from the ending of the path"),
        ] = "auto"
        quality: Annotated[
            int, Slider(min=1, max=100, step=1, description="Of JPEG, WebP and AVIF; 100 makes WebP lossless")
        ] = 90
        background: Annotated[
            str | None, Color(description="Flattens transparent pictures for formats without alpha; empty refuses them")
        ] = None
        overwrite: Annotated[bool, Switch(description="Replace a file that is there already")] = True

    class OutputArgs(BaseArgs):
        """Where it lies."""

        path: Annotated[Path, FilePicker(description="The file that was written")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Write the file."""
        path = save(
            args.image,
            context.output_dir / args.path,
            format=args.format,
            quality=args.quality,
            background=None if args.background is None else color_of(args.background),
            overwrite=args.overwrite,
        )
        context.log(f"saved {describe(args.image)} to {path}")
        return self.OutputArgs(path=path)


class Show(Node):
    """Show a picture to whoever watches the run, and pass it on."""

    # Whoever runs a graph again wants to see the picture again.
    effects = True
    idempotent = True

    class InputArgs(BaseArgs):
        """What is shown."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        title: Annotated[str, Text(max_length=200, description="A line above the picture")] = ""

    class OutputArgs(BaseArgs):
        """The same picture."""

        image: Annotated[AnyImage, Placeholder(description="The picture as it came")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Hand the picture to the run's watchers."""
        context.preview(args.image, args.title)
        return self.OutputArgs(image=args.image)
