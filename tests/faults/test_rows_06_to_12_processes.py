"""Rows 6 to 12 of the faults, for nodes in processes of their own under the local executor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from fixtures import isolated_nodes as nodes
from fixtures.processes import gone, pids

from flowra.dag.graph import Graph
from flowra.exceptions import NodeCrashedError, NodeMemoryError
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager

#: What stopping may take beyond the limit; the promise is 1 s on a machine that isn't overloaded.
MARGIN = 2.5


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with use_manager(PluginManager()), Session(cache=False) as session:
        yield session


def run(session, node_class, **ports):
    """Run a node with a neighbour on a thread, which has to finish."""
    graph = Graph("faulty")
    graph.add(node_class, id="it", **ports)
    graph.add(nodes.Beside, id="beside")
    done = session.run(graph)
    assert done.outputs["beside.pid"] == os.getpid()
    return done


@pytest.mark.parametrize(
    ("how", "said", "name", "code"),
    [
        ("segfault", "its process was ended by SIGSEGV", "SIGSEGV", None),
        ("killed", "its process was ended by SIGKILL", "SIGKILL", None),
        ("left", "its process left with exit code 3", None, 3),
    ],
)
def test_row_06_a_crash_is_that_nodes_failure(session, how, said, name, code):
    failure = run(session, nodes.Crash, how=how).failures["it"]
    assert said in failure.why
    cause = failure.__cause__
    assert isinstance(cause, NodeCrashedError)
    assert (cause.signal, cause.left_with) == (name, code)
    if how == "segfault":
        assert "isolated_nodes.py" in str(failure), "the node's own line is named"
    # The next call has a process again.
    assert run(session, nodes.Crash).status == "succeeded"


def test_row_06_a_crash_is_tried_again_where_the_node_says_so(session, tmp_path):
    failure = run(session, nodes.CrashAgain, how="left", ledger=str(tmp_path / "ledger")).failures["it"]
    assert "tried 3 times" in failure.what
    assert len(set(pids(tmp_path / "ledger", 3, within=20.0))) == 3


def test_row_07_memory_beyond_what_a_node_states_is_a_typed_error_in_its_own_budget(session, tmp_path):
    failure = run(session, nodes.Greedy, ledger=str(tmp_path / "ledger")).failures["it"]
    assert isinstance(failure.__cause__, NodeMemoryError)
    assert "64,000,000 bytes" in failure.why
    assert len(pids(tmp_path / "ledger", 2, within=20.0)) == 2


@pytest.mark.parametrize("node_class", [nodes.HoldsGil, nodes.Stubborn])
def test_rows_08_09_11_a_node_that_can_not_be_interrupted_is_stopped_with_its_children(session, tmp_path, node_class):
    run(session, nodes.Apart)
    began = time.monotonic()
    done = run(session, node_class, ledger=str(tmp_path / "ledger"))
    took = time.monotonic() - began
    assert done.failures["it"].what == f"node it took longer than its {node_class.timeout:g} s"
    assert "its process was stopped" in done.failures["it"].why
    for pid in pids(tmp_path / "ledger", within=20.0):
        assert gone(pid, within=3.0)
    # Beyond the limit: the start of a process and the stop.
    assert took < node_class.timeout + 1 + MARGIN
    assert run(session, nodes.Apart).status == "succeeded", "the slot is free again"


@pytest.mark.parametrize("node_class", [nodes.Patient, nodes.Polite])
def test_row_10_cancelling_ends_the_process_and_publishes_nothing(tmp_path, monkeypatch, node_class):
    monkeypatch.chdir(tmp_path)
    ledger = tmp_path / "ledger"
    with use_manager(PluginManager()), Session(store=str(tmp_path / "store")) as session:
        graph = _graph(node_class, ledger=str(ledger))
        running = session.start(graph)
        found = pids(ledger, 2 if node_class is nodes.Patient else 1, within=20.0)
        began = time.monotonic()
        running.cancel()
        done = running.wait(timeout=20)
        assert time.monotonic() - began < 1 + MARGIN
        assert done.status == "cancelled"
        if node_class is nodes.Patient:
            assert all(gone(pid, within=3.0) for pid in found)
        # It runs once more: nothing of it was kept.
        before = len(found)
        again = session.start(graph)
        assert len(pids(ledger, before + 1, within=20.0)) > before
        again.cancel()
        assert again.wait(timeout=20).status == "cancelled"


@pytest.mark.parametrize(("how", "said"), [("sys.exit", "it called sys.exit(7)"), ("", "KeyboardInterrupt")])
def test_row_12_leaving_is_a_node_error_and_the_process_stays(session, how, said):
    assert said in run(session, nodes.Leaves, how=how).failures["it"].why


PROGRAM = """
    import sys
    sys.path[:0] = {path!r}
    from fixtures import isolated_nodes as nodes
    from flowra.dag.graph import Graph
    from flowra.execute.session import Session

    graph = Graph("orphan")
    graph.add(getattr(nodes, sys.argv[1]), id="it", ledger=sys.argv[2])
    with Session(cache=False) as session:
        session.run(graph)
"""


@pytest.mark.parametrize("name", ["Patient", "Polite"])
def test_processes_end_when_the_supervisor_is_killed_and_leave_nothing(tmp_path, name):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ledger = tmp_path / "ledger"
    program = textwrap.dedent(PROGRAM).format(path=sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", program, name, str(ledger)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as driver:
        found = pids(ledger, 1, within=20.0)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert all(gone(pid, within=3.0) for pid in found)
    deadline = time.monotonic() + 3
    while any(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not list(temporary.iterdir())


def _graph(node_class, **ports):
    graph = Graph("one")
    graph.add(node_class, id="it", **ports)
    return graph
