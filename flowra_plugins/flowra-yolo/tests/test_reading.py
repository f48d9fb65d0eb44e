"""Outputs of every layout become the same detections, as an independent implementation reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_models import write_model

from flowra_yolo.detector import Detector
from flowra_yolo.errors import YoloError
from flowra_yolo.facts import ModelFacts
from flowra_yolo.letterbox import Letterbox
from flowra_yolo.metrics import box_iou
from flowra_yolo.network import Network
from flowra_yolo.reading import Limits, read_outputs

NAMES = "{0: 'cat', 1: 'dog'}"
PICTURE = np.zeros((64, 64, 3), np.uint8)

#: Centre x, centre y, width, height; probabilities of cat and dog: a cat, the same cat less sure, a dog over it, noise.
COLUMNS = np.array(
    [
        (20, 30, 20, 20, 0.9, 0.1),
        (21, 30, 20, 20, 0.8, 0.1),
        (21, 31, 20, 20, 0.1, 0.7),
        (50, 50, 10, 10, 0.1, 0.2),
        *[(5, 5, 4, 4, 0.0, 0.0)] * 60,
    ],
    np.float32,
)
FOUND = [("cat", 0.9, (10, 20, 30, 40)), ("dog", 0.7, (11, 21, 31, 41))]


def found_by(path, limits=None):
    return Detector(Network(path)).find(PICTURE, limits or Limits())


def told(found):
    return [
        (name, round(float(score), 2), tuple(np.rint(box).astype(int).tolist()))
        for name, score, box in zip(found.names(), found.scores, found.boxes, strict=True)
    ]


def with_objectness(columns):
    return np.concatenate([columns[:, :4], np.ones((len(columns), 1)), columns[:, 4:]], axis=1)


FINAL = np.array([(10, 20, 30, 40, 0.9, 0), (11, 21, 31, 41, 0.7, 1), *[(0, 0, 0, 0, 0, 0)] * 8])


@pytest.mark.parametrize("names", [{"names": NAMES}, {}], ids=["names", "no-names"])
@pytest.mark.parametrize("output", [COLUMNS.T, with_objectness(COLUMNS), FINAL], ids=["columns", "rows", "final"])
def test_each_layout_gives_the_same_detections(tmp_path, output, names):
    found = found_by(write_model(tmp_path / "m.onnx", output, metadata=names))
    if names:
        assert told(found) == FOUND
    elif output is not FINAL:
        assert told(found) == [(f"class {('cat', 'dog').index(name)}", *rest) for name, *rest in FOUND]
    else:  # how many classes there are, it does not say: what is no class of the one it must have is left out
        assert told(found) == [("class 0", *FOUND[0][1:])]


def test_objectness_counts(tmp_path):
    rows = with_objectness(COLUMNS)
    rows[0, 4] = 0.2
    found = found_by(write_model(tmp_path / "m.onnx", rows, metadata={"names": NAMES}))
    assert [(name, score) for name, score, _ in told(found)] == [("cat", 0.8), ("dog", 0.7)]


def test_classes_suppress_each_other_only_if_asked(tmp_path):
    path = write_model(tmp_path / "m.onnx", COLUMNS.T, metadata={"names": NAMES})
    assert [name for name, *_ in told(found_by(path, Limits(agnostic=True)))] == ["cat"]
    assert [name for name, *_ in told(found_by(path, Limits(classes=frozenset({1}))))] == ["dog"]
    assert len(found_by(path, Limits(most=1))) == 1
    assert len(found_by(path, Limits(iou=1))) == 3


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("batch", [None, 1, 4])
def test_pictures_pass_through_together_whatever_the_model_takes(tmp_path, batch, half):
    path = write_model(tmp_path / "m.onnx", COLUMNS.T, metadata={"names": NAMES}, batch=batch, half=half)
    detector = Detector(Network(path))
    images = [np.zeros((height, 64, 3), np.uint8) for height in (64, 32, 64, 64, 64)]
    found = detector.find_in_all(images, [Limits()] * 5)
    assert [each.image_size for each in found] == [(64, 64), (64, 32), (64, 64), (64, 64), (64, 64)]
    assert all(told(each) == told(found[0]) for each in (found[0], *found[2:]))
    assert told(found[0])[0][0] == "cat"


def test_the_size_of_an_open_input_is_asked_for_or_the_models_own(tmp_path):
    names = {"names": NAMES, "stride": "32", "imgsz": "[96, 128]"}
    path = write_model(tmp_path / "m.onnx", COLUMNS.T, metadata=names, size=None)
    assert Network(path).input_size == (128, 96)
    assert Network(path, size=320).input_size == (320, 320)
    with pytest.raises(YoloError, match="no multiple"):
        Network(path, size=100)
    fixed = write_model(tmp_path / "f.onnx", COLUMNS.T, metadata=names)
    assert Network(fixed).input_size == (64, 64)
    with pytest.raises(YoloError, match="64×64, and 320×320"):
        Network(fixed, size=320)


def test_masks_follow_their_objects(tmp_path):
    """Two prototypes, left and right half of the input, weighted by each box's coefficients."""
    prototypes = np.full((2, 16, 16), -1.0)
    prototypes[0, :, :8], prototypes[1, :, 8:] = 1, 1
    coefficients = np.array([(1, 0), (1, 0), (0, 1), *[(0, 0)] * 61])
    path = write_model(
        tmp_path / "m.onnx",
        np.concatenate([COLUMNS, coefficients], axis=1).T,
        prototypes,
        metadata={"names": NAMES, "task": "segment"},
    )
    detector = Detector(Network(path))
    assert detector.network.facts.task == "segment"
    found = detector.find(PICTURE, Limits())
    assert told(found) == FOUND
    cat, dog = found.mask(0), found.mask(1)
    rows, columns = np.nonzero(cat)
    # The box reaches from 10 to 30, the left half of the input to 32.
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (20, 40, 10, 30)
    assert not dog.any()
    # In a picture twice as large the mask is, too.
    large = detector.find(np.zeros((128, 128, 3), np.uint8), Limits()).mask(0)
    assert np.array_equal(large, np.repeat(np.repeat(cat, 2, axis=0), 2, axis=1))


@pytest.mark.parametrize("numbers", [2, 3])
def test_keypoints_come_back_to_the_picture(tmp_path, numbers):
    points = np.tile(np.array([(20, 30, 0.5), (25, 35, 0.9)])[:, :numbers].reshape(1, -1), (64, 1))
    path = write_model(
        tmp_path / "m.onnx",
        np.concatenate([COLUMNS, points], axis=1).T,
        metadata={"names": NAMES, "task": "pose", "kpt_shape": f"[2, {numbers}]"},
    )
    found = Detector(Network(path)).find(np.zeros((128, 256, 3), np.uint8), Limits())
    # 256×128 lies in 64×64 at a quarter, 16 pixels down.
    assert found.keypoints[0, :, :2].tolist() == [[80, 56], [100, 76]]
    assert found.keypoints[0, :, 2].tolist() == pytest.approx([0.5, 0.9] if numbers == 3 else [1, 1])


@pytest.mark.parametrize(
    ("outputs", "metadata", "said"),
    [
        ([np.zeros((9, 9))], {"names": NAMES}, "no YOLO that is known"),
        ([np.zeros((2, 3, 4))], {}, "no YOLO that is known"),
        ([COLUMNS.T], {"names": NAMES, "task": "classify"}, "the model's task is classify"),
        ([COLUMNS.T], {"names": NAMES, "task": "segment"}, "gives no masks"),
    ],
)
def test_models_of_another_kind_are_refused(tmp_path, outputs, metadata, said):
    with pytest.raises(YoloError, match=said):
        Network(write_model(tmp_path / "m.onnx", *outputs, metadata=metadata))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(YoloError, match="can't be loaded") as caught:
        Network(path)
    assert str(path) in str(caught.value)
    assert "yolo export" in str(caught.value)


def test_a_device_that_is_not_there_is_named(model_path):
    with pytest.raises(YoloError, match="no rocm here"):
        Network(model_path, device="rocm")


def test_a_class_that_is_not_there_is_named(detector):
    assert detector.class_ids(["square"]) == {1}
    with pytest.raises(YoloError, match="knows no class 'sqare'") as caught:
        detector.class_ids(["sqare"])
    assert "did you mean 'square'?" in str(caught.value)


def plainly(output, count, limits, letterbox):
    """Read an output of columns the slow way: box by box, as the papers describe it."""
    left_in, top_in = letterbox.offset
    scale_x, scale_y = letterbox.scale
    width, height = letterbox.image_size
    rows = []
    for x, y, wide, high, *classes in output.T.astype(float).tolist():
        best = max(range(count), key=lambda index: classes[index])
        if classes[best] >= limits.confidence:
            rows.append((classes[best], best, (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)))
    rows.sort(key=lambda row: -row[0])
    kept = []
    for row in rows:
        of_class = [other[2] for other in kept if other[1] == row[1]]
        if all(box_iou(np.array([row[2]]), np.array([box]))[0, 0] <= limits.iou for box in of_class):
            kept.append(row)
    result = []
    for score, best, (left, top, right, bottom) in kept:
        box = (
            min(max((left - left_in) / scale_x, 0), width),
            min(max((top - top_in) / scale_y, 0), height),
            min(max((right - left_in) / scale_x, 0), width),
            min(max((bottom - top_in) / scale_y, 0), height),
        )
        if box[2] > box[0] and box[3] > box[1]:
            result.append((best, score, box))
    return result


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([(64, 64), (131, 77), (30, 200)]))
def test_an_independent_implementation_reads_the_same(seed, classes, size):
    random = np.random.default_rng(seed)
    output = np.concatenate([random.uniform(0, 64, (2, 40)), random.uniform(1, 30, (2, 40))])
    # Scores that differ, so that the order has no ties.
    scores = random.permutation(classes * 40).reshape(classes, 40) / (classes * 40)
    output = np.concatenate([output, scores]).astype(np.float32)
    facts = ModelFacts("detect", "columns", tuple(f"class {index}" for index in range(classes)))
    letterbox, limits = Letterbox(size, (64, 64)), Limits(confidence=0.3, iou=0.4)
    found = read_outputs([output], facts, letterbox, limits)
    expected = plainly(output, classes, limits, letterbox)
    assert found.class_ids.tolist() == [row[0] for row in expected]
    assert found.scores.tolist() == pytest.approx([row[1] for row in expected])
    assert np.abs(found.boxes - np.array([row[2] for row in expected]).reshape(-1, 4)).max(initial=0) < 1e-3


@given(st.integers(0, 2**32 - 1))
def test_numbers_that_make_no_sense_never_crash(seed):
    random = np.random.default_rng(seed)
    output = random.normal(0, 1000, (6, 50)).astype(np.float32)
    output[random.random(output.shape) < 0.1] = np.nan
    output[random.random(output.shape) < 0.05] = np.inf
    facts = ModelFacts("detect", "columns", ("a", "b"))
    read_outputs([output], facts, Letterbox((100, 30), (64, 64)), Limits())
