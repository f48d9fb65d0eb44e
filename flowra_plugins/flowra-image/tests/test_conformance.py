"""The pack, and each value type that it handles, keeps the promises of all packs and types."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flowra.testing import PackSuite, ValueTypeSuite
from flowra.type.detections import Detections
from flowra.type.value.media import DetectionsType
from flowra.type.value_type import AnyImage, Embedding, Image, Mask, Tensor

_PHOTO = Path(__file__).parent / "photos" / "cat.jpg"


class TestImagePack(PackSuite):
    pack = "image"
    # The workspace's examples are this pack's.
    examples = "../../examples"


class TestAnyImage(ValueTypeSuite):
    value_type = AnyImage()

    def samples(self):
        rng = np.random.default_rng(1)
        shapes = [(5, 7), (5, 7, 3), (1, 1, 4), (40, 30, 3)]
        whole = [rng.integers(0, 255, shape).astype(dtype) for shape in shapes for dtype in (np.uint8, np.uint16)]
        return [*whole, *(rng.random(shape).astype(np.float32) for shape in shapes), _PHOTO]

    def refused(self):
        return [None, 7, "no such file.png", b"no picture", np.zeros((3, 4, 5), np.uint8), np.full((2, 2), np.nan)]


class TestConstrainedImage(ValueTypeSuite):
    value_type = Image(mode="RGB", dtype="uint8", max_width=4000)

    def samples(self):
        return [np.zeros((3, 4), np.uint16), np.ones((3, 4, 4), np.float32), _PHOTO]

    def refused(self):
        return [np.zeros((1, 4001), np.uint8)]


class TestMask(ValueTypeSuite):
    value_type = Mask()

    def samples(self):
        return [np.zeros((4, 6), bool), np.eye(3, dtype=bool), np.eye(64, dtype=np.uint8) * 255]

    def refused(self):
        return ["no such file.png", 7, np.arange(16, dtype=np.uint8).reshape(4, 4)]


class TestTensor(ValueTypeSuite):
    value_type = Tensor(shape=(None, 3))

    def samples(self):
        return [np.zeros((0, 3)), np.ones((2, 3), np.int64), np.full((2, 3), np.nan, np.float32), [[1, 2, 3]]]

    def refused(self):
        return [np.zeros(3), "no such file.npy", [["a", "b", "c"]]]


class TestEmbedding(ValueTypeSuite):
    value_type = Embedding(dim=4)

    def samples(self):
        return [np.zeros(4, np.float32), [1, 2, 3, 4]]

    def refused(self):
        return [np.zeros(5, np.float32), "text"]


class TestDetections(ValueTypeSuite):
    value_type = DetectionsType()

    def samples(self):
        return [self._found(0), self._found(1), self._found(3)]

    def refused(self):
        return [7, {"boxes": "none"}, []]

    def _found(self, count):
        boxes = np.tile(np.array([[1, 2, 30, 40]], np.float32), (count, 1))
        return Detections(boxes, np.linspace(0, 1, count, dtype=np.float32), np.zeros(count, int), ("图",), (200, 100))
