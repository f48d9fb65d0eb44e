"""What a YOLO model in ONNX says about itself, and what its outputs tell where it says nothing.

Exporters write the task, the classes and the size of the input into the model's metadata. Outputs come in three forms
(N anchors, C classes, E further numbers: mask coefficients or keypoints):

- `columns`, (1, 4 + C + E, N): centre x, centre y, width, height, the classes' probabilities. YOLOv8, v9, v11, v12.
- `rows`, (1, N, 5 + C + E): the same with an objectness after the box, one anchor a row. YOLOv5, v7.
- `final`, (1, N, 6 + E): left, top, right, bottom, score, class; suppressed already. YOLOv10, and exports with NMS.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flowra_yolo.errors import YoloError

__all__ = ["Form", "ModelFacts", "Task", "read_facts"]

Form = Literal["columns", "rows", "final"]
Task = Literal["detect", "segment", "pose"]

#: The most rows of an output that is suppressed already: exporters write 300.
_MOST_FINAL_ROWS = 1000


@dataclass(frozen=True)
class ModelFacts:
    """What a model is for, and how its outputs are read.

    Attributes:
        task: What it gives: boxes; boxes and masks; boxes and keypoints.
        form: How the output is laid out.
        class_names: The name of each class.
        coefficients: Mask coefficients of each box.
        keypoint_shape: Keypoints of each box, and numbers of each: 2 for x and y, 3 with the confidence.
    """

    task: Task
    form: Form
    class_names: tuple[str, ...]
    coefficients: int = 0
    keypoint_shape: tuple[int, int] = (0, 3)

    @property
    def extra(self) -> int:
        """Numbers of each box beside the box itself and its classes."""
        return self.coefficients + self.keypoint_shape[0] * self.keypoint_shape[1]


def read_facts(metadata: Mapping[str, str], shapes: Sequence[tuple[int, ...]], where: str) -> ModelFacts:
    """Return what a model is.

    Args:
        metadata: The model's own, as text.
        shapes: The shapes of its outputs, as they were for one picture.
        where: The model, for errors.

    Raises:
        YoloError: Its outputs are of no form that is known.
    """
    task = _task(metadata, shapes, where)
    names = _names(metadata)
    coefficients = shapes[1][1] if task == "segment" else 0
    keypoints = _keypoint_shape(metadata) if task == "pose" else (0, 3)
    extra = coefficients + keypoints[0] * keypoints[1]
    rows, columns = shapes[0][1:]
    count = len(names)
    forms: list[tuple[Form, int]] = []
    if columns == 6 + extra and rows <= _MOST_FINAL_ROWS:
        forms.append(("final", count or 1))
    if rows > 4 + extra and (rows < columns or rows == 4 + count + extra):
        forms.append(("columns", rows - 4 - extra))
    if columns > 5 + extra and (columns < rows or columns == 5 + count + extra):
        forms.append(("rows", columns - 5 - extra))
    fitting = [form for form, classes in forms if not count or form == "final" or classes == count]
    if not fitting:
        raise YoloError(
            "the outputs of a model are those of no YOLO that is known here",
            where=where,
            why=f"its output has the shape {shapes[0]}, for {count or 'unnamed'} classes and the task {task}",
            fix="export the model anew, with its metadata and without changing its outputs",
        )
    form = fitting[0]
    classes = dict(forms)[form]
    return ModelFacts(
        task=task,
        form=form,
        class_names=names or tuple(f"class {index}" for index in range(classes)),
        coefficients=coefficients,
        keypoint_shape=keypoints,
    )


def input_size(metadata: Mapping[str, str], shape: Sequence[Any], asked: int, where: str) -> tuple[int, int]:
    """Return the width and height of a model's input, in pixels.

    Args:
        metadata: The model's own.
        shape: The input's shape as the model declares it: batch, channels, height, width; text where it is free.
        asked: The side that is asked for, 0 for the model's own.
        where: The model, for errors.

    Raises:
        YoloError: The input is no picture, or its size is fixed and another is asked for.
    """
    if len(shape) != 4 or shape[1] not in {3, "3"}:
        raise YoloError(
            "the input of a model is no RGB picture", where=where, why=f"its shape is {list(shape)}, not [N, 3, H, W]"
        )
    height, width = shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        if asked and (asked, asked) != (width, height):
            raise YoloError(
                f"the input of a model is {width}×{height}, and {asked}×{asked} is asked for",
                where=where,
                fix="leave size at 0, or export the model with a dynamic input",
            )
        return width, height
    stride = _number(metadata.get("stride"), 32)
    if asked:
        if asked % stride:
            raise YoloError(
                f"size {asked} is no multiple of the model's stride",
                where=where,
                fix=f"take {max(stride, round(asked / stride) * stride)}",
            )
        return asked, asked
    declared = _literal(metadata.get("imgsz"))
    if isinstance(declared, (list, tuple)) and len(declared) == 2 and all(type(side) is int for side in declared):
        return int(declared[1]), int(declared[0])
    return 640, 640


def _task(metadata: Mapping[str, str], shapes: Sequence[tuple[int, ...]], where: str) -> Task:
    if not shapes or len(shapes[0]) != 3:
        shape = shapes[0] if shapes else "none"
        raise YoloError("the outputs of a model are those of no YOLO that is known here", where=where, why=f"{shape}")
    said = metadata.get("task") or ("segment" if len(shapes) > 1 and len(shapes[1]) == 4 else "detect")
    if said == "segment" and (len(shapes) < 2 or len(shapes[1]) != 4):
        raise YoloError("a model that segments gives no masks", where=where, why=f"its outputs are {list(shapes)}")
    if said not in {"detect", "segment", "pose"}:
        raise YoloError(f"the model's task is {said}", where=where, why="what is read here: detect, segment, pose")
    return said  # type: ignore[return-value]  # one of the three


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    names = _literal(metadata.get("names"))
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        return tuple(str(names[index]) for index in range(len(names)))
    if isinstance(names, (list, tuple)):
        return tuple(map(str, names))
    return ()


def _keypoint_shape(metadata: Mapping[str, str]) -> tuple[int, int]:
    shape = _literal(metadata.get("kpt_shape"))
    if isinstance(shape, (list, tuple)) and len(shape) == 2 and shape[1] in {2, 3} and type(shape[0]) is int:
        return shape[0], shape[1]
    return 17, 3  # a person's, as the models are published


def _literal(text: str | None) -> Any:
    """Read what exporters write: Python literals, which run nothing."""
    try:
        return ast.literal_eval(text or "None")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _number(text: str | None, otherwise: int) -> int:
    value = _literal(text)
    return value if type(value) is int and value > 0 else otherwise
