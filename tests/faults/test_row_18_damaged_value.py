"""Row 18 of the faults: one byte of a stored value is flipped. It is detected, put aside, and computed again by the one
node that gave it."""

from __future__ import annotations

import pytest
from fixtures.fault_pack import of

NODES = {
    "block": {"type": "Block", "number": 1},
    "first": {"type": "Measure", "data": of("block.data")},
    "number": {"type": "Work"},
}


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def changed(flowra):
    """Return the graph with a node that has to read what `block` gave."""
    nodes = {**NODES, "second": {"type": "Measure", "data": of("block.data"), "times": 2.0}}
    return flowra.write(nodes, first="first.value", second="second.value")


@pytest.mark.parametrize("at", [0, 50_000, -1])
def test_only_its_producer_runs_again_and_the_run_succeeds(flowra, at):
    before = flowra.outputs(flowra.write(NODES, first="first.value"))["first"]
    [blob] = flowra.blobs()
    flip(blob, at)
    flowra.ledger.take()
    assert flowra.outputs(changed(flowra)) == {"first": before, "second": 2 * before}
    assert flowra.ledger.take() == ["block", "second"]
    assert any("damaged" in event.get("text", "") for event in flowra.events)
    assert len(list((flowra.store / "quarantine").iterdir())) == 1
    assert flowra.run("cache", "verify").returncode == 0
    # Healed: nothing runs any more.
    assert flowra.outputs(changed(flowra))["first"] == before
    assert flowra.ledger.take() == []


def test_a_damaged_output_is_computed_again(flowra):
    graph = flowra.write({"block": {"type": "Block", "number": 3}}, data="block.data")
    flowra.outputs(graph)
    [blob] = flowra.blobs()
    flip(blob, 10)
    flowra.outputs(graph)
    assert flowra.counts() == {"block": 2}
    assert flowra.run("cache", "verify").returncode == 0


def test_of_a_list_the_damaged_item_alone_is_computed_again(flowra):
    nodes = {"blocks": {"type": "Block", "number": [1, 2, 3]}}
    flowra.outputs(flowra.write(nodes))
    flip(flowra.blobs()[1], 99)
    nodes["measured"] = {"type": "Measure", "data": of("blocks.data")}
    flowra.ledger.take()
    flowra.outputs(flowra.write(nodes, measured="measured.value"))
    ran = flowra.ledger.take()
    assert len([line for line in ran if line.startswith("blocks")]) == 1
    assert len([line for line in ran if line.startswith("measured")]) == 3


def test_what_a_damaged_value_was_made_of_is_made_again_only_if_it_is_damaged_too(flowra):
    nodes = {
        "block": {"type": "Block", "number": 1},
        "show": {"type": "Show", "data": of("block.data")},
        "more": {"type": "Measure", "data": of("block.data")},
    }
    flowra.outputs(flowra.write(nodes, shown="show.digest"))
    for blob in flowra.blobs():
        flip(blob, 5)
    flowra.ledger.take()
    flowra.outputs(flowra.write(nodes, shown="show.digest"))
    assert flowra.ledger.take() == ["block"]
