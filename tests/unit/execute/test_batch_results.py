"""The table of a batch's results, and the best of its settings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from flowra.dag.graph.values import Link
from flowra.exceptions import NodeFailedError, UsageError
from flowra.execute.batch.best import Best, Goal
from flowra.execute.batch.item import ItemResult
from flowra.execute.batch.results import ResultsTable


def result(index, value=None, *, status="succeeded", setting=(), **given):
    outputs = {} if value is None else {"metrics": {"map50": value, "names": ["a", "b"]}, "note": "图"}
    error = None if status == "succeeded" else NodeFailedError("node it failed", node="it", type="t", why="too small")
    return ItemResult(index, f"item-{index}", given, status, outputs, error=error, setting=setting)


RESULTS = [
    result(2, 0.5, path=Path("a.jpg"), radius=2),
    result(0, 1, radius=1),
    result(1, status="failed", radius=1),
]


def written(path):
    with ResultsTable(path) as table:
        for each in RESULTS:
            table.add(each)
    assert [each.name for each in path.parent.iterdir()] == [path.name]  # nothing temporary is left
    return path


def test_rows_stand_in_the_order_of_the_items_with_fields_as_columns(tmp_path):
    with written(tmp_path / "r.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ["item-0", "item-1", "item-2"]
    assert [row["metrics.map50"] for row in rows] == ["1", "", "0.5"]
    assert rows[2]["given.path"] == "a.jpg"
    assert rows[2]["metrics.names"] == '["a", "b"]'
    assert rows[1]["error"] == "too small"
    assert list(rows[0])[-1] == "error"


def test_lines_of_json_keep_the_kinds_of_values(tmp_path):
    rows = [json.loads(line) for line in written(tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row.get("metrics.map50") for row in rows] == [1, None, 0.5]
    assert rows[0]["note"] == "图"


def test_parquet_has_a_type_for_each_column(tmp_path):
    table = parquet.read_table(written(tmp_path / "r.parquet"))
    assert table.column("metrics.map50").to_pylist() == [1.0, None, 0.5]
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["item"], types["cached"], types["metrics.map50"], types["note"]) == (
        "int64", "bool", "double", "string",
    )  # fmt: skip


def test_a_table_of_nothing_is_written_too(tmp_path):
    for name in ("r.csv", "r.jsonl", "r.parquet"):
        with ResultsTable(tmp_path / name):
            pass
    assert (tmp_path / "r.csv").read_text(encoding="utf-8").strip() == "item,label,status,seconds,cached"
    assert (tmp_path / "r.jsonl").read_text(encoding="utf-8") == ""
    assert parquet.read_table(tmp_path / "r.parquet").num_rows == 0


def test_what_can_t_be_written_is_said_before_the_batch_runs(tmp_path):
    with pytest.raises(UsageError, match=r"name it \.csv"):
        ResultsTable(tmp_path / "r.xlsx")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="can't be written"):
        ResultsTable(tmp_path / "file" / "r.csv")


class TestBest:
    def best(self, goal, results, settings=("radius",)):
        parsed = Goal.parse(goal)
        output, fields = parsed.output({"metrics": Link("measure", "metrics")})
        best = Best(parsed, output, fields, settings)
        for each in results:
            best.add(each)
        return best

    def test_it_is_the_best_mean_over_the_items_of_a_setting(self):
        results = [
            result(0, 0.9, setting=(0,), radius=1),
            result(1, 0.4, setting=(1,), radius=2),
            result(2, 0.1, setting=(0,), radius=1),
            result(3, 0.8, setting=(1,), radius=2),
        ]
        found = self.best("max metrics.map50", results).found()
        assert (found.given, found.items) == ({"radius": 2}, 2)
        assert found.value == pytest.approx(0.6)
        assert self.best("min metrics.map50", results).found().given == {"radius": 1}

    def test_an_output_may_be_named_as_the_nodes_that_gives_it(self):
        links = {"found": Link("detect", "metrics"), "metrics": Link("measure", "metrics")}
        assert Goal.parse("max detect.metrics.map50").output(links) == ("found", ("map50",))
        assert Goal.parse("max detect.count").output(links) == ("detect.count", ())

    def test_of_equal_ones_it_is_the_first_that_was_tried_however_they_end(self):
        results = [result(1, 0.5, setting=(1,), radius=2), result(0, 0.5, setting=(0,), radius=1)]
        assert self.best("max metrics.map50", results).found().given == {"radius": 1}

    def test_without_a_sweep_it_is_an_item(self):
        assert self.best("max metrics.map50", [result(0, 0.2), result(1, 0.9)], ()).found().name == "item-1"

    def test_failures_and_what_is_no_number_count_nothing(self):
        best = self.best("max metrics.names", [result(0, 0.2), result(1, status="failed")])
        assert best.found() is None
        assert best.problem == "metrics.names is a list, not a number"

    @pytest.mark.parametrize("text", ["map50", "most metrics", "max", "max metrics..x", "max nothing"])
    def test_what_names_no_best_is_refused(self, text):
        with pytest.raises(UsageError):
            Goal.parse(text).output({"metrics": Link("measure", "metrics")})
