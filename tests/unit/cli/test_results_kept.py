"""The commands around kept results: plan, cache, runs, explain, and what `run` is told of the cache."""

from __future__ import annotations

import json
import re

import pytest
from fixtures.cli_pack import CommandLine, write_graph

ADDING = {
    "one": {"type": "play/Give", "inputs": {"value": 2}},
    "sum": {"type": "play/Add", "inputs": {"a": {"$from": "one.value"}, "b": 1}},
}


@pytest.fixture
def flowra(tmp_path):
    """`flowra` with a cache that no other test has used, and a graph that is cached as a whole."""
    line = CommandLine(tmp_path)
    write_graph(line.work / "adding.json", ADDING, name="adding", outputs={"total": {"$from": "sum.value"}})
    return line


def events_of(done, kind):
    return [event["node"] for event in map(json.loads, done.stdout.splitlines()) if event["event"] == kind]


def ran(flowra, *options):
    """Run the graph and return which nodes ran, and which were taken from the cache."""
    done = flowra.run("run", "adding.json", "--json", *options)
    assert done.returncode == 0, done.stderr
    return events_of(done, "succeeded"), events_of(done, "cached")


class TestRun:
    def test_what_was_computed_is_not_computed_again(self, flowra):
        assert ran(flowra) == (["one", "sum"], [])
        assert ran(flowra) == ([], ["one", "sum"])
        assert ran(flowra, "--set", "sum.b=5") == (["sum"], ["one"])

    def test_the_cache_can_be_left_alone(self, flowra):
        assert ran(flowra, "--no-cache") == (["one", "sum"], [])
        assert ran(flowra) == (["one", "sum"], [])
        assert ran(flowra, "--no-cache=sum") == (["sum"], ["one"])
        assert ran(flowra, "--refresh", "one") == (["one"], ["sum"])

    def test_another_store_knows_nothing_of_it(self, flowra, tmp_path):
        ran(flowra)
        assert ran(flowra, "--store", str(tmp_path / "elsewhere")) == (["one", "sum"], [])
        assert ran(flowra, "--store", (tmp_path / "elsewhere").as_uri()) == ([], ["one", "sum"])

    @pytest.mark.parametrize("option", ["--no-cache=nobody", "--refresh=nobody"])
    def test_a_node_that_is_not_there_is_named(self, flowra, option):
        done = flowra.run("run", "adding.json", option)
        assert (done.returncode, done.stdout) == (2, "")
        assert "the graph has no node 'nobody'" in done.stderr

    def test_a_dry_run_shows_what_would_run_and_runs_nothing(self, flowra):
        done = flowra.run("run", "adding.json", "--dry-run")
        assert done.returncode == 0
        assert "adding: 2 of 2 nodes to run" in done.stdout
        assert not (flowra.work / "flowra-output").exists()
        assert ran(flowra) == (["one", "sum"], [])


class TestResume:
    def test_it_goes_on_from_what_succeeded_nodes_that_are_not_cached_included(self, flowra):
        assert flowra.run("run", "failing.json", "--json").returncode == 4
        resumed = flowra.run("run", "--resume", "last", "--json")
        assert events_of(resumed, "cached") == ["one", "slow", "sum"]
        assert events_of(resumed, "started") == ["broken"]

    def test_without_a_graph_or_a_run_it_says_what_to_write(self, flowra):
        assert "flowra run GRAPH" in flowra.run("run").stderr
        done = flowra.run("run", "--resume", "nothing-like-it")
        assert done.returncode == 2
        assert "there is no run 'nothing-like-it'" in done.stderr


class TestPlan:
    def test_it_shows_what_is_cached_and_the_stages_of_the_rest(self, flowra):
        fresh = flowra.run("plan", "adding.json").stdout
        assert fresh.splitlines() == [
            "adding: 2 of 2 nodes to run",
            "stage 1",
            "  one  play/Give  value = 2",
            "  sum  play/Add  a ← one.value, b = 1",
        ]
        ran(flowra)
        assert "cached: 2 nodes, 1 of them not even read" in flowra.run("plan", "adding.json").stdout
        changed = json.loads(flowra.run("plan", "adding.json", "--set", "sum.b=7", "--json").stdout)
        assert (changed["cached"], changed["read"]) == (["one"], ["one"])
        assert [stage["nodes"] for stage in changed["stages"]] == [["sum"]]

    def test_the_logical_plan_knows_nothing_of_the_cache(self, flowra):
        ran(flowra)
        assert flowra.run("plan", "adding.json", "--logical").stdout.startswith("plan of adding: 2 nodes\n")
        assert len(json.loads(flowra.run("plan", "adding.json", "--logical", "--json").stdout)["nodes"]) == 2


class TestRuns:
    def test_they_are_listed_described_and_removed(self, flowra):
        ran(flowra)
        flowra.run("run", "failing.json")
        latest, first = json.loads(flowra.run("runs", "list", "--json").stdout)
        assert [(latest["name"], latest["status"]), (first["name"], first["status"])] == [
            ("failing", "failed"),
            ("adding", "succeeded"),
        ]
        assert (latest["succeeded"], latest["failed"]) == (3, 1)
        shown = flowra.run("runs", "show", "last").stdout
        assert re.search(r"broken +failed +ValueError: the picture is too small", shown)
        assert f"flowra run --resume {latest['run']}" in shown
        assert flowra.run("runs", "rm", first["run"]).returncode == 0
        assert first["run"] not in flowra.run("runs", "list").stdout

    def test_a_run_is_exported_as_a_trace(self, flowra):
        ran(flowra)
        done = flowra.run("runs", "export", "last", "--out", "trace.json")
        assert done.stdout == "trace.json: open it in https://ui.perfetto.dev\n"
        trace = json.loads((flowra.work / "trace.json").read_text())
        assert {event["name"] for event in trace["traceEvents"] if event["ph"] == "X"}
        assert trace == json.loads(flowra.run("runs", "export", "last").stdout)

    def test_spans_go_to_no_file(self, flowra):
        ran(flowra)
        done = flowra.run("runs", "export", "last", "--as", "otel", "--out", "trace.json")
        assert (done.returncode, "leave --out out" in done.stderr) == (2, True)

    def test_before_the_first_there_is_a_word_instead_of_an_empty_table(self, flowra):
        done = flowra.run("runs", "list")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "no runs yet\n")


class TestExplain:
    def test_it_says_what_changed_since_the_last_time(self, flowra):
        ran(flowra)
        assert "no earlier run of this graph" in flowra.run("explain", "last", "sum").stdout
        ran(flowra, "--set", "one.value=3")
        one = flowra.run("explain", "last", "one").stdout
        assert "value 2.0 → 3.0" in one
        assert "other" in flowra.run("explain", "last", "sum").stdout
        assert "one.value" in flowra.run("explain", "last", "sum").stdout
        ran(flowra, "--set", "one.value=3")
        assert "did not run: its result was recorded before" in flowra.run("explain", "last", "sum").stdout

    def test_a_node_that_is_not_there_is_named_with_the_nearest(self, flowra):
        ran(flowra)
        done = flowra.run("explain", "last", "summ")
        assert done.returncode == 2
        assert "did you mean sum?" in done.stderr


class TestCache:
    def test_it_counts_verifies_and_clears(self, flowra):
        ran(flowra)
        assert json.loads(flowra.run("cache", "stats", "--json").stdout)["records"] == 2
        assert flowra.run("cache", "path").stdout.strip()
        verified = flowra.run("cache", "verify")
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "sound")
        refused = flowra.run("cache", "clear")
        assert refused.returncode == 130
        assert flowra.run("cache", "clear", "--yes").returncode == 0
        assert ran(flowra) == (["one", "sum"], [])

    @pytest.mark.parametrize(
        ("size", "code"), [("0", 0), ("20GB", 0), ("1.5 MiB", 0), ("big", 2), ("-3", 2), ("3 parsecs", 2)]
    )
    def test_it_is_collected_down_to_a_size(self, flowra, size, code):
        done = flowra.run("cache", "gc", f"--max-size={size}")
        assert done.returncode == code
        assert code == 0 or "is no size" in done.stderr
