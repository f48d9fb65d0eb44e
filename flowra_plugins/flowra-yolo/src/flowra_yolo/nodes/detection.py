"""Finding things with a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import ModelFile, Number, Placeholder, Select, Slider, Switch
from flowra.type.value_type import AnyImage, Detections, Image

if TYPE_CHECKING:
    from flowra.dag.context import RunContext
    from flowra_yolo.reading import Limits

__all__ = ["Detect"]


class Detect(Node):
    """Find things in a picture with a YOLO model in ONNX: boxes, and masks or keypoints where the model gives them.

    The model says itself what it is for, which classes it knows and how large its input is. Pictures of any size are
    scaled to it, and what is found is told in their own pixels.
    """

    libraries = ("onnxruntime", "opencv-python-headless")
    thread_safe = True
    batch_size = 8

    class InitArgs(BaseArgs):
        """The model, and what runs it."""

        model: Annotated[
            Path,
            ModelFile(description="YOLOv5, v8 or later in ONNX: a file, or HUB://ORG/NAME@REVISION#FILE"),
        ]
        device: Annotated[
            Literal["auto", "cpu", "cuda", "rocm"],
            Select(description="What computes; auto takes a GPU where onnxruntime has one"),
        ] = "auto"
        threads: Annotated[
            int, Number(min=0, max=256, step=1, advanced=True, description="For one call on the CPU; 0 for all cores")
        ] = 0
        size: Annotated[
            int,
            Number(
                min=0,
                max=8192,
                step=32,
                unit="px",
                advanced=True,
                description="Side of the input, for models that leave it open; 0 for the model's own",
            ),
        ] = 0

    class InputArgs(BaseArgs):
        """The picture, and what counts."""

        image: Annotated[AnyImage, Placeholder(value_type=Image(mode="RGB", dtype="uint8"), description="Any picture")]
        confidence: Annotated[float, Slider(min=0, max=1, step=0.01, description="Leave out what is less sure")] = 0.25
        iou: Annotated[
            float,
            Slider(
                min=0,
                max=1,
                step=0.01,
                description="Of two boxes of a class that overlap by more, shared area over joint area, keep the surer",
            ),
        ] = 0.5
        classes: Annotated[
            list[str], Placeholder(description="Names of the classes that are wanted; empty for all")
        ] = []  # noqa: RUF012 - each call gets a copy
        agnostic: Annotated[
            bool, Switch(advanced=True, description="Boxes of different classes suppress each other too")
        ] = False
        most: Annotated[int, Number(min=1, max=5000, step=1, advanced=True, description="Keep so many, the surest")] = (
            300
        )

    class OutputArgs(BaseArgs):
        """What was found."""

        detections: Annotated[Detections, Placeholder(description="The surest first")]
        count: Annotated[int, Number(description="How many")]

    def init(self, context: RunContext, args: InitArgs) -> None:
        """Load the model."""
        from flowra_yolo.detector import Detector
        from flowra_yolo.network import Network

        network = Network(args.model, device=args.device, threads=args.threads, size=args.size)
        self.detector = Detector(network)

    def run_batch(self, context: RunContext, args: Sequence[InputArgs]) -> list[OutputArgs]:
        """Find what is in some pictures, which pass through the model together."""
        found = self.detector.find_in_all([each.image for each in args], [self._limits(each) for each in args])
        return [self.OutputArgs(detections=each, count=len(each)) for each in found]

    def _limits(self, args: InputArgs) -> Limits:
        from flowra_yolo.reading import Limits

        return Limits(
            confidence=args.confidence,
            iou=args.iou,
            classes=self.detector.class_ids(args.classes),
            agnostic=args.agnostic,
            most=args.most,
        )
