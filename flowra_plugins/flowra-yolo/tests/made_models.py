"""YOLO models whose output is given: no real weights of other layouts can be had here, so the layouts are made.

The outputs are constants; their numbers are those that an exporter would write for the same boxes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_model(
    path: Path,
    *outputs: np.ndarray,
    metadata: dict[str, str] | None = None,
    size: tuple[int, int] | None = (64, 64),
    batch: int | None = 1,
    half: bool = False,
) -> Path:
    """Write a model that gives `outputs` for whatever picture it gets, once for each picture of a batch."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    shape = [batch or "batch", 3, *(("height", "width") if size is None else size[::-1])]
    nodes = [
        # The number of pictures, so that the outputs have as many entries.
        helper.make_node("Shape", ["images"], ["shape"], start=0, end=1),
    ]
    constants, infos = [], []
    for index, output in enumerate(outputs):
        array = output.astype(np.float16 if half else np.float32)[None]
        constants.append(numpy_helper.from_array(array, f"constant{index}"))
        constants.append(numpy_helper.from_array(np.array(array.shape[1:], np.int64), f"rest{index}"))
        nodes.append(helper.make_node("Concat", ["shape", f"rest{index}"], [f"whole{index}"], axis=0))
        nodes.append(helper.make_node("Expand", [f"constant{index}", f"whole{index}"], [f"output{index}"]))
        infos.append(helper.make_tensor_value_info(f"output{index}", kind, [batch or "batch", *array.shape[1:]]))
    graph = helper.make_graph(
        nodes, "made", [helper.make_tensor_value_info("images", kind, shape)], infos, initializer=constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path
