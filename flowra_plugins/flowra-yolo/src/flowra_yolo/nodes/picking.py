"""Choosing among detections, and making masks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Placeholder, Slider
from flowra.type.value_type import Detections, Mask

if TYPE_CHECKING:
    from flowra.dag.context import RunContext

__all__ = ["Filter", "Masks"]


class Filter(Node):
    """Keep the detections that are sure enough, large enough and of the right class."""

    class InputArgs(BaseArgs):
        """The detections, and which of them to keep."""

        detections: Annotated[Detections, Placeholder(description="What was found")]
        confidence: Annotated[float, Slider(min=0, max=1, step=0.01, description="Leave out what is less sure")] = 0.0
        classes: Annotated[list[str], Placeholder(description="Names of the classes to keep; empty for all")] = []  # noqa: RUF012 - each call gets a copy
        min_area: Annotated[
            float, Slider(min=0, max=1, step=0.001, description="Least area of a box, as a share of the picture's")
        ] = 0.0
        max_area: Annotated[
            float, Slider(min=0, max=1, step=0.001, description="Largest area of a box, as a share of the picture's")
        ] = 1.0

    class OutputArgs(BaseArgs):
        """What is left."""

        detections: Annotated[Detections, Placeholder(description="In their order")]
        count: Annotated[int, Number(description="How many")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Pick."""
        found = args.detections
        width, height = found.image_size
        area = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1) / max(width * height, 1)
        keep = (found.scores >= args.confidence) & (area >= args.min_area) & (area <= args.max_area)
        if args.classes:
            keep &= np.array([name in args.classes for name in found.names()], bool)
        picked = found.select(np.flatnonzero(keep))
        return self.OutputArgs(detections=picked, count=len(picked))


class Masks(Node):
    """Make masks of detections: of each object one, and one of all; from boxes where the model gives no masks."""

    class InputArgs(BaseArgs):
        """The detections."""

        detections: Annotated[Detections, Placeholder(description="What was found")]

    class OutputArgs(BaseArgs):
        """The masks, of the picture's size."""

        masks: Annotated[list[Mask], Placeholder(description="One for each detection, in their order")]
        joint: Annotated[Mask, Placeholder(description="The pixels that belong to any of them")]

    def run(self, context: RunContext, args: InputArgs) -> OutputArgs:
        """Make the masks."""
        found = args.detections
        width, height = found.image_size
        joint = np.zeros((height, width), np.bool_)
        masks = []
        for index in range(len(found)):
            if found.masks is not None:
                mask = found.mask(index)
            else:
                left, top, right, bottom = found.pixel_box(index)
                mask = np.zeros((height, width), np.bool_)
                mask[top:bottom, left:right] = True
            joint |= mask
            masks.append(mask)
        return self.OutputArgs(masks=masks, joint=joint)
