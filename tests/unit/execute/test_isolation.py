"""Nodes in processes of their own do what nodes on threads do."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures import isolated_nodes as nodes

from flowra.dag.context import RunContext
from flowra.dag.graph import Graph
from flowra.dag.node import Node
from flowra.exceptions import NodeCrashedError
from flowra.execute.instances import InstancePool
from flowra.execute.isolation.slot import IsolatedSlot
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session


def test_a_node_runs_elsewhere_and_its_process_is_used_again(run_one):
    first, second = (run_one(nodes.Apart, value=value).outputs for value in (1, "two"))
    assert first["it.pid"] == second["it.pid"] != os.getpid()
    assert (first["it.value"], second["it.value"]) == (1, "two")


@pytest.mark.parametrize("value", [None, True, 1.5, "text", b"bytes", [1, {"deep": [2]}], list(range(50_000))])
def test_plain_values_arrive_as_they_were(run_one, value):
    assert run_one(nodes.Apart, value=value).outputs["it.value"] == value


@pytest.mark.parametrize("shape", [(3,), (0, 4), (512, 512, 3)])
def test_arrays_arrive_as_they_were(session, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    graph = Graph("arrays")
    graph.add(nodes.Apart, id="it", value=array)
    found = session.run(graph).outputs["it.value"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_init_runs_once_for_each_set_of_arguments(run_one):
    found = [run_one(nodes.Warm, init={"model": model}).outputs["it.value"] for model in ("a", "b", "a")]
    assert found[0] == found[2] != found[1]
    assert found[0].startswith("a in ")


def test_what_a_node_reports_reaches_the_run(run_one, tmp_path):
    events = []
    done = run_one(nodes.Talks, observers=[events.append])
    assert done.status == "succeeded", done.failures
    logged = {(event.level, event.text) for event in events if type(event).__name__ == "Log" and event.node == "it"}
    assert {("info", "printed"), ("info", "written"), ("error", "said")} <= logged
    assert ("warning", "talks: logged") in {(level, text.replace("root: ", "")) for level, text in logged}
    assert any("UserWarning: warned" in text for _, text in logged)
    kinds = {type(event).__name__ for event in events}
    assert {"Progress", "Preview"} <= kinds


def test_a_coroutine_is_awaited(run_one):
    assert run_one(nodes.Awaited).outputs["it.value"] == "awaited"


def test_a_branch_can_end_there(run_one):
    done = run_one(nodes.Ends)
    assert done.status == "succeeded"
    assert "it.pid" not in done.outputs


def test_a_graph_that_is_returned_is_refused_with_the_reason(failure_of):
    assert "a node in a process of its own can't hand over" in failure_of(nodes.Grows).why


def test_an_error_names_the_nodes_own_line_and_keeps_its_class(failure_of):
    failure = failure_of(nodes.Fails, how="such file")
    assert failure.why == "FileNotFoundError: no such file"
    assert "isolated_nodes.py" in failure.where
    assert "Traceback" in failure.traceback
    assert "isolation/child.py" not in failure.traceback
    assert isinstance(failure.__cause__, FileNotFoundError)


def test_it_is_tried_again_for_the_classes_that_it_names(failure_of):
    assert failure_of(nodes.FailsFirst, how="luck").what == "node it failed (tried 2 times)"


def test_the_process_loads_no_distributed(run_one):
    assert run_one(nodes.Imports).outputs["it.value"] == []


def test_a_class_that_can_not_be_imported_is_refused_with_what_to_do(failure_of):
    class Inside(nodes.Apart):
        """Defined in a function."""

    failure = failure_of(Inside)
    assert "can't run in a process of its own" in failure.why
    assert failure.fix == "define it at the top level of a module, or of a pack"


def test_processes_end_with_the_session(packs):
    with Session(cache=False) as session:
        graph = Graph("one")
        graph.add(nodes.Apart, id="it")
        pid = session.run(graph).outputs["it.pid"]
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_that_died_between_calls_is_replaced(run_one):
    pid = run_one(nodes.Apart).outputs["it.pid"]
    os.kill(pid, 9)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run_one(nodes.Apart, value="again").outputs["it.pid"] != pid


def test_a_result_is_kept_and_recalled(packs, tmp_path):
    pids = []
    for _ in range(2):
        with Session(store=str(tmp_path / "store")) as session:
            graph = Graph("one")
            graph.add(nodes.Apart, id="it", value=4)
            pids.append(session.run(graph).outputs["it.pid"])
    assert pids[0] == pids[1], "the second came from the store"


def test_nodes_on_threads_stay_where_they_are(run_one):
    assert issubclass(nodes.Beside, Node)
    assert run_one(nodes.Beside).outputs["it.pid"] == os.getpid()


@pytest.fixture
def context(tmp_path):
    class Services:
        def progress(self, *_):
            pass

        log = preview = progress

        def cancelled(self):
            return False

    return RunContext("run", "it", tmp_path, Services())


def has_ended(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("there", [True, False])
def test_what_can_not_be_read_ends_the_call_at_once_with_a_typed_error(packs, context, there):
    slot = IsolatedSlot(InstancePool(), nodes.Apart, nodes.Apart.InitArgs())
    node = slot.take(context)
    channel = node.process._channel
    garbage = struct.pack(">I", 4) + b"{no}"
    if there:
        channel._socket.sendall(garbage)
    else:
        received = channel.receive

        def unreadable():
            received()
            raise ValueError("no such dtype")

        channel.receive = unreadable
    with pytest.raises(NodeCrashedError, match="can't read what") as raised:
        node.run(context, nodes.Apart.InputArgs())
    assert ("JSONDecodeError" if there else "no such dtype") in raised.value.why
    slot.give(node)
    again = slot.take(context)
    assert again is not node, "a process that can't be understood is not used again"
    slot.give(again)
    assert slot.close() == []


def test_closing_ends_a_busy_process_that_hears_no_signal_though_nobody_waits_for_it(packs, context, tmp_path):
    slot = IsolatedSlot(InstancePool(), nodes.Patient, nodes.Patient.InitArgs())
    node = slot.take(context)

    def only_say(kind, parts, header, *_):
        node.process._channel.send(kind, parts, **header)
        return SimpleNamespace(header={"ended": "nobody waits for the answer"})

    node.process.request = only_say
    node.run(context, nodes.Patient.InputArgs(ledger=str(tmp_path / "ledger")))
    deadline = time.monotonic() + 10
    while len((tmp_path / "ledger").read_text().split() if (tmp_path / "ledger").exists() else []) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # What came last is written once SIGTERM is no longer heard.
    began = time.monotonic()
    assert slot.close() == []
    assert time.monotonic() - began < 3
    deadline = time.monotonic() + 3
    while not has_ended(node.process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    slot.give(node)
    with pytest.raises(ProcessLookupError):
        os.kill(node.process.pid, signal.SIGKILL)


def test_threads_that_come_back_from_calls_without_time_are_not_kept_beside_their_successors(packs):
    counts = []

    def count(event):
        if type(event).__name__ == "NodeFailed":
            counts.append(sum(each.name.removeprefix("flowra-").isdigit() for each in threading.enumerate()))

    with Session(cache=False, executor=LocalExecutor(threads=2)) as session:
        graph = Graph("late")
        for number in range(8):
            graph.add(nodes.HoldsGil, id=f"n{number}")
        assert len(session.run(graph, observers=[count]).failures) == 8
    assert len(counts) == 8
    assert counts[-1] <= 5, counts
