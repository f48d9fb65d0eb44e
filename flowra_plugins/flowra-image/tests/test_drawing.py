from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures

from flowra.type.detections import Detections
from flowra_image.drawing import class_color, draw_boxes
from flowra_image.errors import ImageError
from flowra_image.pixels import to_dtype, to_mode


def detections(boxes, size, names=("face",), ids=None, scores=None):
    count = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, 0.9, np.float32) if scores is None else scores,
        class_ids=np.zeros(count, np.int64) if ids is None else ids,
        class_names=names,
        image_size=size,
    )


corner = st.floats(-50, 80, width=32)


@given(
    pictures(), st.lists(st.tuples(corner, corner, st.floats(0, 60, width=32), st.floats(0, 60, width=32)), max_size=4)
)
def test_boxes_anywhere_can_be_drawn_on_any_picture(image, raw):
    boxes = [(x, y, x + wide, y + high) for x, y, wide, high in raw]
    drawn = draw_boxes(image, detections(boxes, image.shape[1::-1]))
    assert is_canonical(drawn)
    assert drawn.dtype == image.dtype
    assert drawn.shape[:2] == image.shape[:2]
    assert drawn.ndim == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_lines_lie_just_inside_of_the_box_and_the_rest_is_untouched(photo, mode, dtype):
    image = to_dtype(to_mode(photo("cat"), mode), dtype)
    found = detections([(50, 60, 150, 180)], (451, 300))
    drawn = draw_boxes(image, found, color=(1, 0, 0, 1), line_width=3, labels=False, scores=False)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    red = (drawn[..., 0] == full) & (drawn[..., 1] == 0) & (drawn[..., 2] == 0)
    frame = np.zeros((300, 451), bool)
    frame[60:180, 50:150] = True
    frame[63:177, 53:147] = False
    assert red[frame].all()
    assert np.array_equal(drawn[~frame], to_mode(image, "RGB" if mode == "L" else mode)[~frame])


def test_boxes_of_another_size_are_scaled(photo):
    small = detections([(10, 10, 20, 20)], (45, 30))
    drawn = draw_boxes(photo("cat"), small, line_width=2, labels=False, scores=False)
    changed = np.argwhere((drawn != photo("cat")).any(axis=2))
    assert np.abs(changed.min(axis=0) - (100, 100)).max() <= 2
    assert np.abs(changed.max(axis=0) - (200, 200)).max() <= 2


def test_nothing_found_is_the_picture_itself(photo):
    assert np.array_equal(draw_boxes(photo("cat"), detections([], (451, 300))), photo("cat"))


def test_labels_stay_in_the_picture_and_classes_have_their_colours(photo):
    image = photo("coffee")
    found = detections(
        [(500, 0, 600, 80), (10, 300, 60, 390)], (600, 400), ("a very long class name", "cup"), [0, 1], [0.5, 1.0]
    )
    drawn = draw_boxes(image, found)
    for index in (0, 1):
        ink = np.rint(np.array(class_color(index)[:3]) * 255)
        assert (drawn == ink).all(axis=2).sum() > 100
    assert (draw_boxes(image, found, labels=False, scores=False) != drawn).any()


def test_a_file_that_is_no_font_is_named(photo, tmp_path):
    (tmp_path / "a.ttf").write_text("no")
    with pytest.raises(ImageError, match="is no font"):
        draw_boxes(photo("cat"), detections([(0, 0, 9, 9)], (451, 300)), font=tmp_path / "a.ttf")
