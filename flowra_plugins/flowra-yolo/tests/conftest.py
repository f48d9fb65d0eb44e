from __future__ import annotations

from pathlib import Path

import pytest

from flowra_yolo.detector import Detector
from flowra_yolo.network import Network

MODEL = Path(__file__).parents[3] / "examples" / "models" / "shapes.onnx"


@pytest.fixture(scope="session")
def model_path():
    """The small detector that knows circles, squares and triangles."""
    return MODEL


@pytest.fixture(scope="session")
def detector(model_path):
    return Detector(Network(model_path, threads=1))
