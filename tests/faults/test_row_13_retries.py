"""Row 13 of the faults: a node that fails twice, then works, is retried with backoff and jitter for declared errors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path


def test_it_is_tried_again_after_longer_and_longer_waits(flowra):
    assert flowra.outputs(flowra.write({"flaky": {"type": "Flaky"}}, value="flaky.value")) == {"value": 1.0}
    assert flowra.counts() == {"flaky": 3}
    times = [float(line) for line in Path(f"{flowra.ledger}.times").read_text().split()]
    first, second = [after - before for before, after in pairwise(times)]
    assert first >= 0.05 * 0.8
    assert second >= 0.2 * 0.8
    retried = [event for event in flowra.events if event["event"] == "retried"]
    assert [event["attempt"] for event in retried] == [1, 2]
    # Jitter: the waits are not the bare ones.
    assert {event["seconds"] for event in retried} != {0.05, 0.2}


def test_what_it_does_not_declare_is_not_tried_again(flowra):
    graph = flowra.write({"flaky": {"type": "Flaky", "error": "KeyError"}}, value="flaky.value")
    assert flowra.outputs(graph, expect=4) == {}
    assert flowra.counts() == {"flaky": 1}
