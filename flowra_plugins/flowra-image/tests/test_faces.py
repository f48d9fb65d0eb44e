from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from picture_strategies import pictures

from flowra_image.faces import FaceDetector
from flowra_image.faces.detector import without_doubles
from flowra_image.geometry import crop, resize
from flowra_image.pixels import to_dtype, to_mode


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def overlap(a, b):
    common = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)


def test_the_astronauts_face_is_where_it_is(detector, astronaut):
    faces = detector.find(astronaut)
    assert len(faces.boxes) == 1
    assert faces.scores[0] > 0.9
    # As the network's authors' own C++ has it: x 178, y 63, 89 wide, 112 high.
    assert overlap(faces.boxes[0], np.array([178, 63, 267, 175])) > 0.95
    eyes, nose, mouth = faces.points[0, :2], faces.points[0, 2], faces.points[0, 3:]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    assert eyes[0, 0] < nose[0] < eyes[1, 0]


def test_a_face_from_the_side_is_found(detector, photo):
    faces = detector.find(photo("cameraman"))
    assert len(faces.boxes) == 1
    assert overlap(faces.boxes[0], np.array([196, 113, 256, 194])) > 0.7


@pytest.mark.parametrize("name", ["coffee", "cat", "gravel"])
def test_nothing_is_found_where_no_person_is(detector, photo, name):
    assert len(detector.find(photo(name)).boxes) == 0


@pytest.mark.parametrize("size", [96, 160, 320, 1400])
def test_faces_of_every_size_are_found_and_placed_in_the_picture_itself(detector, astronaut, size):
    faces = detector.find(resize(astronaut, size, size))
    assert len(faces.boxes) == 1
    assert overlap(faces.boxes[0] * 512 / size, np.array([178, 63, 267, 175])) > 0.7


def test_a_face_that_fills_the_picture_is_found(detector, astronaut):
    close = resize(crop(astronaut, 165, 60, 120, 125), 640, 640)
    assert len(detector.find(close).boxes) == 1


def test_two_faces_are_two(detector, astronaut):
    pair = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    boxes = detector.find(pair).boxes
    assert len(boxes) == 2
    assert abs(boxes[:, 0].max() - boxes[:, 0].min()) > 500


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_mode_and_depth_is_looked_at(detector, astronaut, mode, dtype):
    assert len(detector.find(to_dtype(to_mode(astronaut, mode), dtype)).boxes) == 1


@settings(max_examples=25)
@given(pictures(max_side=70))
def test_boxes_lie_inside_of_any_picture(image):
    faces = FaceDetector().find(image, min_score=0.05)
    assert (faces.boxes[:, :2] >= 0).all()
    assert (faces.boxes[:, 2:] <= image.shape[1::-1]).all()
    assert (np.diff(faces.scores) <= 0).all()
    assert ((faces.scores >= 0.05) & (faces.scores <= 1)).all()


def test_one_detector_serves_many_threads(detector, astronaut):
    alone = detector.find(astronaut).boxes
    found = []
    threads = [threading.Thread(target=lambda: found.append(detector.find(astronaut).boxes)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(boxes, alone) for boxes in found)


def test_of_boxes_that_overlap_the_surest_is_kept():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 4]], np.float32)
    assert without_doubles(boxes, np.array([0.8, 0.9, 0.5, 0.7], np.float32)).tolist() == [1, 3, 2]
    assert without_doubles(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).tolist() == []
