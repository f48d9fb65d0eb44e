"""Rows 7 to 13 and 17 of the faults, on a cluster of processes: what nodes do wrong costs no worker."""

from __future__ import annotations

import time

import pytest
from fixtures import cluster_nodes, isolated_nodes
from fixtures.clusters import Shared
from fixtures.processes import gone, pids

from flowra.dag.graph import Graph
from flowra.exceptions import NodeMemoryError
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.session import Session
from flowra.testing.semantics.ledger import Ledger

#: Seconds that stopping may take beyond the limit; the promise is 1 s on a machine that isn't overloaded.
MARGIN = 3.5


@pytest.fixture
def session(tmp_path, monkeypatch, shared_cluster):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    workers = list(shared_cluster.pids)
    with Session(executor=ClusterExecutor(lambda: Shared(shared_cluster)), store=tmp_path / "store") as session:
        yield session
    assert shared_cluster.pids == workers, "no worker was lost"


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger"


def run(session, node_class, **ports):
    """Run a node with neighbours, which have to finish."""
    graph = Graph("faulty")
    graph.output("it", graph.add(node_class, id="it", **ports)["value"])
    for number in range(3):
        graph.output(f"o{number}", graph.add(cluster_nodes.Work, id=f"beside{number}", value=number)["value"])
    done = session.run(graph)
    assert [done.outputs[f"o{number}"] for number in range(3)] == [1.0, 2.0, 3.0]
    return done


def test_row_06_a_crash_in_a_process_of_its_own_costs_no_worker(session):
    failure = run(session, isolated_nodes.Crash, how="segfault").failures["it"]
    assert "its process was ended by SIGSEGV" in failure.why


def test_row_07_memory_beyond_what_a_node_states_is_a_typed_error_in_its_own_budget(session, ledger):
    failure = run(session, isolated_nodes.Greedy, ledger=str(ledger)).failures["it"]
    assert isinstance(failure.__cause__, NodeMemoryError)
    assert "64,000,000 bytes" in failure.why
    assert len(pids(ledger, 2, within=30.0)) == 2, "it was tried again as its class says, and no more"


@pytest.mark.parametrize("node_class", [isolated_nodes.HoldsGil, isolated_nodes.Stubborn])
def test_rows_08_09_11_a_node_that_can_not_be_interrupted_is_stopped_with_its_children(session, ledger, node_class):
    run(session, isolated_nodes.Apart)
    began = time.monotonic()
    done = run(session, node_class, ledger=str(ledger))
    took = time.monotonic() - began
    assert done.failures["it"].what == f"node it took longer than its {node_class.timeout:g} s"
    for pid in pids(ledger, within=30.0):
        assert gone(pid, within=5.0)
    # Beyond the limit: the start of a process and the stop.
    assert took < node_class.timeout + 1 + MARGIN
    assert run(session, isolated_nodes.Apart).status == "succeeded", "the slot is free again"


def test_row_10_cancelling_ends_the_process_and_publishes_nothing(session, ledger):
    graph = Graph("one")
    graph.add(isolated_nodes.Patient, id="it", ledger=str(ledger))
    running = session.start(graph)
    found = pids(ledger, 2, within=30.0)
    began = time.monotonic()
    running.cancel()
    done = running.wait(timeout=30)
    assert time.monotonic() - began < 1 + MARGIN
    assert done.status == "cancelled"
    assert all(gone(pid, within=5.0) for pid in found)
    # It runs once more: nothing of it was kept.
    again = session.start(graph)
    assert len(pids(ledger, len(found) + 1, within=30.0)) > len(found)
    again.cancel()
    assert again.wait(timeout=30).status == "cancelled"


@pytest.mark.parametrize(("how", "said"), [("sys.exit", "sys.exit(7)"), ("", "KeyboardInterrupt")])
def test_row_12_leaving_is_a_node_error_and_the_worker_stays(session, how, said):
    assert said in run(session, cluster_nodes.Leave, how=how).failures["it"].why


def test_row_13_a_node_that_fails_twice_is_tried_again_with_a_growing_delay(session, shared_cluster, ledger):
    began = time.monotonic()
    assert run(session, cluster_nodes.Flaky, value=1, ledger=str(ledger)).outputs["it"] == 2.0
    assert time.monotonic() - began > 0.1
    ran = ledger.read_text().splitlines()
    assert len(ran) == 3
    assert {int(line.split()[1]) for line in ran} <= set(shared_cluster.pids)


def test_row_17_a_result_of_the_wrong_type_names_node_and_port(session):
    failure = run(session, cluster_nodes.WrongType).failures["it"]
    assert failure.node == "it"
    assert "outputs value" in failure.where


def test_row_17_a_result_that_can_not_leave_its_worker_names_node_and_port(session):
    graph = Graph("unstorable")
    made = graph.add(cluster_nodes.Unstorable, id="it")
    for number in range(2):
        graph.add(cluster_nodes.Take, id=f"taker{number}", value=made["value"])
    beside = graph.add(cluster_nodes.Work, id="beside", value=1)
    graph.output("value", beside["value"])
    graph.output("made", made["value"])
    done = session.run(graph)
    assert "it can't be handed to another process" in done.failures["it"].why
    assert "value: " in done.failures["it"].why
    assert done.outputs["value"] == 2.0


def test_a_call_that_waits_behind_a_long_one_runs_on_a_worker_that_has_nothing_to_do(session, tmp_path, ledger):
    gate = tmp_path / "gate"
    graph = Graph("stuck")
    graph.add(cluster_nodes.Hold, id="long", gate=str(gate), ledger=str(tmp_path / "long"))
    # What these take is not known: each worker is handed two batches, and one of them waits behind the long one.
    for number in range(8):
        graph.add(cluster_nodes.Work, id=f"short{number}", value=number, seconds=0.1, ledger=str(ledger))
    running = session.start(graph)
    deadline = time.monotonic() + 30
    while len(Ledger(ledger).lines()) < 8:
        assert time.monotonic() < deadline, f"one waits for the long one: {Ledger(ledger).lines()}"
        time.sleep(0.01)
    gate.write_text("open")
    running.wait(timeout=30).raise_for_status()
    assert len(Ledger(ledger).lines()) == 8, "each ran once"
