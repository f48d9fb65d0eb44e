"""Row 20 of the faults: a record whose value is gone. Only its producer runs again."""

from __future__ import annotations

from fixtures.fault_pack import of

NODES = {
    "number": {"type": "Work"},
    "block": {"type": "Block", "number": 7},
    "other": {"type": "Block", "number": 8, "size": 200_000},
    "measure": {"type": "Measure", "data": of("block.data")},
    "both": {"type": "Total", "values": [of("measure.value"), of("number.value")]},
}


def test_only_the_producer_of_a_missing_value_runs_again(flowra):
    graph = flowra.write(NODES, both="both.value", block="block.data", other="other.data")
    expected = flowra.outputs(graph)["both"]
    smaller, _ = sorted(flowra.blobs(), key=lambda blob: blob.stat().st_size)
    smaller.unlink()
    flowra.ledger.take()
    assert flowra.outputs(graph)["both"] == expected
    assert flowra.ledger.take() == ["block"]
    assert flowra.outputs(graph)["both"] == expected
    assert flowra.ledger.take() == []


def test_a_value_that_nobody_asks_for_is_not_missed(flowra):
    graph = flowra.write(NODES, both="both.value")
    expected = flowra.outputs(graph)["both"]
    for blob in flowra.blobs():
        blob.unlink()
    flowra.ledger.take()
    assert flowra.outputs(graph)["both"] == expected
    assert set(flowra.ledger.take()) <= {"block", "other"}
