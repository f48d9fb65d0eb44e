"""Models on a cluster: each machine fetches one once, and what a node used is part of what its result depends on."""

from __future__ import annotations

import pytest
from fixtures import model_nodes as nodes

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session


@pytest.fixture
def session(fake_hub, tmp_path):
    """A session on two workers that ask the hub of the test."""
    fake_hub.add(nodes.MODEL, {"scale.txt": "10", "large.bin": bytes(3_000_000)}, revision="v1.0")
    fake_hub.add(nodes.MODEL, {"scale.txt": "100"})
    with Session(executor=ClusterExecutor(lambda: ProcessCluster(2)), store=tmp_path / "store") as session:
        yield session


def test_workers_fetch_a_model_once_and_results_stand_until_it_changes(session, fake_hub):
    graph = Graph("many")
    kinds = (nodes.Declared, nodes.DeclaredApart, nodes.AskedInInit, nodes.AskedInRun, nodes.AskedApart)
    for number, kind in enumerate(kinds * 2):
        graph.add(kind, id=f"n{number}", number=float(number))
    expected = {
        f"n{number}.number": number * (10.0 if issubclass(kind, nodes.Declared) else 100.0)
        for number, kind in enumerate(kinds * 2)
    }
    events = []
    first = session.run(graph, observers=[events.append])
    assert first.outputs == expected, first.failures
    assert len(fake_hub.downloads("scale.txt")) == 2, "one of each revision"
    assert any(type(event).__name__ == "Progress" and "fetching acme/scale@" in event.text for event in events)

    again = []
    assert session.run(graph, observers=[again.append]).outputs == expected
    assert not [event for event in again if type(event).__name__ == "Started"]

    fake_hub.add(nodes.MODEL, {"scale.txt": "200"})
    moved = []
    third = session.run(graph, observers=[moved.append])
    assert third.outputs["n2.number"] == 400.0
    ran = {event.node for event in moved if type(event).__name__ == "Started"}
    assert ran == {name.partition(".")[0] for name, value in expected.items() if third.outputs[name] != value}
