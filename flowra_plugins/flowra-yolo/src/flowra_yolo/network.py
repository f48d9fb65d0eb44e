"""A model in ONNX, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from flowra_yolo.errors import YoloError
from flowra_yolo.facts import ModelFacts, input_size, read_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Network"]

#: onnxruntime's names of what computes, in the order in which `auto` takes them.
_PROVIDERS = {"cuda": "CUDAExecutionProvider", "rocm": "ROCMExecutionProvider", "cpu": "CPUExecutionProvider"}


class Network:
    """A YOLO model, loaded. Any number of threads may use one.

    Args:
        path: The `.onnx` file.
        device: `auto` (a GPU where onnxruntime has one), `cpu`, `cuda` or `rocm`.
        threads: Threads for one call on the CPU; 0 leaves it to onnxruntime.
        size: The side of the input, in pixels, for models whose input is dynamic; 0 for the model's own.

    Attributes:
        facts: What the model is for.
        input_size: Width and height of its input, in pixels.
        batch: Pictures that it takes at once; 0 for any number.
        device: What computes.

    Raises:
        YoloError: The file is no ONNX model, is no YOLO, or the device is not there.
    """

    def __init__(self, path: Path, *, device: str = "auto", threads: int = 0, size: int = 0) -> None:
        self._session = _open(path, device, threads)
        self.device = {name: key for key, name in _PROVIDERS.items()}.get(self._session.get_providers()[0], "cpu")
        where = str(path)
        metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        first = self._session.get_inputs()[0]
        self._input = str(first.name)
        self._dtype = np.float16 if first.type == "tensor(float16)" else np.float32
        self.input_size = input_size(metadata, first.shape, size, where)
        self.batch = first.shape[0] if isinstance(first.shape[0], int) else 0
        blank = np.zeros((self.batch or 1, 3, *self.input_size[::-1]), self._dtype)
        # The declared shapes may be free; those of a first call, which warms the model up as well, are not.
        self.facts: ModelFacts = read_facts(metadata, [output.shape for output in self._run(blank)], where)

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Run the model on pictures.

        Args:
            canvases: Shape (B, input height, input width, 3), RGB.

        Returns:
            The model's outputs, each of B entries.
        """
        count = len(canvases)
        step = self.batch or count
        parts = []
        for start in range(0, count, step):
            part = canvases[start : start + step]
            if len(part) < step:
                part = np.concatenate([part, np.zeros((step - len(part), *part.shape[1:]), np.uint8)])
            blob = cv2.dnn.blobFromImages(list(part), 1 / 255)
            parts.append(self._run(np.asarray(blob, self._dtype)))
        if len(parts) == 1:
            return [output[:count] for output in parts[0]]
        return [np.concatenate(outputs)[:count] for outputs in zip(*parts, strict=True)]

    def _run(self, blob: NDArray[Any]) -> list[NDArray[np.float32]]:
        outputs: Sequence[Any] = self._session.run(None, {self._input: blob})
        return [np.asarray(output).astype(np.float32, copy=False) for output in outputs]


def _open(path: Path, device: str, threads: int) -> Any:
    import onnxruntime

    there = onnxruntime.get_available_providers()
    wanted = list(_PROVIDERS.values()) if device == "auto" else [_PROVIDERS[device]]
    providers = [provider for provider in wanted if provider in there]
    if not providers:
        raise YoloError(
            f"onnxruntime has no {device} here",
            why=f"it offers {', '.join(there)}",
            fix="set device to auto, or install the onnxruntime that is built for it (onnxruntime-gpu)",
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise YoloError(
            "a model can't be loaded",
            where=str(path),
            why=str(error),
            fix="give a YOLO model exported to ONNX: yolo export model=… format=onnx",
        ) from error
