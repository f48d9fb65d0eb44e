"""Blur, sharpen, outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder, Select, Slider
from flowra.type.value_type import AnyImage, Mask
from flowra_image.filtering import BlurMethod, blur, sharpen
from flowra_image.pixels import from_unit
from flowra_image.segmenting import EdgeMethod, canny, gradient, mask_to_picture

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Blur", "Edges", "Sharpen"]


class Blur(Node):
    """Soften a picture; size, mode and dtype stay.

    `gaussian` is the natural blur, `box` the plain average, `median` removes specks and keeps edges. The median of
    16-bit and float pictures takes seconds a megapixel when the radius is above 2.
    """

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and how soft it gets."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        radius: Annotated[
            float,
            Number(
                min=0, max=500, step=0.5, unit="px", description="Standard deviation; half the window of box and median"
            ),
        ] = 2.0
        method: Annotated[BlurMethod, Select(description="Kind of blur")] = "gaussian"

    class OutputArgs(BaseArgs):
        """The soft picture."""

        image: Annotated[AnyImage, Placeholder(description="Softened, in its mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Blur the picture."""
        return self.OutputArgs(image=blur(args.image, args.radius, args.method))


class Sharpen(Node):
    """Strengthen the edges of a picture by an unsharp mask; size, mode, dtype and alpha stay."""

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and how sharp it gets."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        amount: Annotated[float, Slider(min=0, max=5, step=0.1, description="How much detail is added")] = 1.0
        radius: Annotated[float, Number(min=0.1, max=100, step=0.1, unit="px", description="Size of the detail")] = 1.5
        threshold: Annotated[
            float, Slider(min=0, max=1, step=0.01, description="Weaker detail, such as noise, is left alone")
        ] = 0.0

    class OutputArgs(BaseArgs):
        """The sharp picture."""

        image: Annotated[AnyImage, Placeholder(description="Sharpened, in its mode and dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Sharpen the picture."""
        return self.OutputArgs(image=sharpen(args.image, args.amount, args.radius, args.threshold))


class Edges(Node):
    """Find the outlines in a picture.

    `canny` gives lines one pixel wide, `sobel` how steep the brightness is. Steepness is a number in 0..1, where 1 is
    a step from black to white.
    """

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and what counts as an outline."""

        image: Annotated[AnyImage, Placeholder(description="Any picture; its brightness (luma) counts")]
        method: Annotated[EdgeMethod, Select(labels=("lines (Canny)", "steepness (Sobel)"), description="Kind")] = (
            "canny"
        )
        low: Annotated[float, Slider(min=0, max=1, step=0.01, description="Steepness that continues a line")] = 0.05
        high: Annotated[float, Slider(min=0, max=1, step=0.01, description="Steepness that begins a line")] = 0.15
        smooth: Annotated[
            float, Number(min=0, max=50, step=0.5, unit="px", description="Blur beforehand, against noise")
        ] = 1.0

    class OutputArgs(BaseArgs):
        """The outlines."""

        image: Annotated[AnyImage, Placeholder(description="Grey H×W in the picture's dtype: bright on dark ground")]
        mask: Annotated[Mask, Placeholder(description="H×W: the lines; with sobel, what is steeper than high")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Find the outlines."""
        dtype = str(args.image.dtype)
        if args.method == "canny":
            lines = canny(args.image, args.low, args.high, args.smooth)
            return self.OutputArgs(image=mask_to_picture(lines, dtype), mask=lines)
        steep = gradient(args.image, args.smooth)
        return self.OutputArgs(image=from_unit(steep, dtype), mask=steep > args.high)
