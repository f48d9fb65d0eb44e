"""Size, place and direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, Number, Placeholder, Select, Switch
from flowra.type.value_type import AnyImage
from flowra_image.geometry import Filter, Fit, Outside, crop, flip, resize, rotate
from flowra_image.pixels import color_of

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Crop", "Flip", "Resize", "Rotate"]

_PICTURE = "Any picture: H×W, H×W×3 or H×W×4; uint8, uint16 or float32"
_MAX_SIDE = 1_000_000


class Resize(Node):
    """Make a picture larger or smaller; mode and dtype stay.

    Give width, height or both, or a scale. Hidden colours of transparent pixels don't bleed into visible ones.
    """

    libraries = ("opencv-python-headless", "pillow")

    class InputArgs(BaseArgs):
        """The picture and its new size."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        width: Annotated[
            int | None,
            Number(min=1, max=_MAX_SIDE, step=1, unit="px", description="New width; empty follows the height"),
        ] = None
        height: Annotated[
            int | None,
            Number(min=1, max=_MAX_SIDE, step=1, unit="px", description="New height; empty follows the width"),
        ] = None
        scale: Annotated[
            float | None, Number(min=0.0001, max=1000, step=0.1, description="A factor, instead of width and height")
        ] = None
        fit: Annotated[
            Fit,
            Select(
                choices=("contain", "cover", "pad", "stretch"),
                labels=(
                    "whole, inside the box",
                    "fill the box, cut the rest",
                    "whole, with bars",
                    "stretch to the box",
                ),
                description="How a picture of other proportions fits width × height",
            ),
        ] = "contain"
        filter: Annotated[
            Filter, Select(description="auto: area where it shrinks, bicubic where it grows", advanced=True)
        ] = "auto"
        background: Annotated[str, Color(description="Colour of the bars of pad")] = "#000000"

    class OutputArgs(BaseArgs):
        """The picture in its new size."""

        image: Annotated[AnyImage, Placeholder(description="Resized, in its mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Resize the picture."""
        return self.OutputArgs(
            image=resize(
                args.image,
                args.width,
                args.height,
                args.scale,
                fit=args.fit,
                filter=args.filter,
                background=color_of(args.background),
            )
        )


class Crop(Node):
    """Cut a rectangle out of a picture; mode and dtype stay."""

    class InputArgs(BaseArgs):
        """The picture and the rectangle."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        x: Annotated[
            int, Number(min=-_MAX_SIDE, max=_MAX_SIDE, step=1, unit="px", description="Left edge, from the left")
        ] = 0
        y: Annotated[
            int, Number(min=-_MAX_SIDE, max=_MAX_SIDE, step=1, unit="px", description="Upper edge, from the top")
        ] = 0
        width: Annotated[int, Number(min=1, max=_MAX_SIDE, step=1, unit="px", description="Width of the rectangle")]
        height: Annotated[int, Number(min=1, max=_MAX_SIDE, step=1, unit="px", description="Height of the rectangle")]
        outside: Annotated[
            Outside,
            Select(
                labels=("refuse", "take what lies inside", "fill with a colour"),
                description="Where the rectangle reaches beyond the picture",
            ),
        ] = "refuse"
        background: Annotated[str, Color(description="Fills what lies outside, with pad")] = "#000000"

    class OutputArgs(BaseArgs):
        """The part."""

        image: Annotated[AnyImage, Placeholder(description="The part, in the picture's mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Cut the rectangle."""
        return self.OutputArgs(
            image=crop(
                args.image,
                args.x,
                args.y,
                args.width,
                args.height,
                outside=args.outside,
                background=color_of(args.background),
            )
        )


class Rotate(Node):
    """Turn a picture around its centre; mode and dtype stay. Multiples of 90 degrees lose nothing."""

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and the angle."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        angle: Annotated[
            float, Number(min=-360, max=360, step=90, unit="°", description="Counter-clockwise, in degrees")
        ] = 90.0
        expand: Annotated[bool, Switch(description="Grow the picture so that nothing is cut off")] = True
        background: Annotated[str, Color(description="Colour of the corners; #rrggbb00 leaves RGBA transparent")] = (
            "#00000000"
        )
        smooth: Annotated[bool, Switch(description="Interpolate (bicubic); off takes the nearest pixel")] = True

    class OutputArgs(BaseArgs):
        """The turned picture."""

        image: Annotated[AnyImage, Placeholder(description="Turned, in its mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Turn the picture."""
        turned = rotate(
            args.image, args.angle, expand=args.expand, background=color_of(args.background), smooth=args.smooth
        )
        return self.OutputArgs(image=turned)


class Flip(Node):
    """Mirror a picture; mode and dtype stay."""

    class InputArgs(BaseArgs):
        """The picture and the direction."""

        image: Annotated[AnyImage, Placeholder(description=_PICTURE)]
        direction: Annotated[
            Literal["horizontal", "vertical", "both"],
            Select(labels=("left and right", "top and bottom", "both"), description="What changes places"),
        ] = "horizontal"

    class OutputArgs(BaseArgs):
        """The mirrored picture."""

        image: Annotated[AnyImage, Placeholder(description="Mirrored, in its mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Mirror the picture."""
        return self.OutputArgs(image=flip(args.image, args.direction))
