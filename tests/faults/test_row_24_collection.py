"""Row 24 of the faults: garbage collection during a run. No value is lost that the run uses."""

from __future__ import annotations

import json

import pytest
from fixtures.fault_pack import of


@pytest.mark.parametrize("executor", ["local", "processes:2"])
def test_a_collection_takes_nothing_from_a_run(flowra, executor):
    nodes = {"block": {"type": "Block", "number": list(range(8))}}
    # Kept by the run before, so that this run only refers to it: nothing of it is in memory.
    flowra.outputs(flowra.write(nodes))
    nodes |= {"hold": {"type": "Hold"}}
    nodes |= {"fresh": {"type": "Block", "number": [20, 21, 22, 23]}}
    nodes |= {"times": {"type": "Work", "value": of("hold.value")}}
    nodes |= {"measured": {"type": "Measure", "data": of("block.data"), "times": of("times.value")}}
    nodes |= {"again": {"type": "Measure", "data": of("fresh.data"), "times": of("times.value")}}
    graph = flowra.write(nodes, measured="measured.value", again="again.value")
    flowra.ledger.take()
    driver = flowra.start("run", graph, "--json", "--executor", executor)
    flowra.ledger.wait_for("hold", 60)
    flowra.ledger.wait_for("fresh[3]", 60)
    for _ in range(3):
        assert flowra.run("cache", "gc", "--max-size", "0B").returncode == 0
    flowra.open_gate()
    stdout, stderr = driver.communicate(timeout=60)
    assert driver.returncode == 0, stderr
    outputs = json.loads(stdout.splitlines()[-1])["outputs"]
    sums = [sum(b"%08d" % number) * 100_000 // 8 * 2.0 for number in [*range(8), *range(20, 24)]]
    assert outputs == {"measured": {"value": sums[:8]}, "again": {"value": sums[8:]}}
    counts = flowra.counts()
    assert counts == dict.fromkeys(counts, 1)
    assert not any(name.startswith("block") for name in counts)
    assert flowra.run("cache", "verify").returncode == 0


def test_what_no_run_uses_is_taken(flowra):
    flowra.outputs(flowra.write({"block": {"type": "Block", "number": list(range(4))}}))
    assert flowra.run("cache", "gc", "--max-size", "0B").returncode == 0
    assert flowra.blobs() == []
