"""Finding things, and showing what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, FilePicker, Number, Placeholder, Slider, Switch
from flowra.type.value_type import AnyImage, Detections, Tensor
from flowra_image.drawing import draw_boxes
from flowra_image.faces import FaceDetector
from flowra_image.pixels import color_of, size_of

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["DetectFaces", "DrawBoxes"]


class DetectFaces(Node):
    """Find the faces in a picture.

    The detector is YuNet (Wu, Peng, Yu 2023), trained on the WIDER FACE photographs; its weights come with this pack
    (BSD licence), nothing is downloaded. It finds upright faces from the front and from the side.
    """

    class InputArgs(BaseArgs):
        """The picture and what counts as a face."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        min_score: Annotated[
            float, Slider(min=0.05, max=1, step=0.05, description="Leave out faces that are less sure")
        ] = 0.7
        longest_side: Annotated[
            int,
            Number(
                min=64,
                max=8192,
                step=32,
                unit="px",
                advanced=True,
                description="Look at larger pictures in this size; more finds smaller faces and takes longer",
            ),
        ] = 640

    class OutputArgs(BaseArgs):
        """The faces."""

        faces: Annotated[Detections, Placeholder(description="One box a face, class `face`, the surest first")]
        landmarks: Placeholder(  # type: ignore[valid-type]  # the shape can't be said to a type checker
            value_type=Tensor(shape=(None, 5, 2), dtype="float32"),
            description="Faces × 5 × (x, y) in pixels: eyes, nose, corners of the mouth, left in the picture first",
        )
        count: Annotated[int, Number(description="How many faces")]

    def init(self, context: RunContext, args: BaseArgs) -> None:
        """Load the network."""
        self.detector = FaceDetector()

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Find the faces."""
        found = self.detector.find(args.image, min_score=args.min_score, longest_side=args.longest_side)
        faces = Detections(
            boxes=found.boxes,
            scores=found.scores,
            class_ids=np.zeros(len(found.boxes), dtype=np.int64),
            class_names=("face",),
            image_size=size_of(args.image),
        )
        return self.OutputArgs(faces=faces, landmarks=found.points, count=len(faces))


class DrawBoxes(Node):
    """Draw detections on a picture: a box and a label each, one colour a class."""

    class InputArgs(BaseArgs):
        """The picture, the detections, and how they look."""

        image: Annotated[AnyImage, Placeholder(description="Any picture; boxes found in another size of it are scaled")]
        detections: Annotated[Detections, Placeholder(description="What to draw")]
        color: Annotated[str | None, Color(description="One colour for all; empty for one a class")] = None
        line_width: Annotated[
            int, Number(min=0, max=100, step=1, unit="px", description="0 for one that suits the picture's size")
        ] = 0
        labels: Annotated[bool, Switch(description="Write the class's name at the box")] = True
        scores: Annotated[bool, Switch(description="Write the score at the box")] = True
        font: Annotated[
            Path | None,
            FilePicker(
                advanced=True, description="TrueType font for names beyond Latin letters; empty for the built-in"
            ),
        ] = None
        font_size: Annotated[
            int,
            Number(
                min=0, max=500, step=1, unit="px", advanced=True, description="0 for one that suits the picture's size"
            ),
        ] = 0

    class OutputArgs(BaseArgs):
        """The picture with the boxes."""

        image: Annotated[AnyImage, Placeholder(description="In the picture's dtype; grey pictures become RGB")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Draw the boxes."""
        return self.OutputArgs(
            image=draw_boxes(
                args.image,
                args.detections,
                color=None if args.color is None else color_of(args.color),
                line_width=args.line_width,
                labels=args.labels,
                scores=args.scores,
                font=args.font,
                font_size=args.font_size,
            )
        )
