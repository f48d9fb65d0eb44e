"""Row 22 of the faults: several drivers, one store, one graph. Each node is computed once."""

from __future__ import annotations

import json

from fixtures.fault_pack import of


def test_each_node_is_computed_once_and_all_get_the_same(flowra):
    nodes = {"first": {"type": "Work", "value": list(range(10)), "seconds": 0.03}}
    nodes |= {"drawn": {"type": "Draw", "number": list(range(4))}}
    nodes |= {"shown": {"type": "Show", "data": of("drawn.data")}}
    nodes |= {"second": {"type": "Work", "value": of("first.value"), "seconds": 0.02}}
    nodes |= {"total": {"type": "Total", "values": of("second.value")}}
    graph = flowra.write(nodes, total="total.value", shown="shown.digest")
    drivers = [flowra.start("run", graph, "--json") for _ in range(3)]
    ends = []
    for driver in drivers:
        stdout, stderr = driver.communicate(timeout=60)
        assert driver.returncode == 0, stderr
        ends.append(json.loads(stdout.splitlines()[-1])["outputs"])
    assert ends[0]["total"] == {"value": 65.0}
    assert all(end == ends[0] for end in ends)
    counts = flowra.counts()
    assert counts == dict.fromkeys(counts, 1)
    assert len(counts) == 10 + 4 + 10 + 1
