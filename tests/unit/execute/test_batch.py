"""`Session.map`: what its caller can say, and what comes of a batch that does not go to its end."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from typing import ClassVar

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import FlowraError, GraphInvalidError, NodeDefinitionError, NodeFailedError, UsageError
from flowra.execute.batch.sweep import Sweep
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.execute.session.events import ItemEnded, Log, Started
from flowra.execute.session.explanation import explain
from flowra.testing.semantics.ledger import Ledger
from flowra.testing.semantics.nodes import Add, Numbers, Reciprocal, Send
from flowra.type.value_type import Anything


class Half(Node):
    """Halve a number; what it halves by is set once for an instance."""

    made = 0

    class InitArgs(BaseArgs):
        by: float = 2.0

    class InputArgs(BaseArgs):
        value: float

    class OutputArgs(BaseArgs):
        value: float

    def init(self, context, args):
        type(self).made += 1
        self.by = args.by

    def run(self, context, args):
        return self.OutputArgs(value=args.value / self.by)


class Where(Node):
    """Write a file into the folder of the run, and say where that is."""

    cacheable = False

    class InputArgs(BaseArgs):
        value: float

    class OutputArgs(BaseArgs):
        text: str

    def run(self, context, args):
        (context.output_dir / "note.txt").write_text(str(args.value))
        return self.OutputArgs(text=context.output_dir.name)


class Brightness(Node):
    """Give the mean of an array."""

    class InputArgs(BaseArgs):
        image: Anything

    class OutputArgs(BaseArgs):
        value: float

    def run(self, context, args):
        return self.OutputArgs(value=float(args.image.mean()))


@pytest.fixture
def reciprocal():
    graph = Graph("reciprocals")
    graph.output("value", graph.add(Reciprocal, id="reciprocal", value=graph.input("x", "Float"))["value"])
    return graph


def numbers(*values):
    return [{"x": value} for value in values]


def test_results_come_as_they_end_with_their_number(session):
    first_may_end = threading.Event()

    class Patient(Node):
        cacheable = False

        class InputArgs(BaseArgs):
            x: float

        class OutputArgs(BaseArgs):
            value: float

        def run(self, context, args):
            if args.x == 0:
                assert first_may_end.wait(10)
            return self.OutputArgs(value=args.x)

    graph = Graph("order")
    graph.output("value", graph.add(Patient, x=graph.input("x", "Float"))["value"])
    batch = session.map(graph, numbers(0, 1, 2))
    seen = []
    for result in batch:
        seen.append(result.index)
        if len(seen) == 2:
            first_may_end.set()
    assert sorted(seen[:2]) == [1, 2]
    assert seen[2] == 0
    assert (batch.status, batch.totals.succeeded, batch.totals.total) == ("succeeded", 3, 3)


def test_a_result_raises_what_its_item_failed_of(session, reciprocal):
    good, bad = session.map(reciprocal, numbers(2, 0), ordered=True)
    assert good.raise_for_status()["value"] == 0.5
    with pytest.raises(NodeFailedError, match="@1/reciprocal"):
        bad.raise_for_status()
    with pytest.raises(NodeFailedError):
        bad["value"]


def test_after_so_many_failures_no_more_items_are_begun(session, reciprocal):
    batch = session.map(reciprocal, numbers(*[0] * 500), stop_after=3, in_flight=2)
    results = list(batch)
    assert 3 <= len(results) < 10
    assert batch.status == "failed"


def test_a_loop_that_is_left_ends_the_batch(session, reciprocal):
    taken = []

    def items():
        for number in range(1, 10_000):
            taken.append(number)
            yield {"x": number}

    batch = session.map(reciprocal, items())
    for _ in batch:
        break
    batch.close()
    assert len(taken) < 1000
    assert batch.status == "cancelled"
    (result,) = session.map(reciprocal, numbers(4))
    assert result["value"] == 0.25


def test_cancelling_ends_the_nodes_that_ask(session):
    began = threading.Event()

    class Endless(Node):
        cacheable = False

        class InputArgs(BaseArgs):
            x: float

        class OutputArgs(BaseArgs):
            value: float

        def run(self, context, args):
            began.set()
            while True:
                threading.Event().wait(0.01)
                context.check_cancelled()

    graph = Graph("endless")
    graph.add(Endless, x=graph.input("x", "Float"))
    batch = session.map(graph, numbers(*range(100)))
    assert began.wait(10)
    batch.cancel()
    results = list(batch)
    assert {result.status for result in results} == {"cancelled"}
    assert batch.status == "cancelled"


def test_cancelling_ends_a_batch_that_waits_for_its_next_item(session, reciprocal):
    never = threading.Event()

    def items():
        yield {"x": 1}
        never.wait()
        yield {"x": 2}

    batch = session.map(reciprocal, items())
    results = iter(batch)
    assert next(results)["value"] == 1.0
    batch.cancel()
    assert list(results) == []
    assert batch.status == "cancelled"
    never.set()


def test_what_the_source_of_items_raises_is_raised_after_the_results_so_far(session, reciprocal):
    def items():
        yield {"x": 1}
        yield {"x": 2}
        raise OSError("the tape broke")

    results = iter(session.map(reciprocal, items(), ordered=True))
    assert [next(results)["value"], next(results)["value"]] == [1.0, 0.5]
    with pytest.raises(OSError, match="the tape broke"):
        next(results)


def test_init_args_can_vary_and_each_value_has_its_own_warm_instance(session):
    Half.made = 0
    graph = Graph("init")
    graph.output("value", graph.add(Half, id="half", value=graph.input("x", "Float"))["value"])
    results = list(session.map(graph, numbers(8, 16), sweep={"half.by": [2.0, 4.0]}, ordered=True))
    assert [result["value"] for result in results] == [4.0, 2.0, 8.0, 4.0]
    assert Half.made == 2


def test_arrays_are_items_too_and_are_not_kept(session):
    graph = Graph("arrays")
    graph.output("value", graph.add(Brightness, image=graph.input("image", Anything))["value"])
    images = ({"image": np.full((4, 4), number, np.uint8)} for number in range(30))
    assert [result["value"] for result in session.map(graph, images, ordered=True)] == list(map(float, range(30)))


def test_what_items_give_is_let_go_with_them_and_not_when_rings_are_looked_for(session):
    graph = Graph("bright")
    graph.output("value", graph.add(Brightness, id="brightness", image=np.zeros(1))["value"])
    given = []

    def items():
        for number in range(60):
            image = np.full((4, 4), number, float)
            given.append(weakref.ref(image))
            yield {"brightness.image": image}

    gc.disable()
    try:
        results = session.map(graph, items(), in_flight=2)
        kept = [sum(each() is not None for each in given) for _ in results]
    finally:
        gc.enable()
    assert max(kept) <= 6


def test_outputs_are_written_only_where_a_folder_is_named_each_item_s_in_its_own(session, tmp_path):
    graph = Graph("files")
    graph.output("where", graph.add(Where, id="where", value=graph.input("x", "Float"))["text"])
    results = list(session.map(graph, numbers(1, 2), output_dir=tmp_path / "out", ordered=True))
    assert [result["where"] for result in results] == ["000000", "000001"]
    assert (tmp_path / "out/000001/note.txt").read_text() == "2.0"
    assert results[0].files == {"where": {"value": "000000"}}


def test_outputs_of_nodes_can_be_asked_for_besides(session, reciprocal):
    reciprocal.add(Add, id="more", a=reciprocal.node("reciprocal")["value"], b=1)
    (result,) = session.map(reciprocal, numbers(4), outputs=["more.value"])
    assert result.outputs == {"value": 0.25, "more.value": 1.25}
    with pytest.raises(UsageError, match=r"no output 'more\.sum'"):
        session.map(reciprocal, numbers(4), outputs=["more.sum"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sweep": {"nobody.value": [1]}}, "the graph has no node 'nobody'"),
        ({"sweep": {"reciprocal.wrong": [1]}}, "has no port 'wrong'"),
        ({"sweep": {"y": [1]}}, "the graph has no input 'y'"),
        ({"sweep": {"x": [1, 2]}}, "x is set twice"),
        ({"sweep": {"x": []}}, "no list of values for x"),
    ],
)
def test_what_can_t_vary_is_refused_before_anything_runs(session, reciprocal, options, said):
    with pytest.raises(UsageError, match=said):
        session.map(reciprocal, numbers(1), **options)


def test_a_setting_that_does_not_fit_is_refused_before_anything_runs(session, reciprocal):
    with pytest.raises(GraphInvalidError, match=r"reciprocal\.value: "):
        session.map(reciprocal, sweep={"reciprocal.value": [1.0, "two"]}, inputs={"x": 1})


@pytest.mark.parametrize(
    ("items", "sweep", "where"),
    [
        ([{"reciprocal.value": "two"}], None, "the items"),
        ([{"x": "two"}], None, "the items"),
        (None, {"reciprocal.value": [1.0, "two"]}, "the sweep"),
        (None, {"reciprocal.value": ["two"]}, "the sweep"),
    ],
)
def test_a_mistake_of_items_and_of_a_sweep_is_said_to_be_theirs_and_not_the_graph_s(
    session, reciprocal, items, sweep, where
):
    with pytest.raises(GraphInvalidError) as caught:
        session.map(reciprocal, items, sweep=sweep, inputs={} if items and "x" in items[0] else {"x": 1})
    assert caught.value.where == where
    (problem,) = caught.value.problems
    assert problem.place == next(iter(items[0] if items else sweep))


@pytest.mark.parametrize("items", [["me.jpg"], [5], [{1: 2.0}], {"x": 1}])
def test_items_that_are_no_mappings_are_refused(session, reciprocal, items):
    with pytest.raises(UsageError, match="an item gives inputs by name, not "):
        session.map(reciprocal, items)


def test_what_goes_together_has_to_be_as_many():
    with pytest.raises(UsageError, match="differs in number"):
        Sweep.zipped({"a.x": [1, 2], "b.y": [1]})


def test_events_tell_of_items_and_of_their_nodes_unless_an_observer_wants_items_only(session, reciprocal):
    everything, items = [], []

    class ItemsOnly:
        items_only = True

        def __call__(self, event):
            items.append(event)

    list(session.map(reciprocal, numbers(2, 0), observers=[everything.append, ItemsOnly()]))
    ended = {event.item: event for event in everything if isinstance(event, ItemEnded)}
    assert ended[0].outputs == {"value": {"value": "number 0.5"}}
    assert ended[1].error["error"] == "NodeFailedError"
    assert {event.node for event in everything if isinstance(event, Started)} == {"@0/reciprocal", "@1/reciprocal"}
    assert not [event for event in items if isinstance(event, Started)]
    assert len([event for event in items if isinstance(event, ItemEnded)]) == 2


class TestResume:
    def test_only_what_had_not_finished_runs_again_wherever_an_item_stands_now(self, session, tmp_path):
        ledger = Ledger(tmp_path / "ledger")
        graph = Graph("mails")
        graph.add(Send, id="send", value=graph.input("x", "Float"), ledger=str(ledger))
        batch = session.map(graph, numbers(1, 2, 3))
        assert len(list(batch)) == 3
        assert len(ledger.take()) == 3
        again = list(session.map(graph, numbers(0, 3, 2, 1, 4), resume=batch.id, ordered=True))
        assert [result.cached for result in again] == [False, True, True, True, False]
        assert len(ledger.take()) == 2

    def test_the_journal_says_how_each_item_ended(self, session, reciprocal):
        batch = session.map(reciprocal, numbers(2, 0))
        list(batch)
        past = session.history.find(batch.id)
        assert past.is_batch
        assert {number: item["status"] for number, item in past.items.items()} == {0: "succeeded", 1: "failed"}
        assert past.items[0]["given"] == {"x": 2}
        assert past.items[0]["outputs"] == {"value": {"value": 0.5}}
        assert past.status == "failed"

    def test_a_node_of_an_item_is_explained_by_the_run_of_the_same_item_before(self, session, reciprocal):
        reciprocal.name = "explained"
        list(session.map(reciprocal, numbers(2, 4)))
        reciprocal.add(Add, id="more", a=reciprocal.node("reciprocal")["value"])
        batch = session.map(reciprocal, numbers(4, 5), ordered=True)
        list(batch)
        found = explain(session.history, session.store, batch.id, "@0/reciprocal")
        assert found.verdict.startswith("did not run: its result was recorded")
        assert explain(session.history, session.store, batch.id, "@1/reciprocal").verdict == (
            "ran: no earlier run of this graph has it"
        )
        assert "as in @" in explain(session.history, session.store, batch.id, "reciprocal").verdict


class Together(Node):
    """Negate numbers, at most three at once; what came together is noted in the class."""

    batch_size = 3
    cacheable = False
    calls: ClassVar[list[list[float]]] = []

    class InputArgs(BaseArgs):
        x: float

    class OutputArgs(BaseArgs):
        value: float

    def init(self, context, args):
        type(self).calls = []

    def run_batch(self, context, args):
        numbers = [each.x for each in args]
        self.calls.append(numbers)
        context.log(f"{len(args)} at once")
        if 13 in numbers:
            raise ValueError("13 brings no luck")
        if numbers[:1] == [50]:
            return []
        return [self.OutputArgs(value=-number) for number in numbers]


class Scaled(Node):
    """Multiply numbers, at most two at once."""

    batch_size = 2
    sizes: ClassVar[list[int]] = []

    class InitArgs(BaseArgs):
        by: float = 1.0

    class InputArgs(BaseArgs):
        x: float

    class OutputArgs(BaseArgs):
        value: float

    def init(self, context, args):
        self.by = args.by

    def run_batch(self, context, args):
        self.sizes.append(len(args))
        return [self.OutputArgs(value=self.by * each.x) for each in args]


class TestSeveralAtOnce:
    @pytest.fixture
    def one_thread(self, packs):
        with Session(executor=LocalExecutor(threads=1)) as session:
            yield session

    @pytest.fixture
    def run(self, one_thread):
        """Run the node over a list, whose items are all there at once, and return the run and what was logged."""

        def run(*values):
            graph = Graph("list")
            many = graph.add(Numbers, id="many", values=list(values))
            graph.output("values", graph.add(Together, id="it", x=many["values"])["value"])
            told = []
            found = one_thread.run(graph, observers=[told.append])
            return found, [event.text for event in told if isinstance(event, Log)]

        return run

    def test_each_time_there_are_as_many_as_it_takes_and_the_rest_last(self, run):
        found, logged = run(1, 2, 3, 4, 5, 6, 7)
        assert found["values"] == [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0]
        assert Together.calls == [[1, 2, 3], [4, 5, 6], [7]]
        assert logged == ["3 at once", "3 at once", "1 at once"]

    def test_a_bad_one_among_them_fails_alone_and_this_is_said(self, run):
        found, logged = run(12, 13, 14, 15)
        assert list(found.failures) == ["it[1]"]
        assert Together.calls == [[12, 13, 14], [12], [13], [14], [15]]
        assert "3 items together: ValueError: 13 brings no luck; one by one now" in logged

    def test_what_is_not_one_result_for_each_is_refused(self, run):
        found, _ = run(50, 51, 52)
        assert "run_batch returned" in str(found.failures["it[0]"])
        assert list(found.failures) == ["it[0]"]

    def test_with_init_args_that_vary_those_go_together_that_have_the_same(self, one_thread):
        graph = Graph("scaled")
        many = graph.add(Numbers, id="many", values=[1, 2, 3, 4])
        graph.output("values", graph.add(Scaled, id="it", x=many["values"])["value"])
        results = list(one_thread.map(graph, sweep={"it.by": [10.0, 100.0]}, ordered=True))
        assert [result["values"] for result in results] == [[10.0, 20.0, 30.0, 40.0], [100.0, 200.0, 300.0, 400.0]]
        assert sorted(Scaled.sizes) == [2, 2, 2, 2]

    def test_a_node_with_run_batch_alone_runs_by_itself_too(self, session):
        graph = Graph("one")
        graph.output("value", graph.add(Together, x=5.0)["value"])
        assert session.run(graph)["value"] == -5.0
        assert Together.calls == [[5.0]]

    def test_resources_are_taken_once_for_all_of_them(self, packs):
        class Licensed(Together):
            resources: ClassVar = {"licence": 1}

        graph = Graph("licensed")
        many = graph.add(Numbers, id="many", values=list(range(9)))
        graph.output("values", graph.add(Licensed, x=many["values"])["value"])
        with Session(cache=False, executor=LocalExecutor(threads=1, resources={"licence": 1})) as session:
            assert session.run(graph)["values"] == [-float(x) for x in range(9)]
        assert Licensed.calls == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]

    @pytest.mark.parametrize(
        ("trait", "value"), [("timeout", 1.0), ("effects", True), ("isolation", "process")], ids=str
    )
    def test_what_is_about_one_call_can_t_go_with_it(self, trait, value):
        with pytest.raises(NodeDefinitionError, match=f"batch_size: can't go with {trait}"):
            type("Odd", (Together,), {trait: value, "__module__": __name__})

    def test_a_node_that_says_it_takes_several_has_to_have_run_batch(self):
        with pytest.raises(NodeDefinitionError, match=r"Odd\.run_batch: is missing"):
            type("Odd", (Half,), {"batch_size": 4, "__module__": __name__})
        with pytest.raises(NodeDefinitionError, match=r"Odd\.batch_size: is a whole number from 1, not 0"):
            type("Odd", (Half,), {"batch_size": 0, "__module__": __name__})


def test_the_error_of_an_item_is_plain_data(session, reciprocal):
    (result,) = session.map(reciprocal, numbers(0))
    assert isinstance(result.error, FlowraError)
    assert json.loads(json.dumps(result.error.to_json()))["node"] == "@0/reciprocal"
