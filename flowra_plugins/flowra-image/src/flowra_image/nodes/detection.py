"""Finding things, and showing what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Color, FilePicker, Number, Placeholder, Slider, Switch
from flowra.type.value_type import AnyImage, Detections
from flowra_image.drawing import Shown, draw_boxes
from flowra_image.pixels import color_of, describe, size_of

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["DetectFaces", "DrawBoxes"]


class DetectFaces(Node):
    """Find the faces in a picture: upright ones, seen from the front.

    The detector is the trained cascade of local binary patterns that comes with scikit-image; nothing is downloaded.
    It looks at windows of many sizes, and where some look like a face, it looks at all windows around, in the picture
    and in its mirror image. A score is n / (n + 25), where n of those windows agree: 0.5 for 25 of them. It orders
    faces by how sure they are; it is no probability. Faces from the side, turned by more than about 15 degrees, partly
    covered or smaller than 24 pixels are missed; patterns may pass for a face. Of two boxes that lie in each other the
    surer one is given.
    """

    libraries = ("opencv-python-headless", "scikit-image")
    thread_safe = True

    class InputArgs(BaseArgs):
        """The picture and what counts as a face."""

        image: Annotated[AnyImage, Placeholder(description="Any picture")]
        min_score: Annotated[
            float, Slider(min=0.05, max=0.95, step=0.05, description="Leave out faces that are less sure")
        ] = 0.5
        min_face: Annotated[
            float,
            Number(
                min=0.01,
                description="Smallest face: up to 1 a share of the picture's longer side, above 1 pixels. Half of it "
                "takes up to 4 times as long",
            ),
        ] = 0.05
        max_face: Annotated[
            float,
            Number(min=0.01, description="Largest face: up to 1 a share of the picture's longer side, above 1 pixels"),
        ] = 1.0
        scale_factor: Annotated[
            float,
            Number(
                min=1.02,
                max=2,
                step=0.02,
                advanced=True,
                description="How much larger each size of window is than the one before; less is more thorough",
            ),
        ] = 1.2
        step: Annotated[
            int,
            Number(
                min=1,
                max=6,
                step=1,
                advanced=True,
                description="From one window to the next, in 24ths of its size; less is more thorough",
            ),
        ] = 2
        merge: Annotated[
            float,
            Slider(
                min=0.1,
                max=0.9,
                step=0.05,
                advanced=True,
                description="Windows show the same face if they overlap by this, shared area over joint area",
            ),
        ] = 0.3
        longest_side: Annotated[
            int,
            Number(
                min=64,
                max=8192,
                step=32,
                unit="px",
                advanced=True,
                description="Search larger pictures in this size; faces below 24 pixels there are not found",
            ),
        ] = 1280

    class OutputArgs(BaseArgs):
        """The faces."""

        faces: Annotated[Detections, Placeholder(description="One box a face, class `face`, the surest first")]
        count: Annotated[int, Number(description="How many faces")]

    def init(self, context: RunContext, args: BaseArgs) -> None:
        """Load the cascade."""
        # scikit-image takes half a second to import, so nothing but this may need it.
        from flowra_image.faces import FaceDetector

        self.detector = FaceDetector()

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Find the faces."""
        from flowra_image.faces.detector import Search

        search = Search(
            min_face=args.min_face,
            max_face=args.max_face,
            scale_factor=args.scale_factor,
            step=args.step,
            merge=args.merge,
            longest_side=args.longest_side,
        )
        found = self.detector.find(args.image, search, min_score=args.min_score, each=context.check_cancelled)
        size = size_of(args.image)
        asked = args.min_face if args.min_face > 1 else args.min_face * max(size)
        if found.smallest > asked:
            context.log(f"faces smaller than {found.smallest:.0f} px can't be found in {describe(args.image)}")
        faces = Detections(
            boxes=found.boxes,
            scores=found.scores,
            class_ids=np.zeros(len(found.boxes), dtype=np.int64),
            class_names=("face",),
            image_size=size,
        )
        return self.OutputArgs(faces=faces, count=len(faces))


class DrawBoxes(Node):
    """Draw detections on a picture: a box and a label each, one colour a class; masks and keypoints."""

    libraries = ("pillow",)

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
        boxes: Annotated[bool, Switch(description="Draw the boxes")] = True
        masks: Annotated[
            float,
            Slider(min=0, max=1, step=0.05, description="Cover the pixels that belong to an object, 0 for not at all"),
        ] = 0.45
        keypoints: Annotated[
            bool, Switch(description="Draw keypoints of at least 0.3; those of a person are joined as a body")
        ] = True
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
                shown=Shown(args.boxes, args.labels, args.scores, args.masks, args.keypoints),
                font=args.font,
                font_size=args.font_size,
            )
        )
