"""Which results of a run go to a remote store, and what is said of it. The remote store is a local one that counts."""

from __future__ import annotations

import pytest
from fixtures.faulty_stores import FaultyStore
from fixtures.run_nodes import Give

from flowra.dag.graph import Graph
from flowra.dag.node import Node
from flowra.exceptions import NodeDefinitionError, UsageError
from flowra.execute.control import RunControl
from flowra.execute.session import Session
from flowra.storage.local.store import LocalStore
from flowra.storage.tiers.store import TieredStore


class Stays(Give):
    remote = False


class Goes(Give):
    remote = True


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))


@pytest.fixture
def remote(tmp_path):
    return FaultyStore(tmp_path / "remote")


def tiers(tmp_path, remote, **options):
    return TieredStore(LocalStore(tmp_path / "local"), remote, **options)


def one(node_class):
    graph = Graph("one")
    graph.output("value", graph.add(node_class, value=3.0)["value"])
    return graph


@pytest.mark.parametrize(("node_class", "choice", "there"), [(Goes, "none", 1), (Stays, "all", 0), (Give, "none", 0)])
def test_what_a_node_states_counts_before_what_the_store_would_choose(tmp_path, remote, node_class, choice, there):
    with tiers(tmp_path, remote, choice=choice) as store, Session(store=store) as session:
        assert session.run(one(node_class), uploads="wait")["value"] == 3.0
        assert remote.stats().records == there


def test_what_stays_takes_no_right_in_the_remote_store(tmp_path, remote):
    with tiers(tmp_path, remote) as store, Session(store=store) as session:
        session.run(one(Stays))
        assert remote.calls["lock"] == 0
        session.run(one(Give))
        assert remote.calls["lock"] == 1


def test_whatever_is_required_goes_except_what_a_node_keeps(tmp_path, remote):
    with tiers(tmp_path, remote, choice="none") as store, Session(store=store) as session:
        assert session.run(one(Give), uploads="require").not_uploaded is None
        assert remote.stats().records == 1
        session.run(one(Stays), uploads="require").raise_for_status()
        assert remote.stats().records == 1


def test_how_much_waits_is_an_event_before_the_last_one(tmp_path, remote):
    remote.gate.clear()
    heard = []

    def listen(event):
        heard.append(event)
        if event.name == "uploading":
            remote.gate.set()

    class Large(Node):
        OutputArgs = type("OutputArgs", (Give.OutputArgs,), {"__annotations__": {"data": bytes}})

        def run(self, context, args):
            return self.OutputArgs(value=1.0, data=bytes(100_000))

    with tiers(tmp_path, remote) as store, Session(store=store) as session:
        graph = Graph("large")
        graph.add(Large)
        session.run(graph, uploads="wait", observers=[listen]).raise_for_status()
    names = [event.name for event in heard]
    assert names[-1] == "finished"
    first, *_, last = [event for event in heard if event.name == "uploading"]
    assert first.results == 1
    assert first.bytes >= 100_000
    assert (last.results, last.bytes) == (0, 0)


def test_nobody_waits_for_uploads_of_a_run_that_was_cancelled(tmp_path, remote):
    remote.gate.clear()
    control = RunControl()
    heard = []
    with tiers(tmp_path, remote, choice="all") as store, Session(store=store) as session:
        store.publish(store.lookup(bytes(32)) or _record(store))
        control.cancel()
        session.run(one(Give), uploads="wait", control=control, observers=[heard.append])
        assert store.uploads.left
        assert not [event for event in heard if event.name == "uploading"]
        remote.gate.set()


def test_results_can_not_be_required_where_there_is_no_remote_store(tmp_path):
    with Session(store=tmp_path / "alone") as session, pytest.raises(UsageError, match="no remote store"):
        session.run(one(Give), uploads="require")


def test_a_node_that_states_something_else_is_a_mistake():
    with pytest.raises(NodeDefinitionError, match="remote: is True, False or None"):
        type("Wrong", (Give,), {"remote": "sometimes"})
    assert Stays.traits().to_json() == {"remote": False}


def _record(store):
    from flowra.storage.codec.encoded import Encoded
    from flowra.storage.record import Record

    return Record(b"k" * 32, "t/N", {"out": store.put(Encoded("bytes", (bytes(10_000),)))})
