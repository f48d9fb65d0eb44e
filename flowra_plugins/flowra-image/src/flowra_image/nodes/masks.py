"""Which pixels belong to something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, Number, Placeholder, Select, Slider, Switch
from flowra.type.value_type import AnyImage, Mask
from flowra_image.masking import MaskOperation, combine, cut_out, fill_outside, grow
from flowra_image.pixels import color_of
from flowra_image.segmenting import ThresholdMethod, above, mask_to_picture, otsu

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["ApplyMask", "CombineMasks", "GrowMask", "InvertMask", "Threshold"]


class Threshold(Node):
    """Make a picture black and white: white where it is brighter than a threshold."""

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The picture and the threshold."""

        image: Annotated[AnyImage, Placeholder(description="Any picture; its brightness (luma) counts")]
        threshold: Annotated[
            float, Slider(min=0, max=1, step=0.01, description="Of full brightness; not used with otsu")
        ] = 0.5
        method: Annotated[
            ThresholdMethod, Select(labels=("as given", "found (Otsu)"), description="Where the threshold comes from")
        ] = "fixed"
        invert: Annotated[bool, Switch(description="White where it is darker")] = False

    class OutputArgs(BaseArgs):
        """The two halves."""

        result: Annotated[AnyImage, Placeholder(description="Grey H×W in the picture's dtype: 0 and full brightness")]
        mask: Annotated[Mask, Placeholder(description="H×W: True where it is white")]
        threshold: Annotated[float, Number(description="The threshold that was used, 0..1 of full brightness")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Part the picture."""
        threshold = otsu(args.image) if args.method == "otsu" else args.threshold
        mask = above(args.image, threshold) ^ args.invert
        return self.OutputArgs(result=mask_to_picture(mask, str(args.image.dtype)), mask=mask, threshold=threshold)


class ApplyMask(Node):
    """Keep the part of a picture that a mask covers: cut it out, or lay a colour over the rest."""

    class InputArgs(BaseArgs):
        """The picture, the mask, and what becomes of the rest."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        mask: Annotated[Mask, Placeholder(description="H×W, as wide and as high as the picture: True is kept")]
        outside: Annotated[
            Literal["transparent", "color"], Select(description="What becomes of the rest; transparent gives RGBA")
        ] = "transparent"
        color: Annotated[str, Color(description="Laid over the rest; its alpha lets the picture shine through")] = (
            "#000000"
        )

    class OutputArgs(BaseArgs):
        """The part that is kept."""

        image: Annotated[AnyImage, Placeholder(description="RGBA with transparent, else the picture's mode")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Apply the mask."""
        if args.outside == "transparent":
            return self.OutputArgs(image=cut_out(args.image, args.mask))
        return self.OutputArgs(image=fill_outside(args.image, args.mask, color_of(args.color)))


class CombineMasks(Node):
    """Make one mask of two of the same size."""

    class InputArgs(BaseArgs):
        """The masks."""

        first: Annotated[Mask, Placeholder(description="H×W")]
        second: Annotated[Mask, Placeholder(description="H×W, as wide and as high as the first")]
        operation: Annotated[
            MaskOperation,
            Select(
                labels=("in both", "in either", "in just one", "in the first, not the second"),
                description="What belongs to the result",
            ),
        ] = "and"

    class OutputArgs(BaseArgs):
        """The one mask."""

        mask: Annotated[Mask, Placeholder(description="H×W")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Combine the masks."""
        return self.OutputArgs(mask=combine(args.first, args.second, args.operation))


class GrowMask(Node):
    """Make the regions of a mask larger or smaller by so many pixels all around."""

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """The mask and how far it grows."""

        mask: Annotated[Mask, Placeholder(description="H×W")]
        pixels: Annotated[
            int, Number(min=-10000, max=10000, step=1, unit="px", description="How far; negative shrinks")
        ] = 1

    class OutputArgs(BaseArgs):
        """The grown mask."""

        mask: Annotated[Mask, Placeholder(description="H×W")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Grow the mask."""
        return self.OutputArgs(mask=grow(args.mask, args.pixels))


class InvertMask(Node):
    """Swap the inside and the outside of a mask."""

    class InputArgs(BaseArgs):
        """The mask."""

        mask: Annotated[Mask, Placeholder(description="H×W")]

    class OutputArgs(BaseArgs):
        """Its opposite."""

        mask: Annotated[Mask, Placeholder(description="H×W: True where the other is False")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Invert the mask."""
        return self.OutputArgs(mask=~args.mask)
