"""What differs between two runs."""

from __future__ import annotations

import numpy as np
import pytest

from flowra.cli.debug.changes import changes_between

PICTURE = np.random.default_rng(1).integers(0, 200, (20, 30, 3), np.uint8)

NAN = "n.out: 1 of 2 values differ, by up to 0, 0 on average; 1 were or became NaN or infinite"


def said(before, after):
    return [str(change) for change in changes_between({"n.out": before}, {"n.out": after})]


def test_what_is_equal_is_not_told():
    for value in (PICTURE, 1.5, "a", [1, {"b": 2}], None, np.array([np.nan, 1.0])):
        assert said(value, value.copy() if hasattr(value, "copy") else value) == []


def test_pictures_say_how_many_values_differ_by_how_much_and_show_it():
    other = PICTURE.copy()
    other[0, :10] += 8
    [change] = changes_between({"n.out": PICTURE}, {"n.out": other})
    assert change.said.startswith("30 of 1,800 values differ, by up to 8, ")
    assert change.picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1.5, 2.5, "n.out: number 1.5 → number 2.5"),
        ("a", "b", "n.out: text 'a' → text 'b'"),
        (PICTURE, PICTURE[:10], "n.out: 20×30×3 uint8 → 10×30×3 uint8"),
        (PICTURE, PICTURE.astype(np.uint16), "n.out: 20×30×3 uint8 → 20×30×3 uint16"),
        (
            np.array([1.0, 2.0]),
            np.array([1.0, np.nan]),
            NAN,
        ),
        (object(), object(), "n.out: object → object"),
    ],
)
def test_a_difference_is_told_in_words(before, after, expected):
    [found] = said(before, after)
    assert found == expected or ("object" in expected and "differs" in found)


def test_outputs_that_come_and_go_are_told():
    assert [str(each) for each in changes_between({"a.x": 1}, {"b.x": 1})] == ["a.x: is gone", "b.x: is new"]
