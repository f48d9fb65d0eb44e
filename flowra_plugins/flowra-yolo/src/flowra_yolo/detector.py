"""A detector: pictures in, detections out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowra_yolo.errors import YoloError
from flowra_yolo.letterbox import Letterbox
from flowra_yolo.reading import Limits, read_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowra.type.detections import Detections
    from flowra_yolo.network import Network

__all__ = ["Detector"]


class Detector:
    """Finds things in pictures with a YOLO model.

    Args:
        network: The model.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    def find(self, image: NDArray[np.uint8], limits: Limits) -> Detections:
        """Return what is in a picture of shape (height, width, 3), RGB; the surest first."""
        return self.find_in_all([image], [limits])[0]

    def find_in_all(self, images: Sequence[NDArray[np.uint8]], limits: Sequence[Limits]) -> list[Detections]:
        """Return what is in each of some pictures of any sizes, which pass through the model together."""
        width, height = self.network.input_size
        canvases = np.empty((len(images), height, width, 3), np.uint8)
        boxes = [Letterbox((image.shape[1], image.shape[0]), self.network.input_size) for image in images]
        for image, canvas, letterbox in zip(images, canvases, boxes, strict=True):
            letterbox.lay_in(image, canvas)
        outputs = self.network.run(canvases)
        return [
            read_outputs([output[index] for output in outputs], self.network.facts, letterbox, limits[index])
            for index, letterbox in enumerate(boxes)
        ]

    def class_ids(self, names: Iterable[str]) -> frozenset[int]:
        """Return the indexes of classes by their names.

        Raises:
            YoloError: The model knows no such class.
        """
        known = self.network.facts.class_names
        wanted = list(names)
        for name in wanted:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise YoloError(
                    f"the model knows no class {name!r}",
                    why=f"its classes: {', '.join(known)}",
                    fix=f"did you mean {near[0]!r}?" if near else "take one of them",
                )
        return frozenset(known.index(name) for name in wanted)
