"""`flowra run` over items, as people run it."""

from __future__ import annotations

import csv
import json
import re
import signal

import pytest
from fixtures.cli_pack import write_graph

pytestmark = pytest.mark.slow

INPUT = {"x": {"type": "Float"}}


@pytest.fixture(scope="module")
def batch(flowra):
    """The command, with graphs that take items."""
    nodes = {
        "give": {"type": "play/Give", "inputs": {"value": {"$input": "x"}}},
        "add": {"type": "play/Add", "inputs": {"a": {"$from": "give.value"}, "b": 10}},
    }
    write_graph(flowra.work / "sum.json", nodes, name="sum", inputs=INPUT, outputs={"total": {"$from": "add.value"}})
    nodes = {"join": {"type": "play/Join", "inputs": {"file": {"$input": "photo"}}}}
    inputs = {"photo": {"type": "File"}, "note": {"type": "String", "default": ""}}
    write_graph(
        flowra.work / "files.json", nodes, name="files", inputs=inputs, outputs={"text": {"$from": "join.text"}}
    )
    slow = {"slow": {"type": "play/Slow", "inputs": {"a": {"$input": "x"}, "seconds": 20}}}
    write_graph(flowra.work / "slow.json", slow, name="slow", inputs=INPUT)
    photos = flowra.work / "photos"
    photos.mkdir()
    (flowra.work / "empty").mkdir()
    for name in ("b.jpg", "a.jpg", "notes.txt"):
        (photos / name).write_text(name, encoding="utf-8")
    (flowra.work / "plain.jsonl").write_text('{"x": 1}\n{"x": 2}\n', encoding="utf-8")
    (flowra.work / "items.csv").write_text("x,add.b\n1,2\n3,\nmany,5\n", encoding="utf-8-sig")
    (flowra.work / "items.jsonl").write_text('{"x": 1}\n\n{"x": 2, "add.b": 0.5}\nno json\n', encoding="utf-8")
    return flowra


def table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class TestItems:
    def test_each_file_that_matches_is_an_item(self, batch):
        done = batch.run("run", "files.json", "--batch", "photos/*.jpg", "-o", "out-files")
        assert (done.returncode, done.stderr) == (0, "")
        rows = table(batch.work / "out-files" / "results.csv")
        assert [(row["label"], row["status"]) for row in rows] == [
            ("photos/a.jpg", "succeeded"),
            ("photos/b.jpg", "succeeded"),
        ]
        assert str(batch.work / "photos" / "a.jpg") in rows[0]["text"]
        assert re.search(
            r"^files: succeeded, 2 items in .*, results in out-files$|^files: succeeded, 2 items", done.stdout, re.M
        )

    def test_a_line_of_a_table_is_an_item_its_cells_are_what_the_ports_take(self, batch):
        done = batch.run("run", "sum.json", "--batch-file", "items.csv", "--results", "r.jsonl")
        assert done.returncode == 5
        rows = [json.loads(line) for line in (batch.work / "r.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [row.get("total") for row in rows] == [3.0, 13.0, None]  # the empty cell leaves the port as it is
        assert "failed: many: x: should be a valid number" in done.stdout

    def test_a_line_of_json_is_an_item_and_one_that_is_none_fails_alone(self, batch):
        done = batch.run("run", "sum.json", "--batch-file", "items.jsonl", "--set", "add.b=7", "--results", "j.csv")
        assert done.returncode == 5
        rows = table(batch.work / "j.csv")
        assert [row["status"] for row in rows] == ["succeeded", "succeeded", "failed"]
        assert rows[0]["total"] == "8.0"
        assert rows[1]["total"] == "2.5"
        assert rows[2]["error"] == "it is no JSON object"
        assert rows[2]["label"] == "items.jsonl, line 4"

    def test_a_node_beside_the_items_that_fails_is_told_of(self, batch):
        nodes = {
            "total": {"type": "play/Give", "inputs": {"value": {"$input": "total"}}},
            "alone": {"type": "play/Join", "inputs": {"file": "not-there.txt"}},
        }
        inputs = {"total": {"type": "Float"}}
        write_graph(
            batch.work / "beside.json", nodes, name="beside", inputs=inputs, outputs={"total": {"$from": "total.value"}}
        )
        (batch.work / "totals.csv").write_text("total\n1\n", encoding="utf-8")
        done = batch.run("run", "beside.json", "--batch-file", "totals.csv")
        assert done.returncode == 5
        assert re.search(r"^failed: alone, which runs once for all items: .*not-there\.txt$", done.stdout, re.M)
        assert re.search(r"^item +given total +status +total$", done.stdout, re.M)

    def test_items_come_from_standard_input_too(self, batch):
        import subprocess

        done = subprocess.run(
            batch.command("run", "sum.json", "--batch-file", "-", "--results", "s.csv"),
            input="x\n1\n2\n", cwd=batch.work, env=batch.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert [row["total"] for row in table(batch.work / "s.csv")] == ["11.0", "12.0"]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("sum.json", "--batch", "nothing/*.jpg"), "no file matches nothing/*.jpg"),
            (("sum.json", "--batch", "nothing"), "no file or folder nothing"),
            (("sum.json", "--batch", "empty"), "no files in the folder empty"),
            (("sum.json", "--batch", "photos/a.jpg", "photos/b.jpg"), "quote it: --batch 'photos/*.jpg'"),
            (("sum.json", "--batch-file", "items.xml"), "not clear how the items are written"),
            (("sum.json", "--batch", "photos/*", "--batch-file", "items.csv"), "both name items"),
            (("sum.json", "--batch", "photos/*", "--batch-input", "y"), "the graph has no input 'y'"),
            (("chain.json", "--batch", "photos/*"), "not clear which input"),
            (("sum.json", "--matrix", "add.c=1"), "add (play/Add) has no port 'c'"),
            (("sum.json", "--matrix", "add.b"), "not of the form --matrix"),
            (("sum.json", "-i", "x=1", "--zip", "give.value=1,2", "add.b=3"), "differs in number"),
            (("sum.json", "-i", "x=1", "--matrix", "add.b=1", "--best", "most total"), "names no best"),
            (("sum.json", "-i", "x=1", "--matrix", "add.b=1", "--results", "r.xls"), "no table can be written"),
            (("sum.json", "-i", "x=1", "--best", "max total"), "--best goes with a batch"),
        ],
    )
    def test_what_can_t_be_meant_is_refused(self, batch, arguments, said):
        done = batch.run("run", *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


class TestSweeps:
    def test_every_combination_is_run_and_the_best_is_named(self, batch):
        done = batch.run(
            "run", "sum.json", "-i", "x=1", "--matrix", "add.b=1,2", "give.value=5,-5", "--best", "min total"
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].split() == ["item", "add.b", "give.value", "status", "total"]
        assert [line.split()[-1] for line in lines[1:5]] == ["6", "-4", "7", "-3"]
        assert "best (min total): add.b=1, give.value=-5  -4" in lines

    def test_what_is_zipped_goes_together_and_the_best_is_the_mean_over_the_items(self, batch):
        (batch.work / "two.jsonl").write_text('{"x": 1}\n{"x": 3}\n', encoding="utf-8")
        done = batch.run(
            "run", "sum.json", "--batch-file", "two.jsonl", "--zip", "add.b=1,2", "give.scale=1,10", "--best",
            "max add.value",
        )  # fmt: skip
        assert "best (max add.value): add.b=2, give.scale=10  22, the mean of 2 items" in done.stdout

    def test_a_dry_run_says_what_runs_how_often(self, batch):
        done = batch.run("run", "sum.json", "--batch-file", "items.jsonl", "--matrix", "add.b=1,2,3", "--dry-run")
        assert done.returncode == 2
        assert "add.b is set twice" in done.stderr
        done = batch.run("run", "files.json", "--batch", "photos", "--matrix", "join.number=1,2", "--dry-run")
        assert done.stdout.splitlines() == [
            "files: 3 items × 2 settings",
            "  for each item × join.number: join",
        ]


class TestViews:
    def test_json_lines_hold_an_event_for_each_item(self, batch):
        done = batch.run("run", "sum.json", "--batch-file", "items.csv", "--no-cache", "--json")
        assert done.returncode == 5
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert {event["event"] for event in events} >= {"planned", "started", "succeeded", "item", "finished"}
        items = {event["item"]: event for event in events if event["event"] == "item"}
        assert [items[number]["status"] for number in (0, 1, 2)] == ["succeeded", "succeeded", "failed"]
        assert "sum: failed, 3 items, 1 failed" in done.stderr

    def test_runs_show_a_batch_with_its_totals_and_failures_first(self, batch):
        batch.run("run", "sum.json", "--batch-file", "items.csv", "--no-cache")
        shown = batch.run("runs", "show", "last").stdout.splitlines()
        assert re.fullmatch(r"sum-\S+: failed, began .*", shown[0])
        assert shown[1] == "3 items: 2 succeeded, 1 failed" or shown[1].startswith(
            "3 items: 1 succeeded, 1 of them cached"
        )
        assert shown[2].split() == ["failed", "item", "why"]
        assert "go on from here:  flowra run --resume" in shown[-1]
        listed = batch.run("runs", "list", "--limit", "1").stdout
        assert "3 items, 1 failed" in listed
        shown = json.loads(batch.run("runs", "show", "last", "--json").stdout)
        assert [item["item"] for item in shown["items"]] == [0, 1, 2]

    def test_a_contact_sheet_holds_nothing_that_runs(self, batch):
        (batch.work / "evil.jsonl").write_text(
            json.dumps({"photo": "photos/a.jpg", "note": "<script>alert(1)</script>"}) + "\n", encoding="utf-8"
        )
        done = batch.run("run", "files.json", "--batch-file", "evil.jsonl", "--contact-sheet", "sheet.html")
        assert done.returncode == 0, done.stderr
        page = (batch.work / "sheet.html").read_text(encoding="utf-8")
        assert "default-src &#x27;none&#x27;" in page
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "1 of 1 items succeeded" in page


class TestGoingOn:
    def test_ctrl_c_ends_it_and_says_how_to_go_on(self, batch):
        places = ("-o", "an output", "--results", "ctrl-c.csv")
        process = batch.start("run", "slow.json", "--batch-file", "plain.jsonl", *places, "--json")
        for line in process.stdout:
            if "slow began" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 130
        said = r"go on from here:  flowra run --resume slow-\S+ --output 'an output' --results ctrl-c\.csv$"
        assert re.search(said, errors, re.M)
        assert "Traceback" not in errors

    def test_ctrl_c_twice_ends_it_at_once(self, batch):
        process = batch.start("run", "slow.json", "--batch-file", "plain.jsonl", "-s", "slow.polite=false", "--json")
        for line in process.stdout:
            if "slow began" in line:
                break
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "press Ctrl-C again" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 130
        assert "Traceback" not in errors

    def test_a_batch_is_resumed_with_its_items_and_settings(self, batch):
        (batch.work / "more.jsonl").write_text('{"x": 1}\n{"x": 200}\n', encoding="utf-8")
        arguments = ("--batch-file", "more.jsonl", "--matrix", "add.b=1,2", "--no-cache")
        assert batch.run("run", "sum.json", *arguments).returncode == 5
        (batch.work / "more.jsonl").write_text('{"x": 1}\n{"x": 2}\n', encoding="utf-8")
        done = batch.run("run", "--resume", "last", "--no-cache", "--results", "resumed.csv")
        assert done.returncode == 0, done.stderr
        rows = table(batch.work / "resumed.csv")
        assert [(row["total"], row["cached"]) for row in rows] == [
            ("2.0", "True"), ("3.0", "True"), ("3.0", "False"), ("4.0", "False"),
        ]  # fmt: skip
