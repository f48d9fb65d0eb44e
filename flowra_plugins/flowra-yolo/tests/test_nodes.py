"""The nodes in graphs, and the pack as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.exceptions import NodeFailedError
from flowra.execute.session import Session
from flowra.testing import PackSuite
from flowra.type.detections import Detections


class TestYoloPack(PackSuite):
    pack = "yolo"
    examples = "../../examples"


@pytest.fixture
def session(tmp_path):
    with Session(store=tmp_path / "store") as session:
        yield session


def shapes_graph(model, **inputs):
    graph = Graph("shapes")
    picture = graph.add("yolo/Shapes", seed=5)
    found = graph.add("yolo/Detect", init={"model": str(model), "threads": 1}, image=picture["image"], **inputs)
    scores = graph.add("yolo/Evaluate", detections=[found["detections"]], truth=[picture["truth"]])
    graph.output("found", found["detections"])
    graph.output("truth", picture["truth"])
    graph.output("map50", scores["map50"])
    return graph


def test_shapes_are_found_and_measured(session, model_path):
    run = session.run(shapes_graph(model_path, confidence=0.5))
    assert len(run["found"]) > 0
    assert run["map50"] > 0.8
    assert run["found"].image_size == (640, 480)


def test_only_the_classes_that_are_asked_for_are_given(session, model_path):
    names = set(session.run(shapes_graph(model_path, confidence=0.1, classes=["triangle"]))["found"].names())
    assert names == {"triangle"}


def test_a_mistake_names_the_node_and_the_classes(session, model_path):
    with pytest.raises(NodeFailedError) as caught:
        session.run(shapes_graph(model_path, classes=["person"])).raise_for_status()
    assert "knows no class 'person'" in str(caught.value)
    assert "circle, square, triangle" in str(caught.value)


def found():
    mask = np.ones((10, 10), bool)
    mask[:, 5:] = False
    boxes = [(0, 0, 10, 10), (20, 20, 60, 40)]
    return Detections(boxes, [0.9, 0.4], [0, 1], ("a", "b"), (60, 40), masks=(mask, np.ones((20, 40), bool)))


def run_one(session, node, outputs, **inputs):
    graph = Graph("one")
    added = graph.add(node, **inputs)
    for output in outputs:
        graph.output(output, added[output])
    return session.run(graph)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["a", "b"]),
        ({"confidence": 0.5}, ["a"]),
        ({"classes": ["b"]}, ["b"]),
        ({"min_area": 0.1}, ["b"]),
        ({"max_area": 0.1}, ["a"]),
        ({"classes": ["none"]}, []),
    ],
)
def test_filtering_keeps_what_is_asked_for(session, settings, names):
    run = run_one(session, "yolo/Filter", ["detections", "count"], detections=found(), **settings)
    assert run["detections"].names() == names
    assert run["count"] == len(names)


def test_masks_are_of_the_pictures_size(session):
    run = run_one(session, "yolo/Masks", ["masks", "joint"], detections=found())
    assert [mask.sum() for mask in run["masks"]] == [50, 800]
    assert run["joint"].sum() == 850
    assert run["joint"].shape == (40, 60)


def test_without_masks_the_boxes_count(session):
    plain = Detections(found().boxes, [1, 1], [0, 1], ("a", "b"), (60, 40))
    assert run_one(session, "yolo/Masks", ["joint"], detections=plain)["joint"].sum() == 100 + 800
