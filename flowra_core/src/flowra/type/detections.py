"""Objects found in a picture: the value that detectors give and drawing, counting and metrics take."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowra.type.run_lengths import from_runs, to_runs
from flowra.type.value.base import short
from flowra.type.value.media import DetectionsType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Detections"]


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects found in one picture.

    Pixel coordinates are continuous: x runs right, y runs down, and (0, 0) is the outer corner of the top-left
    pixel, so a box around the whole picture is `(0, 0, width, height)`.

    Args:
        boxes: Shape (N, 4), float32: left, top, right, bottom, in pixels.
        scores: Shape (N,), float32: confidence in 0..1.
        class_ids: Shape (N,), int64: index into `class_names`.
        class_names: The name of each class.
        image_size: Width and height of the picture, in pixels.
        masks: Which pixels belong to each object: N boolean arrays, each of the pixels that its box touches
            (`pixel_box`), rows by columns. None where the detector gives none.
        keypoints: Shape (N, K, 3), float32: x and y in pixels and the confidence in 0..1 of K points of each object,
            such as the joints of a body. None where the detector gives none.

    Raises:
        ValueError: A shape, range or index is off; the message names which.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__ = DetectionsType()

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    class_names: tuple[str, ...]
    image_size: tuple[int, int]
    masks: tuple[NDArray[np.bool_], ...] | None = None
    keypoints: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        import numpy as np

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("boxes", self._boxes())
        put("scores", _array("scores", self.scores, np.float32).reshape(-1))
        put("class_ids", self._class_ids())
        names: Any = self.class_names
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise ValueError(f"class_names are a list of names, got {short(names)}")
        put("class_names", tuple(str(name) for name in names))
        size = tuple(self.image_size) if isinstance(self.image_size, Iterable) else ()
        if len(size) != 2 or not all(float(side).is_integer() for side in size):
            raise ValueError(f"image_size is (width, height) in whole pixels, got {self.image_size}")
        put("image_size", (int(size[0]), int(size[1])))
        self._check()
        if self.masks is not None:
            put("masks", self._masks(self.masks))
        if self.keypoints is not None:
            put("keypoints", self._keypoints(self.keypoints))
        for array in (self.boxes, self.scores, self.class_ids, *(self.masks or ()), self.keypoints):
            if array is not None:
                array.flags.writeable = False

    def _masks(self, masks: Any) -> tuple[NDArray[np.bool_], ...]:
        import numpy as np

        if not isinstance(masks, Iterable):
            raise ValueError(f"masks are one array for each box, got {short(masks)}")
        found = []
        for index, mask in enumerate(masks):
            array = np.asarray(mask)
            if array.dtype != np.bool_:
                raise ValueError(f"masks are of booleans, got {array.dtype}")
            found.append(np.array(array))
            if index < len(self.boxes):
                left, top, right, bottom = self.pixel_box(index)
                if array.shape != (bottom - top, right - left):
                    raise ValueError(
                        f"masks[{index}] covers the pixels of its box, {bottom - top}×{right - left} (rows × columns), "
                        f"got {array.shape}"
                    )
        if len(found) != len(self.boxes):
            raise ValueError(f"there is one mask for each box, got {len(found)} for {len(self.boxes)}")
        return tuple(found)

    def _keypoints(self, keypoints: Any) -> NDArray[np.float32]:
        import numpy as np

        points = _array("keypoints", keypoints, np.float32)
        if points.size == 0 and len(self.boxes) == 0:
            return points.reshape(0, points.shape[1] if points.ndim == 3 else 0, 3)
        if points.ndim != 3 or points.shape[0] != len(self.boxes) or points.shape[2] != 3:
            raise ValueError(f"keypoints have the shape ({len(self.boxes)}, K, 3), got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("keypoints hold NaN or infinite coordinates")
        if not ((points[..., 2] >= 0) & (points[..., 2] <= 1)).all():
            raise ValueError("the confidences of keypoints lie in 0..1")
        return points

    def _boxes(self) -> NDArray[np.float32]:
        import numpy as np

        boxes = _array("boxes", self.boxes, np.float32)
        if boxes.size == 0:
            return boxes.reshape(0, 4)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes have the shape (N, 4), got {boxes.shape}")
        return boxes

    def _class_ids(self) -> NDArray[np.int64]:
        import numpy as np

        # Detectors give them as floats as well, in one array with the scores; whole they must be.
        ids = _array("class_ids", self.class_ids, np.float64).reshape(-1)
        if (ids != np.trunc(ids)).any() or (abs(ids) > 2**53).any():
            raise ValueError("class_ids are whole numbers")
        return ids.astype(np.int64)

    def _check(self) -> None:
        import numpy as np

        count = len(self.boxes)
        if len(self.scores) != count or len(self.class_ids) != count:
            raise ValueError(
                "boxes, scores and class_ids are of one length, "
                f"got {count}, {len(self.scores)} and {len(self.class_ids)}"
            )
        if not np.isfinite(self.boxes).all():
            raise ValueError("boxes hold NaN or infinite coordinates")
        if count and (self.boxes[:, 2:] < self.boxes[:, :2]).any():
            raise ValueError("boxes are (left, top, right, bottom): one has its right or bottom before its left or top")
        if count and not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("scores lie in 0..1")
        if count and not ((self.class_ids >= 0) & (self.class_ids < len(self.class_names))).all():
            raise ValueError(f"class_ids index class_names (0..{len(self.class_names) - 1})")
        if min(self.image_size) < 0:
            raise ValueError(f"image_size is (width, height) in pixels, got {self.image_size}")

    def __len__(self) -> int:
        return len(self.boxes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detections):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def names(self) -> list[str]:
        """Return the class name of each detection, in order."""
        return [self.class_names[index] for index in self.class_ids.tolist()]

    def select(self, keep: NDArray[Any]) -> Detections:
        """Return the detections that a boolean mask or an index array of shape (K,) picks, in its order."""
        return Detections(
            boxes=self.boxes[keep],
            scores=self.scores[keep],
            class_ids=self.class_ids[keep],
            class_names=self.class_names,
            image_size=self.image_size,
            masks=None if self.masks is None else tuple(self.masks[index] for index in _indexes(keep)),
            keypoints=None if self.keypoints is None else self.keypoints[keep],
        )

    def pixel_box(self, index: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels of the picture that a detection's box touches."""
        left, top, right, bottom = self.boxes[index].tolist()
        width, height = self.image_size
        left, top = min(max(math.floor(left), 0), width), min(max(math.floor(top), 0), height)
        return left, top, min(max(math.ceil(right), left), width), min(max(math.ceil(bottom), top), height)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Return which pixels of the whole picture belong to a detection: shape (height, width).

        Raises:
            ValueError: These detections have no masks.
        """
        import numpy as np

        if self.masks is None:
            raise ValueError("these detections have no masks: take a model that segments")
        left, top, right, bottom = self.pixel_box(index)
        whole = np.zeros((self.image_size[1], self.image_size[0]), np.bool_)
        whole[top:bottom, left:right] = self.masks[index]
        return whole

    def to_json(self) -> dict[str, Any]:
        """Return the detections as plain data, without loss; masks as run lengths."""
        data: dict[str, Any] = {
            "image_size": list(self.image_size),
            "class_names": list(self.class_names),
            "boxes": self.boxes.tolist(),
            "scores": self.scores.tolist(),
            "class_ids": self.class_ids.tolist(),
        }
        if self.masks is not None:
            data["masks"] = [to_runs(mask) for mask in self.masks]
        if self.keypoints is not None:
            data["keypoints"] = self.keypoints.tolist()
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Detections:
        """Make detections from what `to_json` gave; raises ValueError where that is not what it is."""
        if not isinstance(data, dict):
            raise ValueError(f"detections are an object, got {short(data)}")
        expected = ("boxes", "scores", "class_ids", "class_names", "image_size")
        optional = ("masks", "keypoints")
        missing = [name for name in expected if name not in data]
        unknown = [name for name in data if name not in expected + optional]
        if missing or unknown:
            raise ValueError(
                "detections have the keys "
                + ", ".join(expected)
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            )
        found = {name: data[name] for name in expected + optional if name in data}
        if found.get("masks") is not None:
            if not isinstance(found["masks"], list):
                raise ValueError(f"masks are a list of run lengths, got {short(found['masks'])}")
            found["masks"] = tuple(map(from_runs, found["masks"]))
        return cls(**found)


def _indexes(keep: NDArray[Any]) -> list[int]:
    import numpy as np

    keep = np.asarray(keep)
    return [int(index) for index in (np.flatnonzero(keep) if keep.dtype == np.bool_ else keep)]


def _array(name: str, value: Any, dtype: Any) -> NDArray[Any]:
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # too large becomes infinite, which is refused by name
            return np.array(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} are numbers, in rows of one length, got {short(value)}") from None
