"""Modes, depths, and pictures over pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, Placeholder, Select, Slider
from flowra.type.value_type import AnyImage, Mask
from flowra_image.blending import BlendMode, blend
from flowra_image.pixels import color_of, to_dtype, to_mode

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Blend", "Convert"]


class Convert(Node):
    """Change a picture's mode and depth.

    Grey is luma (ITU-R BT.601). Depths keep the brightness: 255 becomes 65535 or 1.0, rounded to the nearest value.
    """

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and what it is to be."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        mode: Annotated[
            Literal["keep", "L", "RGB", "RGBA"],
            Select(labels=("as it is", "grey", "colour", "colour and alpha"), description="Channels"),
        ] = "keep"
        dtype: Annotated[
            Literal["keep", "uint8", "uint16", "float32"],
            Select(labels=("as it is", "8 bit", "16 bit", "float 0..1"), description="Depth of a channel"),
        ] = "keep"
        background: Annotated[str, Color(description="Shows through where alpha is taken away")] = "#ffffff"

    class OutputArgs(BaseArgs):
        """The converted picture."""

        image: Annotated[AnyImage, Placeholder(description="In the mode and dtype asked for")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Convert the picture."""
        image = args.image
        # The deeper of the two depths is the one in which mixing with the background rounds least.
        if args.dtype != "keep" and args.dtype != "uint8":
            image = to_dtype(image, args.dtype)
        if args.mode != "keep":
            image = to_mode(image, args.mode, color_of(args.background))
        return self.OutputArgs(image=image if args.dtype == "keep" else to_dtype(image, args.dtype))


class Blend(Node):
    """Lay one picture over another of the same size.

    Modes and alpha follow the W3C's Compositing and Blending; colours mix as sRGB values. The result has the dtype of
    the base, is RGBA where the base has alpha, grey where both pictures are grey, else RGB.
    """

    class InputArgs(BaseArgs):
        """The two pictures and how they mix."""

        base: Annotated[AnyImage, Placeholder(description="The picture below")]
        top: Annotated[AnyImage, Placeholder(description="The picture above, as wide and as high")]
        mode: Annotated[BlendMode, Select(description="How colours mix")] = "normal"
        opacity: Annotated[float, Slider(min=0, max=1, step=0.05, description="How much of top counts")] = 1.0
        mask: Annotated[Mask | None, Placeholder(description="H×W: where top counts; everywhere if empty")] = None

    class OutputArgs(BaseArgs):
        """The mixture."""

        image: Annotated[AnyImage, Placeholder(description="The mixture, in the dtype of base")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Mix the pictures."""
        return self.OutputArgs(image=blend(args.base, args.top, args.mode, args.opacity, args.mask))
