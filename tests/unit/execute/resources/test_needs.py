"""What nodes state in `resources` holds on this machine: together they never take more than there is."""

import threading
import time
from typing import ClassVar

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import Expansion
from flowra.exceptions import GraphInvalidError, NodeDefinitionError, NodeFailedError
from flowra.execute.control import RunControl
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session


class Number(BaseArgs):
    number: int = 0


class Gauge:
    """Counts who is inside at the same time."""

    def __init__(self):
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def __enter__(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *about):
        with self.lock:
            self.inside -= 1


@pytest.fixture
def gauge():
    return Gauge()


@pytest.fixture
def needing(gauge):
    """Makes node classes that need something, and take a while with it."""

    def make(needs, seconds=0.02, **body):
        def run(self, context, args):
            with gauge:
                time.sleep(seconds)
            return Number(number=args.number)

        return type(
            "Needing", (Node,), {"InputArgs": Number, "OutputArgs": Number, "run": run, "resources": needs, **body}
        )

    return make


def session_with(**resources):
    return Session(executor=LocalExecutor(threads=8, resources=resources), cache=False)


def side_by_side(*classes):
    graph = Graph("side by side")
    for number, node_class in enumerate(classes):
        graph.output(f"n{number}", graph.add(node_class, id=f"n{number}", number=number)["number"])
    return graph


@pytest.mark.parametrize(("needs", "there_is", "most"), [({"gpu": 1}, 1, 1), ({"gpu": 1}, 3, 3), ({"gpu": 0.5}, 1, 2)])
def test_nodes_that_run_at_the_same_time_take_no_more_than_there_is(needing, gauge, needs, there_is, most):
    with session_with(gpu=there_is) as session:
        run = session.run(side_by_side(*[needing(needs)] * 8))
    assert run.outputs == {f"n{number}": number for number in range(8)}
    assert gauge.most <= most


def test_each_item_of_a_list_counts_as_a_call(needing, gauge):
    graph = Graph("items")
    graph.output("numbers", graph.add(needing({"licence": 1}), number=list(range(12)))["number"])
    with session_with(licence=2) as session:
        assert session.run(graph)["numbers"] == list(range(12))
    assert gauge.most <= 2


def test_coroutines_keep_what_they_took_until_they_end(gauge):
    import asyncio

    class Wait(Node):
        InputArgs = OutputArgs = Number
        resources: ClassVar = {"licence": 1}

        async def run(self, context, args):
            with gauge:
                await asyncio.sleep(0.02)
            return Number(number=args.number)

    with session_with(licence=2) as session:
        assert session.run(side_by_side(*[Wait] * 6)).status == "succeeded"
    assert gauge.most <= 2


def test_runs_of_one_session_share_what_there_is(needing, gauge):
    node_class = needing({"gpu": 1})
    with session_with(gpu=1) as session:
        running = [session.start(side_by_side(node_class, node_class)) for _ in range(3)]
        assert [each.wait().status for each in running] == ["succeeded"] * 3
    assert gauge.most == 1


def test_what_a_failed_call_had_is_given_back_also_between_tries(needing, gauge):
    from flowra.dag.node import Retry

    def run(self, context, args):
        with gauge:
            raise OSError("not yet")

    failing = needing({"gpu": 1}, run=run, retries=Retry(2, on=(OSError,), delay=0.01))
    with session_with(gpu=1) as session:
        run = session.run(side_by_side(failing, failing, needing({"gpu": 1})))
    assert set(run.failures) == {"n0", "n1"}
    assert run["n2"] == 2


def test_what_a_call_had_that_ran_out_of_time_is_given_back(needing):
    late = threading.Event()

    def run(self, context, args):
        late.wait(20)

    slow = needing({"gpu": 1}, run=run, timeout=0.05)
    with session_with(gpu=1) as session:
        run = session.run(side_by_side(slow, needing({"gpu": 1})))
        late.set()
    assert set(run.failures) == {"n0"}
    assert run["n1"] == 1


def test_a_cancelled_run_does_not_wait_for_what_another_has(needing):
    began, leave = threading.Event(), threading.Event()

    def hold(self, context, args):
        began.set()
        leave.wait(20)
        return Number(number=1)

    with session_with(gpu=1) as session:
        holding = session.start(side_by_side(needing({"gpu": 1}, run=hold)))
        assert began.wait(20)
        control = RunControl()
        waiting = session.start(side_by_side(*[needing({"gpu": 1})] * 3), control=control)
        time.sleep(0.1)
        control.cancel()
        assert waiting.wait().status == "cancelled"
        leave.set()
        assert holding.wait().status == "succeeded"
        # Nobody holds anything any more.
        assert session.run(side_by_side(needing({"gpu": 1}))).status == "succeeded"


def test_row_14_what_nothing_offers_is_refused_before_anything_runs(needing, gauge):
    with session_with(gpu=1) as session, pytest.raises(GraphInvalidError) as caught:
        session.run(side_by_side(needing({"gpu": 2, "camera": 1}), needing({})))
    assert gauge.most == 0
    assert str(caught.value).splitlines()[:3] == [
        "the graph side by side needs what is not there",
        "  node n0 (local/Needing): needs gpu 2 (there is 1)",
        "  node n0 (local/Needing): needs camera 1 (there is none)",
    ]


def test_what_is_cached_may_need_what_is_not_there(needing, tmp_path):
    class Costly(Node):
        InputArgs = OutputArgs = Number
        resources: ClassVar = {"gpu": 1}

        def run(self, context, args):
            return Number(number=7)

    for gpus in (1, 0):
        executor = LocalExecutor(resources={"gpu": gpus})
        with Session(executor=executor, store=tmp_path / "store") as session:
            assert session.run(side_by_side(Costly))["n0"] == 7


def test_a_node_whose_graph_needs_what_is_not_there_fails(needing):
    inner = needing({"gpu": 1})

    def run(self, context, args):
        graph = Graph("inner")
        graph.output("number", graph.add(inner, id="inside", number=3)["number"])
        return Expansion(graph)

    with session_with(gpu=0) as session:
        failure = session.run(side_by_side(needing({}, run=run))).failures["n0"]
    assert isinstance(failure, NodeFailedError)
    assert failure.why == "inside needs gpu 1 (there is none)"
    with session_with(gpu=1) as session:
        assert session.run(side_by_side(needing({"gpu": 1}, run=run)))["n0"] == 3, "it gives back its own first"


@pytest.mark.parametrize("resources", [{"gpu": 0}, {"gpu": -1}, {"gpu": "one"}, {1: 1}, {"gpu": float("inf")}, ["gpu"]])
def test_amounts_that_are_none_are_refused_when_the_class_is_made(needing, resources):
    with pytest.raises(NodeDefinitionError, match=r"Needing\.resources: names positive amounts"):
        needing(resources)


@pytest.mark.parametrize("resource", ["memory", "gpu_memory"])
def test_warm_instances_are_let_go_before_they_take_more_than_there_is(resource):
    ledger = []

    class Model(Node):
        class InitArgs(BaseArgs):
            name: str

        InputArgs = OutputArgs = Number
        resources: ClassVar = {resource: 4e9}

        def init(self, context, args):
            self.name = args.name
            ledger.append(f"init {self.name}")

        def run(self, context, args):
            return Number(number=args.number)

        def close(self):
            ledger.append(f"close {self.name}")

    with session_with(**{resource: 9e9}) as session:
        for name in ("a", "b", "a", "c"):
            graph = Graph("one")
            graph.add(Model, init={"name": name})
            assert session.run(graph).status == "succeeded"
        # b was used least lately; it went before c came.
        assert ledger == ["init a", "init b", "close b", "init c"]
    assert sorted(ledger[4:]) == ["close a", "close c"]
