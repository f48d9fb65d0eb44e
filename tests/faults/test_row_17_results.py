"""Row 17 of the faults: a result of the wrong type is an error of the node that names the port; what can't be stored
lives in memory for its run, and says so."""

from __future__ import annotations

from fixtures.fault_pack import of


def test_a_result_of_the_wrong_type_names_node_and_port(flowra):
    nodes = {
        "wrong": {"type": "WrongType"},
        "after": {"type": "Work", "value": of("wrong.value")},
        "other": {"type": "Work"},
    }
    graph = flowra.write(nodes, after="after.value", other="other.value")
    assert flowra.outputs(graph, expect=4) == {"other": 1.0}
    [failed] = [event for event in flowra.events if event["event"] == "failed"]
    assert failed["node"] == "wrong"
    assert "fault/WrongType, outputs value" in failed["error"]["where"]
    assert "value: " in failed["error"]["why"]
    assert set(flowra.counts()) == {"wrong", "other"}


def test_a_result_that_cannot_be_stored_is_handed_on_and_said_not_to_be_kept(flowra):
    nodes = {
        "made": {"type": "Unstorable"},
        "passed": {"type": "Unstorable", "value": 1},
        "other": {"type": "Work"},
    }
    graph = flowra.write(nodes, other="other.value")
    for times in (1, 2):
        assert flowra.outputs(graph) == {"other": 1.0}
        warned = {event["node"] for event in flowra.events if event["event"] == "log" and "not cached" in event["text"]}
        assert warned == {"made", "passed"}
        assert flowra.counts() == {"made": times, "passed": times, "other": 1}
