"""Two keys are compared in words that name what changed."""

import copy

import pytest

from flowra.dag.key import differences

KEY = {
    "format": "flowra-key/1",
    "type": "image/Threshold",
    "version": 1,
    "ports": "aa",
    "code": {"files": {"flowra_image/filters.py": "11", "flowra_image/pixels.py": "22"}, "digest": "c"},
    "values": {"AnyImage": {"files": {"flowra_image/types/images.py": "33"}, "digest": "d"}},
    "libraries": {"numpy": "2.3", "onnxruntime": None},
    "init": {"model": {"file": "m.onnx", "digest": "e"}},
    "inputs": {
        "image": {"from": "load.image", "digest": "f"},
        "threshold": {"value": 0.5},
        "photo": {"file": "photo.jpg", "digest": "g"},
        "many": {"items": [{"file": "a.png", "digest": "h"}, {"file": "b.png", "digest": "i"}], "digest": "j"},
        "array": {"about": "ndarray of shape (2, 3) and dtype uint8", "digest": "k"},
    },
}


def changed(*steps_and_value):
    *steps, last, value = steps_and_value
    key = copy.deepcopy(KEY)
    place = key
    for step in steps:
        place = place[step]
    place[last] = value
    return key


def test_the_same_key_has_no_differences():
    assert differences(KEY, copy.deepcopy(KEY)) == []


@pytest.mark.parametrize(
    ("new", "phrase"),
    [
        (changed("version", 2), "node version 1 → 2"),
        (changed("type", "image/Other"), "node type image/Threshold → image/Other"),
        (changed("ports", "bb"), "the names or types of its ports"),
        (changed("code", "files", "flowra_image/filters.py", "99"), "code of flowra_image/filters.py"),
        (changed("code", {"version": "7"}), "code: it is now named by its version, 7"),
        (
            changed("values", "AnyImage", "files", "flowra_image/types/images.py", "99"),
            "code of flowra_image/types/images.py, which handles AnyImage",
        ),
        (changed("libraries", "numpy", "2.4"), "library numpy 2.3 → 2.4"),
        (changed("libraries", "onnxruntime", "1.2"), "library onnxruntime (not installed) → 1.2"),
        (changed("fingerprint", "x"), "fingerprint null → 'x'"),
        (changed("init", "model", "digest", "z"), "init model: the file m.onnx has other contents"),
        (changed("inputs", "image", "digest", "z"), "image: other bytes from load.image"),
        (
            changed("inputs", "image", {"from": "crop.image", "digest": "z"}),
            "image: what load.image gives → what crop.image gives",
        ),
        (changed("inputs", "image", {"file": "a.png", "digest": "z"}), "image: what load.image gives → the file a.png"),
        (changed("inputs", "threshold", "value", 0.6), "threshold 0.5 → 0.6"),
        (changed("inputs", "threshold", {"from": "a.b", "digest": "z"}), "threshold: 0.5 → what a.b gives"),
        (changed("inputs", "photo", "digest", "z"), "photo: the file photo.jpg has other contents"),
        (
            changed("inputs", "photo", {"file": "b.jpg", "digest": "z"}),
            "photo: the file photo.jpg → the file b.jpg",
        ),
        (changed("inputs", "many", "items", 1, "digest", "z"), "many[1]: the file b.png has other contents"),
        (changed("inputs", "many", {"items": [], "digest": "z"}), "many: 2 items → 0 items"),
        (
            changed("inputs", "array", "digest", "z"),
            "array: another value (ndarray of shape (2, 3) and dtype uint8)",
        ),
        (changed("inputs", "blur", {"value": 1}), "blur: it was not there before"),
        (changed("format", "flowra-key/2"), "how Flowra makes keys: 'flowra-key/1' → 'flowra-key/2'"),
        (changed("mood", 1), "a part of the key that has no name here; it was made by another version of Flowra"),
    ],
)
def test_one_change_is_one_phrase(new, phrase):
    assert differences(KEY, new) == [phrase]


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, True), (0, False), ("1", 1)])
def test_values_that_python_takes_for_equal_differ(old, new):
    one, other = changed("inputs", "threshold", "value", old), changed("inputs", "threshold", "value", new)
    assert len(differences(one, other)) == 1


def test_a_value_that_comes_from_elsewhere_and_is_the_same_is_no_difference_of_keys():
    other = changed("inputs", "image", "from", "crop.image")
    other["inputs"]["threshold"] = {"value": 0.75}
    assert differences(KEY, other) == ["threshold 0.5 → 0.75"]


def test_code_that_is_new_or_gone_is_named():
    new = changed("code", {"files": {"flowra_image/filters.py": "11", "flowra_image/new.py": "1"}, "digest": "z"})
    assert differences(KEY, new) == [
        "code of flowra_image/new.py (new)",
        "code of flowra_image/pixels.py (no longer used)",
    ]
