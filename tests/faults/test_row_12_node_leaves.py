"""Row 12 of the faults: `sys.exit` or KeyboardInterrupt in a node is a node error, like any other."""

from __future__ import annotations

import pytest
from fixtures.fault_pack import of


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("sys.exit", "it called sys.exit(7)"),
        ("exit", "it called sys.exit(None)"),
        ("interrupt", "KeyboardInterrupt"),
        ("generator", "GeneratorExit"),
    ],
)
def test_it_is_that_nodes_failure_and_the_rest_goes_on(flowra, how, said):
    nodes = {
        "leave": {"type": "Leave", "how": how},
        "after": {"type": "Work", "value": of("leave.value")},
        "other": {"type": "Work", "seconds": 0.1},
        "later": {"type": "Work", "value": of("other.value")},
    }
    graph = flowra.write(nodes, after="after.value", later="later.value")
    assert flowra.outputs(graph, expect=4) == {"later": 2.0}
    [failed] = [event for event in flowra.events if event["event"] == "failed"]
    assert (failed["node"], failed["error"]["type"]) == ("leave", "fault/Leave")
    assert said in failed["error"]["why"]
    assert flowra.events[-1]["status"] == "failed"
    assert set(flowra.counts()) == {"leave", "other", "later"}
