"""Machines that share a store: real commands, each machine with a cache folder of its own."""

from __future__ import annotations

import json

import pytest
from fixtures.fault_pack import FaultyCommandLine, of


@pytest.fixture
def flowra(tmp_path):
    """`flowra` with a pack whose nodes keep a ledger, and a folder that machines share."""
    line = FaultyCommandLine(tmp_path)
    share = tmp_path / "share"
    share.mkdir()
    line.environment["FLOWRA_STORE"] = f"shared://{share}?heartbeat=1"
    return line


def on(flowra, machine):
    """Go to another machine: one with nothing of its own yet, when it is first gone to."""
    flowra.environment["FLOWRA_CACHE_DIR"] = str(flowra.folder / machine)
    flowra.environment["FLOWRA_OUTPUT_DIR"] = str(flowra.folder / f"{machine}-output")
    return flowra


GRAPH = {
    "first": {"type": "Work", "value": list(range(4))},
    "block": {"type": "Block", "number": [1, 2]},
    "drawn": {"type": "Draw", "number": [1, 2]},
    "second": {"type": "Work", "value": of("first.value")},
    "total": {"type": "Total", "values": of("second.value")},
    "measured": {"type": "Measure", "data": of("block.data")},
    "shown": {"type": "Show", "data": of("drawn.data")},
}
OUTPUTS = {"total": "total.value", "measured": "measured.value", "shown": "shown.digest"}


def test_nothing_is_computed_again_on_a_machine_that_has_nothing(flowra):
    graph = flowra.write(GRAPH, **OUTPUTS)
    first = on(flowra, "a").outputs(graph)
    counts = flowra.counts()
    assert counts["total"] == 1
    assert on(flowra, "b").outputs(graph) == first
    assert flowra.counts() == counts
    assert {event["event"] for event in flowra.events if event.get("node") == "total"} == {"queued", "cached"}


def test_machines_that_run_one_graph_at_once_compute_each_node_once(flowra):
    nodes = {"first": {"type": "Work", "value": list(range(8)), "seconds": 0.1}}
    nodes |= {"drawn": {"type": "Draw", "number": list(range(4))}}
    nodes |= {"shown": {"type": "Show", "data": of("drawn.data")}}
    nodes |= {"total": {"type": "Total", "values": of("first.value")}}
    graph = flowra.write(nodes, total="total.value", shown="shown.digest")
    drivers = [on(flowra, machine).start("run", graph, "--json") for machine in "ab"]
    ends = []
    for driver in drivers:
        stdout, stderr = driver.communicate(timeout=60)
        assert driver.returncode == 0, stderr
        ends.append(json.loads(stdout.splitlines()[-1])["outputs"])
    assert ends[0] == ends[1]
    counts = flowra.counts()
    assert counts == dict.fromkeys(counts, 1)
    assert len(counts) == 8 + 4 + 1


def test_what_is_required_is_there_although_it_was_computed_before_there_was_a_store(flowra):
    graph = flowra.write(GRAPH, **OUTPUTS)
    shared = flowra.environment.pop("FLOWRA_STORE")
    flowra.environment["FLOWRA_STORE"] = ""
    first = on(flowra, "a").outputs(graph)
    counts = flowra.counts()
    flowra.environment["FLOWRA_STORE"] = shared
    assert flowra.outputs(graph, "--require-remote")["total"] == first["total"]
    assert on(flowra, "b").outputs(graph) == first
    assert flowra.counts() == counts


def test_requiring_a_remote_store_where_there_is_none_is_a_mistake(flowra):
    flowra.environment["FLOWRA_STORE"] = str(flowra.folder / "alone")
    done = flowra.run("run", flowra.write(GRAPH, **OUTPUTS), "--require-remote")
    assert done.returncode == 2
    assert "--require-remote" in done.stderr
    assert not flowra.counts()


def test_results_are_listed_fetched_and_sent(flowra):
    graph = flowra.write(GRAPH, **OUTPUTS)
    on(flowra, "a").outputs(graph)

    def told(*words):
        done = flowra.run("store", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    listed = told("ls", "--limit", "0")
    # Work was done for the numbers 0 to 4: some of the second row are of the first.
    assert len(listed) == 5 + 2 + 2 + 1 + 2
    assert {each["node_type"] for each in listed} == {f"fault/{node['type']}" for node in GRAPH.values()} - {
        "fault/Show"
    }
    [total] = told("ls", "--node", "fault/Total")
    assert told("get", total["key"][:10], "--output", str(flowra.folder / "got")) == {"value": {"value": 14.0}}
    assert told("push", "--run", "last") == {"results": len(listed), "sent": 0, "left_from_before": 0}

    on(flowra, "b")
    assert told("pull", "--node", "fault/Block") == {"results": 2, "values": 2, "bytes": 200_000}
    assert len(told("ls", "--local")) == 2
    assert told("pull", "--graph", graph) == {"results": len(listed), "values": 2, "bytes": 20_000}
    counts = flowra.counts()
    flowra.environment["FLOWRA_STORE"] = ""
    flowra.outputs(graph)
    assert flowra.counts() == counts


def test_it_is_said_which_results_are_meant(flowra):
    done = flowra.run("store", "pull")
    assert done.returncode == 2
    assert "--run, --graph, --node, --all" in done.stderr
    done = flowra.run("store", "push", "--all", "--run", "last")
    assert done.returncode == 2


def test_a_store_that_works_is_found_to(flowra):
    done = flowra.run("store", "check", "--json")
    assert done.returncode == 0, done.stderr
    found = {each["what"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert found == dict.fromkeys(
        ("list", "get", "put", "conditional put", "ranges", "latency", "throughput", "delete"), "works"
    )
    assert not [path for path in (flowra.folder / "share").rglob("flowra-check/*") if path.is_file()]
    told = flowra.run("store", "check")
    assert "back at" in told.stdout
