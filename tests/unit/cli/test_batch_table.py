"""The table of a batch that is printed, and what its items are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowra.cli.batch.items import items_of
from flowra.cli.batch.narrow import narrowed
from flowra.cli.batch.sheet import ContactSheet
from flowra.cli.batch.spec import BatchSpec
from flowra.cli.batch.view import reason_of
from flowra.cli.text import table_rows, table_width
from flowra.dag.graph import Graph
from flowra.dag.plan.interface import input_port
from flowra.exceptions import GraphInvalidError, NodeFailedError, Problem, UsageError
from flowra.execute.batch.item import ItemResult
from flowra.type.value_type import File, Float, String

NAMES = ["item", "label", "detect.confidence", "draw.color", "status", "picture", "error"]
ROWS = [
    {
        "item": str(number),
        "label": f"photos/of a rather long journey/{number}.jpg",
        "detect.confidence": f"0.{number}",
        "draw.color": "something of many letters",
        "status": "succeeded",
        "picture": "picture.png",
    }
    for number in range(3)
]


class TestNarrowed:
    def test_a_table_that_fits_stays_as_it_is(self):
        rows = [{"item": "0", "label": "a.jpg", "status": "succeeded", "draw.color": "red"}] * 2
        names = ["item", "label", "draw.color", "status"]
        assert narrowed(names, rows, {"draw.color"}, set())[0] == names

    def test_what_was_given_alike_for_all_items_makes_place_first(self):
        cells = narrowed(NAMES, ROWS, {"detect.confidence", "draw.color"}, {"picture"})
        assert cells[0] == ["item", "label", "detect.confidence", "status", "picture", "error"]
        assert cells[1][1] == ROWS[0]["label"]

    def test_files_are_called_by_their_names_and_no_status_is_cut(self):
        rows = [{**row, "error": "e" * 80} for row in ROWS]
        cells = narrowed(NAMES, rows, {"detect.confidence", "draw.color"}, {"picture"})
        assert cells[0] == ["item", "label", "confidence", "status", "error"]
        assert cells[1][:4] == ["0", "0.jpg", "0.0", "succeeded"]
        assert all("succeeded" in line for line in table_rows(cells[0], cells[1:])[1:])

    def test_names_that_two_files_have_keep_their_folders(self):
        rows = [{**row, "label": f"{number}/{'long' * 20}/a.jpg"} for number, row in enumerate(ROWS)]
        assert narrowed(NAMES, rows, set(), set())[1][1] == rows[0]["label"]


class TestWidth:
    def test_a_table_is_as_wide_as_the_terminal_and_100_columns_elsewhere(self, monkeypatch):
        assert table_width() == 100
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        for columns, width in (("60", 60), ("10", 40), ("999", 200)):
            monkeypatch.setenv("COLUMNS", columns)
            assert table_width() == width
        monkeypatch.setenv("COLUMNS", "60")
        assert max(map(len, table_rows(["a", "b"], [["x" * 50, "y" * 50]]))) == 60


class TestReason:
    def test_the_path_of_the_item_is_not_read_twice(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        why = f"{tmp_path / 'in' / 'a.jpg'} is no picture\nits first bytes say so"
        error = NodeFailedError("node load failed", node="load", type="t", why=why)
        assert reason_of(ItemResult(0, "in/a.jpg", {}, "failed", error=error)) == "a.jpg is no picture"

    def test_what_is_wrong_with_values_is_the_reason(self):
        problems = [Problem("x", "should be a number"), Problem("y", "is too large")]
        result = ItemResult(0, "", {}, "failed", error=GraphInvalidError("the item can't be run", problems))
        assert result.reason == "x: should be a number\ny: is too large"
        assert reason_of(result) == "x: should be a number"

    def test_an_error_that_says_no_more_than_what_is_its_own_reason(self):
        assert ItemResult(0, "", {}, "failed", error=UsageError("no such thing")).reason == "no such thing"
        assert ItemResult(0, "", {}, "succeeded").reason == ""


class TestLines:
    @pytest.fixture
    def items(self, tmp_path):
        """Read the lines of a file."""
        graph = Graph("it")
        graph.input("note", String)
        graph.input("photo", File)
        graph.input("x", Float)

        def port_of(name):
            if name not in graph.inputs:
                raise UsageError(f"no input {name}")
            return input_port(graph.inputs[name])

        def read(text, name="items.csv"):
            path = tmp_path / name
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            return items_of(BatchSpec(file=str(path)), graph, (), port_of)

        return read

    def test_a_line_is_known_by_the_file_that_it_gives(self, items):
        found = items("note,photo,x\nhello,a.jpg,.5\n")
        assert [found.label(given) for given in found.given] == ["a.jpg"]

    def test_a_line_without_a_file_is_known_by_its_only_text(self, items):
        found = items('{"note": "hello", "x": 1}\n{"other": "y", "note": "z"}\n', "items.jsonl")
        assert [found.label(given) for given in found.given] == ["hello", ""]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("photo;x\na.jpg;.5\n", {"photo": "a.jpg", "x": 0.5}),
            ('photo,note\n"a;b.jpg","say ""hi"",\nyou"\n', {"photo": "a;b.jpg", "note": 'say "hi",\nyou'}),
            ("photo,note\r\nü.jpg,\r\n", {"photo": "ü.jpg"}),
            ("\ufeffphoto\na.jpg\n", {"photo": "a.jpg"}),
        ],
    )
    def test_a_table_is_read_as_spreadsheets_write_it(self, items, text, expected):
        assert list(items(text).given) == [expected]

    @pytest.mark.parametrize(
        ("name", "text"),
        [("items.csv", "photo\na.jpg\nü.jpg\nb.jpg\n"), ("items.jsonl", '{"x": 1}\n{"note": "ü"}\n{"x": 2}\n')],
    )
    def test_a_line_that_is_no_utf_8_fails_alone_and_says_how_to_save_it(self, items, name, text):
        first, wrong, last = items(text.encode("latin-1"), name).given
        assert isinstance(wrong, UsageError)
        assert wrong.why == "it is not in UTF-8"
        assert "save it in UTF-8" in wrong.fix
        assert isinstance(first, dict)
        assert isinstance(last, dict)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"ph\xfcto\na.jpg\n", "not in UTF-8"),
            ("photo\na.jpg\n".encode("utf-16"), "not in UTF-8"),
            ("photo,x,photo\na,1,b\n", "two columns are called photo"),
            ("", "names no columns"),
        ],
    )
    def test_a_table_whose_columns_can_t_be_read_is_refused(self, items, text, said):
        with pytest.raises(UsageError, match=said):
            items(text)


def test_a_contact_sheet_names_pictures_that_are_several_and_shows_no_none():
    pixels = np.zeros((4, 4, 3), np.uint8)
    page = ContactSheet(Path("sheet.html"))
    page.add(ItemResult(0, "a.jpg", {}, "succeeded", {"edges": pixels, "mask": pixels, "volume": None}))
    page.add(ItemResult(1, "b.jpg", {}, "succeeded", {"edges": pixels}))
    (_, several), (_, one) = page._items
    assert several.count("<figcaption>") == 2
    assert "<figcaption>mask</figcaption>" in several
    assert "<dt>volume</dt><dd>–</dd>" in several
    assert "<figcaption>" not in one
