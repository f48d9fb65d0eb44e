"""A batch whose process is killed half-way: `--resume` runs only the items that had not finished."""

from __future__ import annotations

import os

import pytest
from fixtures.cli_pack import write_graph

ITEMS = 120
#: Nodes that run at once, at most: so many had written into the ledger and had not come to their end.
THREADS = min(32, (os.cpu_count() or 1) + 4)


@pytest.fixture
def graph(flowra):
    nodes = {
        "once": {"type": "fault/Work"},
        "work": {"type": "fault/Work", "inputs": {"value": {"$input": "x"}, "seconds": 0.02}},
        "send": {"type": "fault/Send", "inputs": {"value": {"$from": "work.value"}}},
        "total": {"type": "fault/Total", "inputs": {"values": [{"$from": "send.value"}, {"$from": "once.value"}]}},
    }
    outputs = {"total": {"$from": "total.value"}}
    write_graph(flowra.work / "graph.json", nodes, name="graph", inputs={"x": {"type": "Float"}}, outputs=outputs)
    lines = "".join(f'{{"x": {number}}}\n' for number in range(ITEMS))
    (flowra.work / "items.jsonl").write_text(lines, encoding="utf-8")
    return "graph.json"


@pytest.mark.parametrize("cache", [[], ["--no-cache"]], ids=["with the cache", "without the cache"])
def test_only_the_items_that_had_not_finished_run_again(flowra, graph, cache):
    flowra.kill_when("@40/total", graph, "--batch-file", "items.jsonl", *cache)
    begun = flowra.counts()
    assert begun["@40/total"] == 1
    assert sum(name.endswith("/total") for name in begun) < ITEMS
    done = flowra.run("run", "--resume", "last", "--results", "r.jsonl", *cache)
    assert done.returncode == 0, done.stderr
    counts = flowra.counts()
    assert counts["once"] == 1
    for node in ("work", "send", "total"):
        runs = [counts[f"@{number}/{node}"] for number in range(ITEMS)]
        assert set(runs) <= {1, 2}
        assert sum(runs) - ITEMS <= THREADS
    rows = (flowra.work / "r.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == ITEMS
    assert all(f'"total": {number + 3.0}' in row for number, row in enumerate(rows))
