from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_strategies import is_canonical, pictures

from flowra.type.detections import Detections
from flowra_image.drawing import Shown, class_color, draw_boxes
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


BOXES = Shown(labels=False, scores=False)

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
    drawn = draw_boxes(image, found, color=(1, 0, 0, 1), line_width=3, shown=BOXES)
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    red = (drawn[..., 0] == full) & (drawn[..., 1] == 0) & (drawn[..., 2] == 0)
    frame = np.zeros((300, 451), bool)
    frame[60:180, 50:150] = True
    frame[63:177, 53:147] = False
    assert red[frame].all()
    assert np.array_equal(drawn[~frame], to_mode(image, "RGB" if mode == "L" else mode)[~frame])


def test_boxes_of_another_size_are_scaled(photo):
    small = detections([(10, 10, 20, 20)], (45, 30))
    drawn = draw_boxes(photo("cat"), small, line_width=2, shown=BOXES)
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
    assert (draw_boxes(image, found, shown=BOXES) != drawn).any()


def test_a_file_that_is_no_font_is_named(photo, tmp_path):
    (tmp_path / "a.ttf").write_text("no")
    with pytest.raises(ImageError, match="is no font"):
        draw_boxes(photo("cat"), detections([(0, 0, 9, 9)], (451, 300)), font=tmp_path / "a.ttf")


def segmented(size=(60, 40)):
    """A box whose left half belongs to the object."""
    mask = np.zeros((20, 30), bool)
    mask[:, :15] = True
    return Detections([(10, 10, 40, 30)], [0.9], [0], ("thing",), size, masks=(mask,))


def test_a_mask_covers_the_pixels_that_belong_to_the_object_and_no_others():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = draw_boxes(image, segmented(), color=(1, 1, 1, 1), shown=Shown(False, False, False, masks=0.5))
    inside = np.zeros((40, 60), bool)
    inside[10:30, 10:25] = True
    assert (abs(drawn[inside].astype(int) - 128) <= 1).all()
    assert not drawn[~inside].any()
    assert not draw_boxes(image, segmented(), shown=Shown(False, False, False, masks=0)).any()


def test_a_mask_of_another_size_is_scaled():
    image = np.zeros((80, 120, 3), np.uint8)
    drawn = draw_boxes(image, segmented(), color=(1, 1, 1, 1), shown=Shown(False, False, False, masks=1))
    rows, columns = np.nonzero(drawn.any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 59, 20, 49)


@given(pictures())
def test_masks_and_keypoints_can_be_drawn_on_any_picture(image):
    points = np.tile(np.array([(20, 20, 0.9)], np.float32), (1, 17, 1))
    points[0, 3:9, :2] += 15
    where = detections([(10, 10, 40, 30)], image.shape[1::-1])
    left, top, right, bottom = where.pixel_box(0)
    mask = np.ones((bottom - top, right - left), bool)
    found = Detections(where.boxes, [1], [0], ("a",), where.image_size, masks=(mask,), keypoints=points)
    drawn = draw_boxes(image, found)
    assert is_canonical(drawn)
    assert drawn.dtype == image.dtype


def test_keypoints_that_are_not_sure_are_left_out():
    image = np.zeros((100, 100, 3), np.uint8)
    points = np.array([[(30, 30, 0.9), (70, 70, 0.1)]], np.float32)
    found = Detections([(10, 10, 90, 90)], [0.9], [0], ("a",), (100, 100), keypoints=points)
    drawn = draw_boxes(image, found, shown=Shown(False, False, False)).any(axis=2)
    assert drawn[30, 30]
    assert not drawn[60:80, 60:80].any()
    assert not draw_boxes(image, found, shown=Shown(False, False, False, keypoints=False)).any()


def test_the_joints_of_a_person_are_joined():
    points = np.zeros((1, 17, 3), np.float32)
    points[0, 5], points[0, 6] = (20, 50, 1), (80, 50, 1)
    found = Detections([(0, 0, 100, 100)], [0.9], [0], ("person",), (100, 100), keypoints=points)
    drawn = draw_boxes(np.zeros((100, 100, 3), np.uint8), found, shown=Shown(False, False, False)).any(axis=2)
    assert drawn[50, 20:80].all()
