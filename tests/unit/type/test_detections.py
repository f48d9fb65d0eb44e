"""Detections: what they hold, and what they refuse."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.type.value_type import Detections

TWO = {
    "boxes": [[0, 0, 10, 20], [5, 5, 5, 6]],
    "scores": [0.5, 1],
    "class_ids": [1, 0],
    "class_names": ["cat", "dog"],
    "image_size": [640, 480],
}


def made(**changes):
    return Detections(**{**TWO, **changes})


def test_arrays_have_the_promised_types_and_are_read_only():
    found = made()
    assert (found.boxes.dtype, found.boxes.shape) == (np.float32, (2, 4))
    assert (found.scores.dtype, found.class_ids.dtype) == (np.float32, np.int64)
    assert found.class_names == ("cat", "dog")
    assert found.image_size == (640, 480)
    assert len(found) == 2
    assert found.names() == ["dog", "cat"]
    for array in (found.boxes, found.scores, found.class_ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_what_they_were_made_from_stays_apart():
    boxes = np.array(TWO["boxes"], dtype=np.float32)
    found = made(boxes=boxes)
    boxes[0] = 7
    assert found == made()


def test_there_may_be_none():
    none = Detections(boxes=[], scores=[], class_ids=[], class_names=[], image_size=(1, 1))
    assert none.boxes.shape == (0, 4)
    assert none.names() == []


def test_whole_class_ids_may_come_as_floats():
    assert made(class_ids=np.array([[1.0], [0.0]], dtype=np.float32)) == made()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boxes": [[0, 0, 1]] * 2}, "boxes have the shape (N, 4), got (2, 3)"),
        ({"boxes": [0, 0, 1, 1]}, "boxes have the shape (N, 4), got (4,)"),
        ({"boxes": [[0, 0, 1, 1], [0]]}, "boxes are numbers, in rows of one length"),
        ({"boxes": {"a": 1}}, "boxes are numbers"),
        ({"boxes": [[0, 0, 1, 1]]}, "of one length, got 1, 2 and 2"),
        ({"boxes": [[0, 0, 1, np.nan]] * 2}, "NaN or infinite"),
        ({"boxes": [[0, 0, 1, 1e39]] * 2}, "NaN or infinite"),
        ({"boxes": [[5, 0, 1, 1]] * 2}, "one has its right or bottom before its left or top"),
        ({"scores": [0.5, 1.1]}, "scores lie in 0..1"),
        ({"scores": [0.5, np.nan]}, "scores lie in 0..1"),
        ({"scores": ["high", "low"]}, "scores are numbers"),
        ({"class_ids": [0, 2]}, "class_ids index class_names (0..1)"),
        ({"class_ids": [0, -1]}, "class_ids index class_names"),
        ({"class_ids": [0.7, 0]}, "class_ids are whole numbers"),
        ({"class_ids": [2**70, 0]}, "class_ids are whole numbers"),
        ({"class_names": "cat"}, "class_names are a list of names, got text 'cat'"),
        ({"class_names": 5}, "class_names are a list of names"),
        ({"image_size": 640}, "image_size is (width, height) in whole pixels, got 640"),
        ({"image_size": (640,)}, "image_size is (width, height)"),
        ({"image_size": (640.5, 480)}, "image_size is (width, height)"),
        ({"image_size": (np.nan, 480)}, "image_size is (width, height)"),
        ({"image_size": (-1, 480)}, "image_size is (width, height)"),
    ],
)
def test_what_is_off_is_named(changes, said):
    with pytest.raises(ValueError, match=r"boxes|scores|class_|image_size") as error:
        made(**changes)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (5, "detections are an object, got whole number 5"),
        ([], "detections are an object, got list []"),
        ({}, "missing: boxes, scores, class_ids, class_names, image_size"),
        ({**TWO, "polygons": []}, "unknown: polygons"),
    ],
)
def test_plain_data_that_is_none_is_refused(data, said):
    with pytest.raises(ValueError, match="detections") as error:
        Detections.from_json(data)
    assert said in str(error.value)


def test_a_selection_keeps_the_order_asked_for():
    assert made().select(np.array([1, 0])).names() == ["cat", "dog"]
    assert made().select(made().scores > 0.7).names() == ["cat"]
    assert len(made().select(np.array([], dtype=int))) == 0


def test_equal_detections_are_equal_and_not_hashable():
    assert made() == made()
    assert made() != made(scores=[0.5, 0.9])
    assert made() != "detections"
    with pytest.raises(TypeError):
        hash(made())


SIDES = st.floats(0, 1000, width=32)


@given(st.lists(st.tuples(SIDES, SIDES, SIDES, SIDES, st.floats(0, 1, width=32), st.integers(0, 2)), max_size=4))
def test_they_come_back_from_plain_data_without_loss(rows):
    found = Detections(
        boxes=[[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d, _, _ in rows],
        scores=[row[4] for row in rows],
        class_ids=[row[5] for row in rows],
        class_names=("a", "b", "c"),
        image_size=(1000, 1000),
    )
    back = Detections.from_json(json.loads(json.dumps(found.to_json())))
    assert back == found
    assert back.boxes.tobytes() == found.boxes.tobytes()


def mask_of(found, fill=True):
    return tuple(
        np.full((bottom - top, right - left), fill)
        for left, top, right, bottom in (found.pixel_box(index) for index in range(len(found)))
    )


def test_masks_and_keypoints_come_back_as_they_were():
    plain = made()
    rng = np.random.default_rng(0)
    masks = tuple(rng.random(mask.shape) < 0.5 for mask in mask_of(plain))
    points = rng.random((len(plain), 5, 3)).astype(np.float32)
    found = made(masks=masks, keypoints=points)
    again = Detections.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert all(np.array_equal(mine, other) for mine, other in zip(again.masks, masks, strict=True))
    assert np.array_equal(again.keypoints, points)
    assert found != plain
    assert not found.keypoints.flags.writeable


def test_what_is_selected_keeps_its_mask_and_keypoints():
    plain = made()
    points = np.arange(len(plain) * 6, dtype=np.float32).reshape(len(plain), 2, 3) % 1
    found = made(masks=mask_of(plain), keypoints=points)
    for keep in (np.array([1]), np.array([False, True])):
        last = found.select(keep)
        assert last.masks[0].shape == found.masks[1].shape
        assert np.array_equal(last.keypoints, points[1:])


def test_a_mask_lies_where_its_box_does():
    found = Detections([(1.5, 2, 4, 3.2), (-5, -5, -1, -1)], [1, 1], [0, 0], ("a",), (6, 5))
    assert found.pixel_box(0) == (1, 2, 4, 4)
    found = Detections(found.boxes, [1, 1], [0, 0], ("a",), (6, 5), masks=mask_of(found))
    whole = found.mask(0)
    assert whole.shape == (5, 6)
    assert whole.sum() == whole[2:4, 1:4].sum() == 6
    assert not found.mask(1).any()
    with pytest.raises(ValueError, match="no masks"):
        made().mask(0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"masks": ()}, "one mask for each box"),
        ({"masks": (np.ones((1, 1), bool), np.ones((1, 1), bool))}, "covers the pixels of its box"),
        ({"masks": (np.ones((1, 1)),)}, "booleans"),
        ({"masks": 7}, "one array for each box"),
        ({"keypoints": np.zeros((2, 4, 2))}, "shape"),
        ({"keypoints": np.full((2, 4, 3), np.nan)}, "NaN"),
        ({"keypoints": np.full((2, 4, 3), 2)}, r"0\.\.1"),
    ],
)
def test_masks_and_keypoints_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        made(**changes)


@pytest.mark.parametrize(
    "mask",
    [
        7,
        {},
        {"size": [2, 2], "runs": [3]},
        {"size": [2, -2], "runs": []},
        {"size": [1 << 20, 1 << 20], "runs": [1 << 40]},
    ],
)
def test_run_lengths_that_are_none_are_refused(mask):
    with pytest.raises(ValueError, match="mask"):
        Detections.from_json({**made().to_json(), "masks": [mask, mask]})
