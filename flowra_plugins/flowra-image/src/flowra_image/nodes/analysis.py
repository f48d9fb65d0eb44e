"""Numbers about pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder
from flowra.type.value_type import AnyImage, Tensor
from flowra_image.measuring import compare, draw_histogram, histogram

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Compare", "Histogram"]


class Histogram(Node):
    """Count how many pixels have which brightness, channel by channel, and draw it."""

    class InputArgs(BaseArgs):
        """The picture and how finely it is counted."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        bins: Annotated[
            int, Number(min=2, max=65536, step=1, description="Equal parts of 0..full brightness that are counted")
        ] = 256

    class OutputArgs(BaseArgs):
        """The counts."""

        counts: Placeholder(  # type: ignore[valid-type]  # the shape can't be said to a type checker
            value_type=Tensor(shape=(None, None), dtype="int64"),
            description="Channels × bins: pixels in each part; channels in the order grey, or red, green, blue, alpha",
        )
        picture: Annotated[AnyImage, Placeholder(description="The counts drawn: 256×512×3, uint8")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Count and draw."""
        counts = histogram(args.image, args.bins)
        return self.OutputArgs(counts=counts, picture=draw_histogram(counts))


class Compare(Node):
    """Measure how far two pictures of the same size differ.

    Where their modes differ they are compared in the richer one; brightness counts as 0..1 whatever the dtype.
    """

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The two pictures."""

        first: Annotated[AnyImage, Placeholder(description="Any picture")]
        second: Annotated[AnyImage, Placeholder(description="A picture as wide and as high")]

    class OutputArgs(BaseArgs):
        """The measures."""

        mse: Annotated[float, Number(description="Mean of the squared differences, 0..1; 0 for the same")]
        psnr: Annotated[float | None, Number(unit="dB", description="Peak signal-to-noise ratio; empty for the same")]
        ssim: Annotated[
            float | None, Number(description="Structural similarity, -1..1; 1 for the same; empty below 11×11 pixels")
        ]
        largest: Annotated[float, Number(description="The largest difference of a channel, 0..1")]
        difference: Annotated[AnyImage, Placeholder(description="Absolute differences, in the first picture's dtype")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Compare the pictures."""
        found = compare(args.first, args.second)
        return self.OutputArgs(
            mse=found.mse, psnr=found.psnr, ssim=found.ssim, largest=found.largest, difference=found.picture
        )
