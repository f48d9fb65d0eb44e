"""Pictures whose contents are known, and how good detections of them are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder
from flowra.type.value_type import AnyImage, Detections

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Evaluate", "Shapes"]


class Shapes(Node):
    """Draw a picture of circles, squares and triangles, and tell what it shows; each seed gives another."""

    libraries = ("opencv-python-headless",)

    class InputArgs(BaseArgs):
        """Which picture."""

        seed: Annotated[int, Number(min=0, max=2**31, step=1, description="Which picture")] = 0
        width: Annotated[int, Number(min=32, max=8192, step=1, unit="px", description="Of the picture")] = 640
        height: Annotated[int, Number(min=32, max=8192, step=1, unit="px", description="Of the picture")] = 480
        most: Annotated[int, Number(min=1, max=50, step=1, description="The most shapes")] = 6
        smallest: Annotated[float, Number(min=4, unit="px", description="The smallest diameter")] = 50
        largest: Annotated[float, Number(min=4, unit="px", description="The largest diameter")] = 260

    class OutputArgs(BaseArgs):
        """The picture, and the truth about it."""

        image: Annotated[AnyImage, Placeholder(description="RGB, uint8")]
        truth: Annotated[Detections, Placeholder(description="What it shows, each with the score 1")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw."""
        from flowra_yolo.errors import YoloError
        from flowra_yolo.shapes import draw_shapes

        if args.smallest > args.largest:
            raise YoloError(f"no diameter lies between {args.smallest:g} and {args.largest:g} pixels")
        image, truth = draw_shapes(
            args.seed, args.width, args.height, most=args.most, sizes=(args.smallest, args.largest)
        )
        return self.OutputArgs(image=image, truth=truth)


class Evaluate(Node):
    """Measure how good detections are, over one picture or many: average precision as COCO defines it."""

    class InputArgs(BaseArgs):
        """What was found, and what there is to find; of each picture one, in the same order."""

        detections: Annotated[list[Detections], Placeholder(description="What was found in each picture")]
        truth: Annotated[list[Detections], Placeholder(description="What each picture shows")]

    class OutputArgs(BaseArgs):
        """The figures, each in 0..1."""

        map50: Annotated[float, Number(description="Mean average precision at an overlap of 0.5")]
        map50_95: Annotated[float, Number(description="The same over the overlaps 0.50, 0.55, … 0.95")]
        precision: Annotated[float, Number(description="Share of the detections that are right, at an overlap of 0.5")]
        recall: Annotated[float, Number(description="Share of the objects that are found, at an overlap of 0.5")]
        by_class: Annotated[dict[str, float], Placeholder(description="Average precision at 0.5 of each class")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Compare."""
        from flowra_yolo.metrics import evaluate

        scores = evaluate(args.detections, args.truth)
        return self.OutputArgs(
            map50=scores.map50,
            map50_95=scores.map50_95,
            precision=scores.precision,
            recall=scores.recall,
            by_class=scores.by_class,
        )
