"""What is said of a value."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flowra.cli.debug.values import TEXT, report_value
from flowra.execute.encoding import encode
from flowra.storage.local.store import LocalStore
from flowra.type.value.containers import ListOf
from flowra.type.value.scalar import JSON, Anything, Float, String
from flowra.type.value_type import AnyImage, Mask, Tensor


def test_an_array_is_told_by_shape_dtype_range_and_what_is_not_finite():
    array = np.array([[1.5, np.nan, -2], [np.inf, np.nan, 0]], np.float32)
    report = report_value("out", Tensor(), array)
    assert (report.shape, report.dtype, report.low, report.high) == ((2, 3), "float32", -2, 1.5)
    assert (report.nan, report.infinite) == (2, 1)
    assert report.facts() == ["shape 2×3", "dtype float32", "range -2..1.5", "2 NaN", "1 infinite"]


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (np.zeros((0, 3), np.int64), ["shape 0×3", "dtype int64"]),
        (np.full((2,), np.nan), ["shape 2", "dtype float64", "2 NaN"]),
        (np.eye(2, dtype=bool), ["shape 2×2", "dtype bool", "range 0..1"]),
        (np.float32(3), ["shape scalar", "dtype float32", "range 3..3"]),
        (np.ones(2, complex), ["shape 2", "dtype complex128"]),
    ],
)
def test_arrays_without_a_range_and_of_every_kind_are_described(array, facts):
    assert report_value("out", Anything(), array).facts() == facts


def test_the_digest_is_the_one_that_a_store_knows_it_by(tmp_path):
    picture = np.arange(30_000, dtype=np.uint8).reshape(100, 100, 3)
    with LocalStore(tmp_path / "store") as store:
        ref = store.put(encode(picture, AnyImage()))
    assert report_value("image", AnyImage(), picture).digest == ref.digest.hex()
    assert report_value("x", Float(), 1.5).digest
    assert report_value("x", Anything(), object()).digest == ""


def test_a_picture_has_a_preview_and_a_path_stands_for_what_lies_there(tmp_path):
    from PIL import Image

    Image.new("RGB", (900, 30), (10, 20, 30)).save(tmp_path / "a.png")
    report = report_value("image", AnyImage(), str(tmp_path / "a.png"))
    assert report.png.startswith(b"\x89PNG")
    assert (report.shape, report.low, report.high) == ((30, 900, 3), 10, 30)
    assert report_value("mask", Mask(), np.eye(4, dtype=bool)).png is not None


def test_what_cannot_be_read_is_described_all_the_same(tmp_path):
    assert "no such.png" in report_value("image", AnyImage(), "no such.png").summary
    assert report_value("image", AnyImage(), object()).png is None


def test_a_list_shows_its_first_picture_and_how_many_there_are():
    pictures = [np.full((4, 4), value, np.uint8) for value in (1, 2)]
    report = report_value("images", ListOf(AnyImage()), pictures)
    assert report.summary.startswith("2 items: ")
    assert report.png is not None
    assert report_value("images", ListOf(AnyImage()), []).png is None


def test_plain_data_is_shown_as_text_and_cut():
    assert report_value("x", JSON(), {"a": [1, "ü"]}).text == json.dumps({"a": [1, "ü"]}, ensure_ascii=False, indent=2)
    assert len(report_value("x", String(), "y" * 10_000).text) == TEXT


def test_a_report_is_plain_data():
    report = report_value("image", AnyImage(), np.zeros((4, 4, 3), np.uint8))
    data = json.loads(json.dumps(report.to_json()))
    assert data["shape"] == [4, 4, 3]
    assert data["png"]
