"""What is seen of a run on a cluster: which worker does what, while it goes and afterwards."""

from __future__ import annotations

from fixtures.cluster_nodes import Work, WrongType

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session
from flowra.execute.session.timeline import chrome_trace, timeline


def test_events_the_timeline_and_the_trace_name_the_worker_of_each_node(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    graph = Graph("two")
    for name in ("left", "right"):
        node = graph.add(Work, id=name, value=len(name), seconds=1.0, ledger=str(tmp_path / "ledger"))
        graph.output(name, node["value"])
    said = []
    executor = ClusterExecutor(lambda: ProcessCluster(2))
    with Session(executor=executor, store=tmp_path / "store", observers=[said.append]) as session:
        run = session.run(graph).raise_for_status()
        past = session.history.read(run.id)
    for kind in ("started", "succeeded"):
        assert {event.worker for event in said if event.name == kind} == {"1", "2"}
    told = {event.node: event.worker for event in said if event.name == "succeeded"}
    assert {span.node: span.worker for span in timeline(past)} == told
    names = [each["args"]["name"] for each in chrome_trace(past)["traceEvents"] if each["ph"] == "M"]
    assert sorted(names) == ["1", "2"]


def test_what_failed_and_what_was_found_names_its_worker_and_calls_of_a_batch_come_one_after_the_other(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    graph = Graph("many")
    # Computed twice with one key: the second is found by the worker, not by the driver.
    value = graph.add(Work, id="first", value=1, ledger=str(tmp_path / "ledger"))["value"]
    for name in ("once", "again"):
        graph.add(Work, id=name, value=value, ledger=str(tmp_path / "ledger"))
    graph.add(Work, id="many", value=list(range(60)), seconds=0.002, ledger=str(tmp_path / "ledger"))
    graph.add(WrongType, id="wrong")
    said = []
    executor = ClusterExecutor(lambda: ProcessCluster(1))
    with Session(executor=executor, store=tmp_path / "store", observers=[said.append]) as session:
        run = session.run(graph)
        past = session.history.read(run.id)
    assert set(run.failures) == {"wrong"}
    assert [event.worker for event in said if event.name == "failed"] == ["1"]
    assert [event.worker for event in said if event.name == "cached"] == ["1"]
    spans = [span for span in timeline(past) if span.ended > span.began]
    assert {span.worker for span in timeline(past)} == {"1"}
    # One worker with one thread: what ran there did so one after the other.
    assert len(spans) > 60
    assert {span.lane for span in spans} == {0}
