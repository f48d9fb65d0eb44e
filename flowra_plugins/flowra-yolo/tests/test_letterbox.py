"""Pictures lie in the input as the models were trained, and what is found there comes back to its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra_yolo.letterbox import Letterbox

sides = st.integers(1, 3000)


@given(sides, sides, st.sampled_from([(256, 256), (640, 640), (640, 384), (96, 640)]), st.data())
def test_a_box_comes_back_exactly_whatever_the_size(width, height, input_size, data):
    letterbox = Letterbox((width, height), input_size)
    left, right = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    top, bottom = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    box = np.array([[left, top, right, bottom]], np.float32)
    scale = np.array(letterbox.scale * 2)
    there = box * scale + np.array(letterbox.offset * 2)
    back = letterbox.boxes_in_picture(there.astype(np.float32))
    # A float32 has 24 bits: what is lost is a fraction of a pixel that depends on the factor alone.
    assert np.abs(back - box).max() <= 1e-3 * max(1, 1 / scale.min())


@given(sides, sides)
def test_a_picture_fits_and_lies_in_the_middle(width, height):
    letterbox = Letterbox((width, height), (640, 384))
    (wide, high), (left, top) = letterbox.scaled_size, letterbox.offset
    assert 1 <= wide <= 640
    assert 1 <= high <= 384
    assert wide == 640 or high == 384
    assert abs(left - (640 - wide - left)) <= 1
    assert abs(top - (384 - high - top)) <= 1


@pytest.mark.parametrize("shape", [(101, 53), (53, 101), (256, 256), (1, 700), (700, 1), (1, 1), (2000, 1999)])
def test_the_edges_of_the_picture_are_where_they_are_said_to_be(shape):
    image = np.full((*shape, 3), 200, np.uint8)
    canvas = np.zeros((256, 256, 3), np.uint8)
    letterbox = Letterbox(shape[::-1], (256, 256))
    letterbox.lay_in(image, canvas)
    (wide, high), (left, top) = letterbox.scaled_size, letterbox.offset
    inside = np.zeros((256, 256), bool)
    inside[top : top + high, left : left + wide] = True
    assert (canvas[inside] == 200).all()
    assert (canvas[~inside] == 114).all()


def test_boxes_are_cut_off_at_the_picture():
    letterbox = Letterbox((100, 50), (200, 200))
    assert letterbox.boxes_in_picture(np.array([[-50, 0, 400, 400]], np.float32)).tolist() == [[0, 0, 100, 50]]
    assert letterbox.boxes_in_picture(np.zeros((0, 4), np.float32)).shape == (0, 4)
