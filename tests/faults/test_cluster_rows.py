"""Rows 1 to 6, 14 and 22 of the faults, on a cluster of processes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from fixtures.cluster_nodes import Crash, Draw, Greedy, Overwrite, Send, Work
from fixtures.clusters import Shared
from fixtures.fault_pack import of

from flowra.dag.graph import Graph
from flowra.exceptions import ClusterError, GraphInvalidError, NodeLostError
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session
from flowra.testing.semantics.ledger import Ledger


@pytest.fixture
def cluster():
    cluster = ProcessCluster(2)
    yield cluster
    cluster.close()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def session(tmp_path, monkeypatch, cluster):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    with Session(executor=ClusterExecutor(lambda: cluster), store=tmp_path / "store") as session:
        yield session


def process_of(ledger, node):
    """Return the process that runs a node, once it does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in ledger.lines():
            name, _, process = line.partition(" ")
            if name == node:
                return int(process)
        time.sleep(0.01)
    raise TimeoutError(f"{node} never began")


def times_run(ledger, node):
    return sum(line.startswith(f"{node} ") for line in ledger.lines())


def chain(ledger, seconds):
    graph = Graph("chain")
    first = graph.add(Work, id="first", value=1, ledger=str(ledger))
    slow = graph.add(Work, id="slow", value=first["value"], seconds=seconds, ledger=str(ledger))
    graph.output("value", graph.add(Work, id="last", value=slow["value"], ledger=str(ledger))["value"])
    return graph


def killed_while(ledger, node, what=signal.SIGKILL):
    """Return a thread, started, that sends a signal to the process that runs a node."""
    thread = threading.Thread(target=lambda: os.kill(process_of(ledger, node), what))
    thread.start()
    return thread


def test_row_1_and_2_a_worker_that_is_killed_costs_only_what_it_ran(session, ledger):
    killer = killed_while(ledger, "slow")
    run = session.run(chain(ledger, 1.0)).raise_for_status()
    killer.join()
    assert run.outputs == {"value": 4.0}
    assert [times_run(ledger, node) for node in ("first", "slow", "last")] == [1, 2, 1]
    again = session.run(chain(ledger, 1.0)).raise_for_status()
    assert again.outputs == {"value": 4.0}
    assert times_run(ledger, "slow") == 2


def test_row_4_the_loss_of_the_scheduler_is_said_and_the_run_resumed_on_another_cluster(session, ledger, cluster):
    def kill():
        process_of(ledger, "slow")
        os.kill(cluster.scheduler_pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ClusterError, match="scheduler is gone"):
        session.run(chain(ledger, 30.0))
    killer.join()
    last = session.history.ids()[0]
    with Session(executor=ClusterExecutor(lambda: ProcessCluster(1)), store=session.store) as other:
        run = other.run(chain(ledger, 0.1), resume=last).raise_for_status()
    assert run.outputs == {"value": 4.0}
    assert times_run(ledger, "first") == 1


def test_row_6_a_node_that_crashes_its_workers_fails_by_name_and_its_neighbours_finish(session, ledger):
    graph = Graph("crash")
    crash = graph.add(Crash, id="crash", ledger=str(ledger))
    graph.add(Work, id="after", value=crash["value"], ledger=str(ledger))
    for number in range(6):
        work = graph.add(Work, id=f"work{number}", value=number, seconds=0.1, ledger=str(ledger))
        graph.output(f"o{number}", work["value"])
    run = session.run(graph)
    assert list(run.failures) == ["crash"]
    assert isinstance(run.failures["crash"], NodeLostError)
    assert "lost with its worker 3 times" in run.failures["crash"].what
    assert run.not_run == {"after": "crash failed"}
    assert run.outputs == {f"o{number}": number + 1.0 for number in range(6)}
    assert times_run(ledger, "crash") == 3


def test_a_node_with_effects_whose_worker_is_lost_is_reported_and_not_run_again(session, ledger):
    graph = Graph("effects")
    graph.add(Send, id="send", seconds=0.5, ledger=str(ledger))
    killer = killed_while(ledger, "send")
    run = session.run(graph)
    killer.join()
    assert isinstance(run.failures["send"], NodeLostError)
    assert "not run a second time" in run.failures["send"].what
    assert times_run(ledger, "send") == 1
    session.run(graph, resume=run.id).raise_for_status()
    keys = {line for line in ledger.lines() if line.startswith("key ")}
    assert times_run(ledger, "send") == 2
    assert len(keys) == 1


def test_a_node_whose_effect_may_be_repeated_is_run_again_when_its_worker_is_lost(session, ledger):
    graph = Graph("idempotent")
    written = graph.add(Overwrite, id="write", value=1, seconds=0.5, ledger=str(ledger))
    graph.output("value", written["value"])
    killer = killed_while(ledger, "write")
    run = session.run(graph).raise_for_status()
    killer.join()
    assert run.outputs == {"value": 2}
    assert times_run(ledger, "write") == 2
    assert len({line for line in ledger.lines() if line.startswith("key ")}) == 1


def test_row_14_a_resource_that_no_worker_has_is_refused_before_the_run(session, ledger):
    graph = chain(ledger, 0.0)
    graph.add(Greedy, id="greedy", ledger=str(ledger))
    with pytest.raises(GraphInvalidError, match=r"node greedy .*needs quantum 2 \(there is none\)"):
        session.run(graph)
    assert ledger.lines() == []


def test_row_22_two_runs_on_one_store_compute_each_node_once(session, ledger):
    graph = Graph("twice")
    for number in range(6):
        work = graph.add(Work, id=f"n{number}", value=number, seconds=0.2, ledger=str(ledger))
        graph.output(f"o{number}", work["value"])
    found = []
    threads = [threading.Thread(target=lambda: found.append(session.run(graph).outputs)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{f"o{number}": number + 1.0 for number in range(6)}] * 2
    assert len(ledger.lines()) == 6


def test_row_5_a_worker_that_stands_still_is_replaced_and_publishes_nothing_else(tmp_path, ledger, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "3s")
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    with Session(executor=ClusterExecutor(lambda: ProcessCluster(2)), store=tmp_path / "store") as session:
        stopper = killed_while(ledger, "slow", signal.SIGSTOP)
        run = session.run(chain(ledger, 0.5)).raise_for_status()
        stopper.join()
        assert run.outputs == {"value": 4.0}
        # It was ended: going on it would have found its place taken, and held its key until then.
        with pytest.raises(ProcessLookupError):
            os.kill(process_of(ledger, "slow"), signal.SIGCONT)
        assert session.run(chain(ledger, 0.5)).outputs == run.outputs
        assert times_run(ledger, "slow") == 2


def test_row_5_a_worker_that_stands_still_and_goes_on_publishes_no_other_result(tmp_path, ledger, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "3s")
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    graph = Graph("draw")
    drawn = graph.add(Draw, id="drawn", seconds=0.5, ledger=str(ledger))["value"]
    graph.output("drawn", drawn)
    graph.output("after", graph.add(Work, id="after", value=drawn, ledger=str(ledger))["value"])
    cluster = ProcessCluster(2)
    try:
        # Nobody ends a worker that the scheduler has lost, as on a cluster that others have started.
        with Session(executor=ClusterExecutor(lambda: Shared(cluster)), store=tmp_path / "store") as session:
            stopper = killed_while(ledger, "drawn", signal.SIGSTOP)
            running = session.start(graph)
            stopper.join()
            stopped = process_of(ledger, "drawn")
            time.sleep(5)
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGCONT)
            run = running.wait(timeout=30).raise_for_status()
            assert run.outputs["after"] == run.outputs["drawn"] + 1
            # What is in the store is what this run went on with, whoever was first.
            time.sleep(1)
            assert session.run(graph).outputs == run.outputs
            assert times_run(ledger, "after") == 1
    finally:
        cluster.close()


def test_row_5_a_worker_that_stands_still_for_good_keeps_nobody_waiting_for_its_key(tmp_path, ledger, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "3s")
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    graph = Graph("draw")
    drawn = graph.add(Draw, id="drawn", seconds=0.5, ledger=str(ledger))["value"]
    graph.output("drawn", drawn)
    cluster = ProcessCluster(2)
    try:
        # Nobody ends it, as on a cluster that others have started, and nobody wakes it.
        with Session(executor=ClusterExecutor(lambda: Shared(cluster)), store=tmp_path / "store") as session:
            stopper = killed_while(ledger, "drawn", signal.SIGSTOP)
            run = session.run(graph).raise_for_status()
            stopper.join()
            assert times_run(ledger, "drawn") == 2
            os.kill(process_of(ledger, "drawn"), signal.SIGCONT)
            assert session.run(graph).outputs == run.outputs
            assert times_run(ledger, "drawn") == 2
    finally:
        cluster.close()


def members_of(folder):
    """Return the processes of clusters whose environment names a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            if b"flowra.execute.cluster.member" in arguments and os.fsencode(folder) in environment:
                found.append(int(process.name))
    return found


def test_row_3_a_driver_that_is_killed_leaves_nothing_running_and_is_resumed(flowra, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    flowra.environment["TMPDIR"] = str(scratch)
    nodes = {
        "many": {"type": "Work", "value": [1, 2, 3, 4]},
        "sums": {"type": "Total", "values": of("many.value")},
        "hold": {"type": "Hold", "value": of("sums.value")},
        "after": {"type": "Work", "value": of("hold.value")},
    }
    graph = flowra.write(nodes, after="after.value")
    flowra.kill_when("hold", graph, "--executor", "processes:2")
    deadline = time.monotonic() + 10
    while members_of(flowra.work.parent) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members_of(flowra.work.parent) == []
    assert not list(scratch.glob("*cluster*")), "nor a folder of the cluster"
    assert not list(scratch.glob("dask*"))
    flowra.open_gate()
    assert flowra.outputs("--resume", "last", "--executor", "processes:1") == {"after": 16.0}
    before = {"many[0]", "many[1]", "many[2]", "many[3]", "sums"}
    assert flowra.counts() == dict.fromkeys(before | {"after"}, 1) | {"hold": 2}
    assert members_of(flowra.work.parent) == []
