"""Values that a run takes from the store: for how long they are in memory, and what happens when they are lost."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.local import LocalExecutor
from flowra.execute.session import Session
from flowra.execute.session.events import Log, Started
from flowra.testing.semantics.ledger import Ledger, write_line


class Made(BaseArgs):
    array: object


class Make(Node):
    """Give an array."""

    class InputArgs(BaseArgs):
        number: int
        ledger: str

    OutputArgs = Made

    def run(self, context, args):
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(array=np.full(50_000, args.number))


class MakeLater(Make):
    """Give an array, as a coroutine."""

    async def run(self, context, args):
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(array=np.full(50_000, args.number))


class Lost(Node):
    """Give an array that is another each time, though it says that one is as good as the other."""

    class InputArgs(BaseArgs):
        number: int
        ledger: str

    OutputArgs = Made

    def run(self, context, args):
        write_line(args.ledger, context.node_id)
        if len(Ledger(args.ledger).lines()) > 1:
            raise OSError("the camera is gone")
        return self.OutputArgs(array=np.full(50_000, args.number))


class Take(Node):
    """Take an array, and watch it."""

    effects = True
    seen: dict = {}  # noqa: RUF012  the test looks into it

    class InputArgs(BaseArgs):
        array: object

    class OutputArgs(BaseArgs):
        total: float

    def run(self, context, args):
        Take.seen[context.node_id] = weakref.ref(args.array)
        return self.OutputArgs(total=float(args.array.sum()))


class Look(Node):
    """Tell which of the arrays live that were taken."""

    effects = True

    class InputArgs(BaseArgs):
        after: list[float]

    class OutputArgs(BaseArgs):
        alive: list[str]

    def run(self, context, args):
        gc.collect()
        return self.OutputArgs(alive=sorted(name for name, seen in Take.seen.items() if seen() is not None))


@pytest.fixture
def ledger(tmp_path):
    Take.seen.clear()
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def graph(ledger):
    graph = Graph("arrays")
    totals = []
    for number in (1, 2, 3):
        made = graph.add(Make, id=f"made{number}", number=number, ledger=str(ledger))
        totals.append(graph.add(Take, id=f"taken{number}", array=made["array"])["total"])
    graph.output("alive", graph.add(Look, id="look", after=totals)["alive"])
    return graph


def damage(store):
    for blob in (path for path in (store / "blobs").rglob("*") if path.is_file()):
        content = bytearray(blob.read_bytes())
        content[-3] ^= 4
        blob.chmod(0o600)
        blob.write_bytes(content)


def test_a_value_from_the_store_is_let_go_like_any_other(session, graph):
    for _ in range(2):
        run = session.run(graph)
        assert (run["alive"], len(Take.seen)) == ([], 3)


def test_values_from_the_store_count_in_the_budget_of_memory(packs, graph, ledger, tmp_path):
    with Session(store=tmp_path / "store") as session:
        session.run(graph).raise_for_status()
    for number in (1, 2, 3):
        graph.output(f"kept{number}", graph.nodes[f"made{number}"]["array"])
    executor = LocalExecutor(threads=1, memory=0)
    with Session(store=tmp_path / "store", executor=executor) as session:
        run = session.run(graph)
    # They are outputs too, and still were not all kept in memory while the run went on.
    assert len(run["alive"]) <= 1
    assert [run[f"kept{number}"][0] for number in (1, 2, 3)] == [1, 2, 3]
    assert len(ledger.lines()) == 3


@pytest.mark.parametrize("kind", [Make, MakeLater])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_lost_value_is_computed_once_however_many_take_it(packs, ledger, tmp_path, kind, threads):
    graph = Graph("arrays")
    made = graph.add(kind, id="made", number=7, ledger=str(ledger))
    for number in range(6):
        taken = graph.add(Take, id=f"taken{number}", array=made["array"])
        graph.output(f"total{number}", taken["total"])
    store = tmp_path / "store"
    with Session(store=store) as session:
        session.run(graph).raise_for_status()
    damage(store)
    events = []
    with Session(store=store, executor=LocalExecutor(threads=threads)) as session:
        run = session.run(graph, observers=[events.append]).raise_for_status()
    assert set(run.outputs.values()) == {350_000.0}
    assert ledger.lines() == ["made", "made"]
    assert [event.text for event in events if isinstance(event, Log)] == [
        "the stored array is gone or was damaged; it is computed again"
    ]
    assert [event.node for event in events if isinstance(event, Started)].count("made") == 1


def test_a_lost_value_that_cannot_be_had_again_fails_who_takes_it_and_nothing_else(packs, ledger, tmp_path):
    graph = Graph("arrays")
    made = graph.add(Lost, id="made", number=7, ledger=str(ledger))
    graph.output("total", graph.add(Take, id="taken", array=made["array"])["total"])
    graph.output("alive", graph.add(Look, id="look", after=[1.0])["alive"])
    store = tmp_path / "store"
    with Session(store=store) as session:
        session.run(graph).raise_for_status()
        damage(store)
    with Session(store=store) as session:
        run = session.run(graph)
    assert list(run.failures) == ["taken"]
    assert "the camera is gone" in run.failures["taken"].why
    assert set(run.outputs) == {"alive"}


class Camera(Node):
    """Give something that can't be stored, and so can't be keyed."""

    class InputArgs(BaseArgs):
        number: int = 1
        ledger: str = ""

    class OutputArgs(BaseArgs):
        value: object

    def run(self, context, args):
        return self.OutputArgs(value=lambda: args.number)


class Develop(Node):
    """Take what can't be keyed."""

    class InputArgs(BaseArgs):
        value: object
        ledger: str = ""

    class OutputArgs(BaseArgs):
        number: int

    def run(self, context, args):
        write_line(args.ledger, context.node_id)
        return self.OutputArgs(number=args.value())


@pytest.mark.parametrize(("number", "runs"), [(1, 1), (2, 2)])
def test_what_has_no_key_is_resumed_in_the_same_graph_alone(session, ledger, number, runs):
    def graph_of(number):
        graph = Graph("unkeyed")
        camera = graph.add(Camera, id="camera", number=number)
        graph.output("number", graph.add(Develop, id="develop", value=camera["value"], ledger=str(ledger))["number"])
        return graph

    first = session.run(graph_of(1))
    assert session.run(graph_of(number), resume=first.id)["number"] == number
    assert len(ledger.lines()) == runs
