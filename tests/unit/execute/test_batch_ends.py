"""How a batch ends that does not go to its end: left, cancelled, stopped; and what is known of it then."""

from __future__ import annotations

import threading

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import UsageError
from flowra.execute.session import Session
from flowra.execute.session.history import RunHistory
from flowra.testing.semantics.nodes import Reciprocal


@pytest.fixture
def reciprocal():
    graph = Graph("reciprocals")
    graph.output("value", graph.add(Reciprocal, id="reciprocal", value=graph.input("x", "Float"))["value"])
    return graph


def endless():
    number = 0
    while True:
        number += 1
        yield {"x": float(number)}


def threads_that_stay():
    """Return the threads of batches that don't end by themselves."""
    found = [each for each in threading.enumerate() if each.name in ("flowra-run", "flowra-items")]
    for each in found:
        each.join(10)
    return [each.name for each in found if each.is_alive()]


class Gathered(Node):
    """Take two at once; the first time it waits until it is let go."""

    batch_size = 2
    cacheable = False
    began = threading.Event()
    go_on = threading.Event()

    class InitArgs(BaseArgs):
        asks: bool = False

    class InputArgs(BaseArgs):
        x: float

    class OutputArgs(BaseArgs):
        value: float

    def init(self, context, args):
        self.asks = args.asks

    def run_batch(self, context, args):
        self.began.set()
        while self.asks:
            threading.Event().wait(0.01)
            context.check_cancelled()
        assert self.go_on.wait(10)
        return [self.OutputArgs(value=each.x) for each in args]


@pytest.fixture
def gathered():
    Gathered.began.clear()
    Gathered.go_on.clear()

    def make(*, asks):
        graph = Graph("gathered")
        graph.output("value", graph.add(Gathered, init={"asks": asks}, x=graph.input("x", "Float"))["value"])
        return graph

    return make


class TestALoopThatIsLeft:
    def test_it_ends_the_batch_whether_or_not_that_has_a_name(self, session, reciprocal):
        batch = session.map(reciprocal, endless())
        for _ in batch:
            break
        assert batch.status == "cancelled"
        for _ in session.map(reciprocal, endless()):
            break
        assert threads_that_stay() == []

    def test_it_ends_the_batch_also_by_an_exception(self, session, reciprocal):
        def go_through():
            for result in session.map(reciprocal, endless()):
                raise KeyError(result.index)

        with pytest.raises(KeyError):
            go_through()
        assert threads_that_stay() == []

    def test_what_is_left_is_not_given_to_another_loop(self, session, reciprocal):
        batch = session.map(reciprocal, endless())
        next(iter(batch))
        assert list(batch) == []

    def test_it_may_be_gone_through_in_parts_while_its_iterator_is_kept(self, session, reciprocal):
        batch = session.map(reciprocal, [{"x": 1}, {"x": 2}], ordered=True)
        results = iter(batch)
        assert next(results).index == 0
        assert [result.index for result in batch] == [1]
        assert batch.status == "succeeded"


def test_a_session_that_is_closed_ends_its_batches(packs, reciprocal):
    with Session() as session:
        batch = session.map(reciprocal, endless())
    assert batch.status == "cancelled"
    assert threads_that_stay() == []


def test_cancelling_ends_the_calls_that_wait_behind_those_made_together(session, gathered):
    batch = session.map(gathered(asks=False), [{"x": float(number)} for number in range(11)])
    assert Gathered.began.wait(10)
    batch.cancel()
    Gathered.go_on.set()
    results = list(batch)
    assert {result.status for result in results} <= {"succeeded", "cancelled"}
    assert (len(results), batch.status) == (batch.totals.succeeded + batch.totals.cancelled, "cancelled")


def test_calls_made_together_that_ask_whether_they_were_cancelled_are_cancelled(session, gathered):
    batch = session.map(gathered(asks=True), [{"x": float(number)} for number in range(3)])
    assert Gathered.began.wait(10)
    batch.cancel()
    assert {result.status for result in batch} == {"cancelled"}


def test_a_batch_that_is_stopped_does_not_wait_for_its_next_item(session, reciprocal):
    never = threading.Event()

    def items():
        yield {"x": 0}
        never.wait()
        yield {"x": 1}

    batch = session.map(reciprocal, items(), stop_after=1)
    assert [result.status for result in batch] == ["failed"]
    assert batch.status == "failed"
    never.set()


@pytest.mark.parametrize("option", ["in_flight", "stop_after"])
def test_numbers_that_would_let_nothing_run_are_refused(session, reciprocal, option):
    with pytest.raises(UsageError, match=f"{option} is a number from 1, not 0"):
        session.map(reciprocal, [{"x": 1}], **{option: 0})


def test_a_node_beside_the_items_that_fails_is_told_of(session, reciprocal):
    reciprocal.add(Reciprocal, id="alone", value=0.0)
    batch = session.map(reciprocal, [{"x": 1}, {"x": 2}])
    assert [result.status for result in batch] == ["succeeded", "succeeded"]
    assert (batch.status, list(batch.failures)) == ("failed", ["alone"])


def test_a_batch_whose_source_breaks_has_failed(session, reciprocal):
    def items():
        yield {"x": 1}
        raise OSError("the tape broke")

    batch = session.map(reciprocal, items())
    with pytest.raises(OSError, match="the tape broke"):
        list(batch)
    assert batch.status == "failed"
    assert isinstance(session.history, RunHistory)
    assert session.history.find(batch.id).status == "failed"
