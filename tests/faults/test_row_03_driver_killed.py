"""Row 3 of the faults: the driving process is killed, and `--resume` runs only what had not finished."""

from __future__ import annotations

import itertools

import pytest
from fixtures.fault_pack import of

GRAPH = {
    "many": {"type": "Work", "value": [1, 2, 3, 4]},
    "sent": {"type": "Send", "value": [1, 2]},
    "drawn": {"type": "Draw", "number": 1},
    "total": {"type": "Total", "values": [of("sent.value"), 5]},
    "sums": {"type": "Total", "values": of("many.value")},
    "all": {"type": "Total", "values": [of("sums.value"), 1]},
    "hold": {"type": "Hold", "value": of("all.value")},
    "after": {"type": "Work", "value": of("hold.value")},
}
GRAPH["total"] = {"type": "Total", "values": of("sent.value")}
GRAPH["all"] = {"type": "Total", "values": [of("sums.value"), of("total.value")]}
EXPECTED = {"after": 21.0}
BEFORE = {"many[0]", "many[1]", "many[2]", "many[3]", "sent[0]", "sent[1]", "sums", "total", "all"}


@pytest.mark.parametrize("cache", [[], ["--no-cache"]], ids=["with the cache", "without the cache"])
def test_what_had_finished_does_not_run_again(flowra, cache):
    graph = flowra.write({name: node for name, node in GRAPH.items() if name != "drawn"}, after="after.value")
    flowra.kill_when("hold", graph, *cache)
    assert set(flowra.counts()) == BEFORE | {"hold"}
    flowra.open_gate()
    assert flowra.outputs("--resume", "last", *cache) == EXPECTED
    assert flowra.counts() == dict.fromkeys(BEFORE | {"after"}, 1) | {"hold": 2}
    listed = flowra.run("runs", "list").stdout.splitlines()
    assert "succeeded" in listed[1]
    assert "unfinished" in listed[2]


def test_a_run_is_resumed_with_its_inputs_and_settings(flowra):
    graph = flowra.write(GRAPH, after="after.value")
    flowra.kill_when("hold", graph, "--set", "hold.value=10")
    flowra.open_gate()
    assert flowra.outputs("--resume", "last") == {"after": 12.0}


def test_wherever_it_is_killed_it_comes_to_the_same_end(flowra):
    nodes = {"first": {"type": "Work", "value": list(range(12)), "seconds": 0.03}}
    nodes |= {"second": {"type": "Send", "value": of("first.value"), "seconds": 0.03}}
    nodes |= {"total": {"type": "Total", "values": of("second.value")}}
    graph = flowra.write(nodes, total="total.value")
    arguments = [graph]
    kills = 0
    # The start of the process takes a part of this time, more or less of it as the machine is busy.
    for seconds in itertools.chain([0.1, 0.3], itertools.repeat(0.55)):
        if not flowra.kill_after(seconds, *arguments) or kills > 12:
            break
        kills += 1
        if flowra.run("runs", "list").stdout:
            arguments = ["--resume", "last"]
    assert flowra.outputs(*arguments) == {"total": 90.0}
    counts = flowra.counts()
    assert len(counts) == 25
    # What had finished is not run again: what runs twice had begun when the process was killed, one a thread at most.
    assert sum(counts.values()) - 25 <= kills * 8
