from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from fixtures.run_nodes import Give, Leave

from flowra.dag.context import NodeCancelledError
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import RunCancelledError
from flowra.execute.control import RunControl


@pytest.fixture
def started():
    return threading.Event()


@pytest.fixture
def patient(started):
    """A node class that works until it notices that the run was cancelled."""

    class Patient(Node):
        """Wait, and report."""

        class InputArgs(BaseArgs):
            a: float = 0.0

        class OutputArgs(BaseArgs):
            value: float

        def run(self, context, args):
            started.set()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                context.progress(0.5)
                time.sleep(0.002)
            return self.OutputArgs(value=1)

    return Patient


def chain(*classes):
    graph = Graph("chain")
    before = None
    for number, node_class in enumerate(classes):
        node = graph.add(node_class, id=f"n{number}")
        if before is not None:
            node.set(**{next(iter(node_class.InputArgs.__ports__)): before["value"]})
        before = node
    return graph


def test_another_thread_ends_a_run_and_the_node_learns_of_it(session, patient, started):
    control, found = RunControl(), []
    canceller = threading.Thread(target=lambda: (started.wait(5), control.cancel()))
    canceller.start()
    run = session.run(chain(Give, patient, Give), control=control, observers=[found.append])
    canceller.join()
    assert run.status == "cancelled"
    assert run.not_run == {"n1": "the run was cancelled", "n2": "the run was cancelled"}
    assert run.failures == {}
    assert found[-1].status == "cancelled"
    with pytest.raises(RunCancelledError, match="2 nodes were not run"):
        run.raise_for_status()


def test_a_run_that_is_cancelled_before_it_begins_runs_nothing(session):
    control = RunControl()
    control.cancel()
    run = session.run(chain(Give, Give), control=control)
    assert (run.status, list(run.not_run)) == ("cancelled", ["n0", "n1"])


def test_a_cancel_that_comes_when_all_is_done_changes_nothing(session):
    control = RunControl()
    run = session.run(chain(Give), control=control, observers=[lambda e: e.name == "succeeded" and control.cancel()])
    assert run.status == "succeeded"


def test_what_was_done_before_the_cancel_is_kept(session, patient, started):
    control = RunControl()
    graph = chain(Give, patient)
    graph.output("first", graph.nodes["n0"]["value"])
    run = session.run(graph, control=control, observers=[lambda e: e.name == "started" and control.cancel()])
    assert run.status == "cancelled"
    assert run.outputs == {"first": 1.0}


def test_a_node_that_says_it_was_cancelled_when_it_was_not_has_failed(run_one):
    class Pretends(Node):
        """Raise what only the engine should."""

        def run(self, context, args):
            raise NodeCancelledError("so it says")

    run = run_one(Pretends)
    assert run.status == "failed"
    assert run.failures["it"].why == "so it says"


class TestCtrlC:
    """In a program or a notebook, where nobody but Python handles it."""

    @pytest.fixture(autouse=True)
    def python_handles_it(self):
        # A process that a shell started in the background ignores the signal, and so would these tests.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.fixture
    def interrupting(self):
        class Interrupting(Node):
            """Get the signal that Ctrl-C sends, while it runs."""

            class InputArgs(BaseArgs):
                a: float = 0.0

            class OutputArgs(BaseArgs):
                value: float

            def run(self, context, args):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
                return self.OutputArgs(value=1)

        return Interrupting

    def test_it_ends_the_run_and_not_just_the_node(self, session, interrupting):
        graph, found = chain(interrupting, Give), []
        with pytest.raises(KeyboardInterrupt):
            session.run(graph, observers=[found.append])
        assert found[-1].status == "cancelled"
        assert [event.node for event in found if event.name == "failed"] == []

    def test_a_node_that_raises_it_by_itself_is_a_node_error(self, session):
        graph = Graph("leaves")
        graph.add(Leave, id="it", how="interrupt")
        assert session.run(graph).status == "failed"

    def test_python_handles_it_again_after_the_run(self, run_one):
        before = signal.getsignal(signal.SIGINT)
        run_one(Give)
        assert signal.getsignal(signal.SIGINT) is before
