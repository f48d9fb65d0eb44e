from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from picture_strategies import pictures

from flowra_image.errors import ImageError
from flowra_image.faces import FaceDetector
from flowra_image.faces.cascade import FaceCascade, window_sizes
from flowra_image.faces.detector import HALF_SURE, Search
from flowra_image.faces.grouping import groups_of, overlap, without_doubles
from flowra_image.geometry import crop, resize
from flowra_image.pixels import to_dtype, to_mode

#: Drawn by hand in the astronaut's photograph, 512×512: from the brows to the chin, as the cascade's windows go.
FACE = np.array([175, 67, 271, 164])


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def test_the_astronauts_face_and_nothing_else_is_found_where_it_is(detector, astronaut):
    faces = detector.find(resize(astronaut, 640, 640))
    assert len(faces.boxes) == 1
    assert overlap(faces.boxes[0] * 512 / 640, FACE[None])[0] > 0.85
    assert faces.scores[0] > 0.5


@pytest.mark.parametrize("name", ["coffee", "cat", "gravel"])
@pytest.mark.parametrize("side", [320, 640, 1280])
def test_nothing_is_found_where_no_person_is(detector, photo, name, side):
    assert len(detector.find(resize(photo(name), side, side)).boxes) == 0


def test_a_face_from_the_side_is_missed_as_documented(detector, photo):
    assert len(detector.find(photo("cameraman")).boxes) == 0


@pytest.mark.parametrize("size", [160, 320, 512, 1400, 3000])
def test_faces_of_every_size_are_found_and_placed_in_the_picture_itself(detector, astronaut, size):
    faces = detector.find(resize(astronaut, size, size))
    assert len(faces.boxes) == 1
    assert overlap(faces.boxes[0] * 512 / size, FACE[None])[0] > 0.8


def test_boxes_are_placed_in_pictures_that_are_no_squares(detector, astronaut):
    wide = np.concatenate([np.full((512, 900, 3), 128, np.uint8), astronaut], axis=1)
    faces = detector.find(wide, Search(longest_side=700))
    assert len(faces.boxes) == 1
    assert overlap(faces.boxes[0] - [900, 0, 900, 0], FACE[None])[0] > 0.8


def test_a_face_that_fills_the_picture_is_found(detector, astronaut):
    faces = detector.find(resize(crop(astronaut, 165, 60, 120, 120), 640, 640))
    assert len(faces.boxes) == 1
    assert (faces.boxes[0] >= 0).all()
    assert (faces.boxes[0] <= 640).all()


def test_two_faces_are_two(detector, astronaut):
    pair = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    boxes = detector.find(pair).boxes
    assert len(boxes) == 2
    assert abs(boxes[:, 0].max() - boxes[:, 0].min()) > 500


def test_a_mirrored_picture_has_mirrored_faces(detector, astronaut):
    there, mirrored = (detector.find(picture).boxes[0] for picture in (astronaut, astronaut[:, ::-1]))
    assert overlap(there, np.array([[512 - mirrored[2], mirrored[1], 512 - mirrored[0], mirrored[3]]]))[0] > 0.85


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_mode_and_depth_is_looked_at(detector, astronaut, mode, dtype):
    assert len(detector.find(to_dtype(to_mode(astronaut, mode), dtype)).boxes) == 1


@settings(max_examples=25, deadline=None)
@given(pictures(max_side=70))
def test_boxes_lie_inside_of_any_picture(detector, image):
    faces = detector.find(image, min_score=0.05)
    assert (faces.boxes[:, :2] >= 0).all()
    assert (faces.boxes[:, 2:] <= image.shape[1::-1]).all()
    assert (np.diff(faces.scores) <= 0).all()
    assert ((faces.scores >= 0.05) & (faces.scores <= 1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (23, 23), (24, 24), (24, 3000)])
def test_pictures_of_odd_shapes_hold_no_faces(detector, shape):
    assert len(detector.find(np.full(shape, 200, np.uint8), Search(min_face=24), min_score=0.05).boxes) == 0


def test_faces_outside_of_the_asked_sizes_are_left_out(detector, astronaut):
    assert len(detector.find(astronaut, Search(min_face=0.4)).boxes) == 0
    assert len(detector.find(astronaut, Search(max_face=0.1)).boxes) == 0
    assert len(detector.find(astronaut, Search(min_face=60, max_face=150)).boxes) == 1
    assert len(detector.find(astronaut, Search(min_face=100, max_face=0.1)).boxes) == 0
    with pytest.raises(ImageError, match=r"larger than min_face, 0\.5, and smaller than max_face, 0\.1"):
        Search(min_face=0.5, max_face=0.1)


def test_the_smallest_face_is_told(detector, astronaut):
    assert detector.find(astronaut).smallest == pytest.approx(25.6)
    assert detector.find(astronaut, Search(min_face=10)).smallest == 24
    large = resize(astronaut, 2560, 2560)
    assert detector.find(large, Search(min_face=30, longest_side=640)).smallest == pytest.approx(96)


def test_the_time_on_a_picture_of_20_megapixels_is_bounded(detector, astronaut):
    large = np.ascontiguousarray(np.tile(astronaut, (9, 9, 1))[:4500, :4500])
    start = time.perf_counter()
    detector.find(large, Search(min_face=24))
    # Some 1.5 s on two cores; the bound is against looking at every place of the picture, which takes 15 times as long.
    assert time.perf_counter() - start < 15


def test_more_agreement_is_a_higher_score_and_a_higher_limit_leaves_faces_out(detector, astronaut):
    score = float(detector.find(astronaut).scores[0])
    agreeing = score * HALF_SURE / (1 - score)
    assert agreeing == pytest.approx(round(agreeing), abs=0.01)
    assert len(detector.find(astronaut, min_score=min(0.99, score + 0.01)).boxes) == 0


def test_one_detector_serves_many_threads(detector, astronaut):
    alone = detector.find(astronaut)
    found = []
    threads = [threading.Thread(target=lambda: found.append(detector.find(astronaut))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(each.boxes, alone.boxes) for each in found)
    assert all(np.array_equal(each.scores, alone.scores) for each in found)


def test_a_search_can_be_stopped(detector, astronaut):
    class StoppedError(Exception):
        pass

    def stop():
        raise StoppedError

    with pytest.raises(StoppedError):
        detector.find(astronaut, each=stop)


def test_weights_that_are_missing_or_damaged_are_reported_with_the_mend(monkeypatch, tmp_path):
    monkeypatch.setattr("flowra_image.faces.cascade.resources.files", lambda _package: tmp_path)
    with pytest.raises(ImageError, match="can't be read") as caught:
        FaceCascade()
    assert "install scikit-image again" in str(caught.value.fix)
    (tmp_path / "lbpcascade_frontalface_opencv.xml").write_text("<opencv_storage><cascade>")
    with pytest.raises(ImageError, match="can't be read"):
        FaceCascade()
    (tmp_path / "lbpcascade_frontalface_opencv.xml").write_text("<opencv_storage/>")
    with pytest.raises(ImageError, match="can't be read"):
        FaceCascade()


def test_the_weights_are_not_in_this_pack():
    package = Path(FaceDetector.__module__.replace(".", "/")).parts[0]
    assert package == "flowra_image"
    folder = Path(__file__).parents[1]
    assert not [path for path in folder.rglob("*") if path.suffix in (".xml", ".npz", ".onnx")]


def test_sizes_grow_by_the_factor():
    assert window_sizes(24, 100, 2) == [24, 48, 96]
    assert window_sizes(100, 24, 2) == []


def test_windows_that_overlap_are_a_group():
    windows = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10], [2, 0, 12, 10], [0, 0, 40, 40]], float)
    assert [sorted(group.tolist()) for group in groups_of(windows, 0.3, 1)] == [[0, 1, 3], [2], [4]]
    assert [sorted(group.tolist()) for group in groups_of(windows, 0.3, 2)] == [[0, 1, 3]]
    assert groups_of(np.zeros((0, 4)), 0.3, 1) == []


@settings(max_examples=25, deadline=None)
@given(pictures(modes=("L",), dtypes=("uint8",), max_side=12))
def test_groups_do_not_share_windows_and_hold_neighbours_only(image):
    corners = image.reshape(-1)[: image.size // 2 * 2].reshape(-1, 2) % 40
    windows = np.concatenate([corners, corners + 12], axis=1).astype(float)
    groups = groups_of(windows, 0.3, 1)
    members = np.concatenate(groups) if groups else np.zeros(0)
    assert len(members) == len(set(members.tolist())) == len(windows)
    for group in groups:
        assert max((overlap(window, windows[group]) >= 0.3).sum() for window in windows[group]) == len(group)


def test_of_boxes_that_overlap_or_lie_in_each_other_the_surest_is_kept():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [3, 3, 7, 7], [9, 9, 14, 14]], np.float32)
    scores = np.array([0.8, 0.9, 0.5, 0.7, 0.6], np.float32)
    assert without_doubles(boxes, scores).tolist() == [1, 4, 2]
    assert without_doubles(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).tolist() == []
