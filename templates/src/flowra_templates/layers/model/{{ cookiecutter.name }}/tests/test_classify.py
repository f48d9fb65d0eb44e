"""Tests of Classify."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flowra.exceptions import NodeFailedError
from flowra.testing.running import RunGraph, RunNode

from {{ cookiecutter.package }}.nodes.classification import Classify

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take models from `examples/models`, and ask no hub."""
    monkeypatch.setenv("FLOWRA_MODEL_MIRROR", str(EXAMPLES / "models"))


@pytest.mark.parametrize(("brightness", "label"), [(10, "dark"), (240, "bright")])
def test_dark_and_bright_are_told_apart(run_node: RunNode, brightness: int, label: str) -> None:
    picture = np.full((4, 5, 3), brightness, dtype=np.uint8)
    found = run_node(Classify, image=picture)
    assert found.label == label
    assert found.score > 0.9


def test_a_file_that_holds_no_weights_is_named(run_node: RunNode, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(NodeFailedError, match=r"other\.json holds no weights"):
        run_node(Classify, {"weights": str(path)}, image=np.zeros((1, 1, 3), dtype=np.uint8))


def test_the_example_runs(run_graph: RunGraph) -> None:
    run = run_graph(EXAMPLES / "classify.json")
    assert run["label"] in {"dark", "bright"}
