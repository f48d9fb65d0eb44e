"""Classes that a program brings along: each node runs the class that it was added with, as it is then."""

import sys
from pathlib import Path

import pytest

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.outcome import Expansion
from flowra.execute.session import Session


class Number(BaseArgs):
    number: float


def times(factor, **body):
    """A class that multiplies, always of the same name and source."""

    def run(self, context, args):
        return Number(number=args.number * factor)

    return type("Times", (Node,), {"InputArgs": Number, "OutputArgs": Number, "run": run, **body})


@pytest.fixture
def session(tmp_path):
    with Session(store=tmp_path / "store") as session:
        yield session


def test_two_classes_of_one_name_in_one_graph_are_two(session):
    graph = Graph("two")
    for factor in (2, 3):
        first = graph.add(times(factor), id=f"first_{factor}", number=1.0)
        graph.output(
            f"after_{factor}", graph.add(times(factor), id=f"second_{factor}", number=first["number"])["number"]
        )
    for _ in range(2):
        assert session.run(graph).outputs == {"after_2": 4.0, "after_3": 9.0}


def test_they_may_have_other_ports(session):
    class Word(BaseArgs):
        word: str

    graph = Graph("two")
    one = graph.add(times(2), number=1.0)
    two = graph.add(times(2, InputArgs=Word, run=lambda self, context, args: Number(number=len(args.word))), word="abc")
    graph.output("one", one["number"])
    graph.output("two", two["number"])
    assert session.run(graph).outputs == {"one": 2.0, "two": 3.0}


def test_a_class_made_anew_for_each_expansion_is_the_one_that_runs_there(session):
    def countdown(left):
        def run(self, context, args):
            if not left:
                return Number(number=args.number)
            graph = Graph("next")
            graph.output("number", graph.add(countdown(left - 1), number=args.number + left)["number"])
            return Expansion(graph)

        return type("Countdown", (Node,), {"InputArgs": Number, "OutputArgs": Number, "run": run, "cacheable": False})

    graph = Graph("countdown")
    graph.output("number", graph.add(countdown(4), number=0.0)["number"])
    assert session.run(graph)["number"] == 10.0


def test_a_run_keeps_its_classes_while_another_brings_its_own(session):
    graphs = []
    for factor in range(8):
        graph = Graph("g")
        graph.output("number", graph.add(times(factor), number=2.0)["number"])
        graphs.append(graph)
    running = [session.start(graph) for graph in graphs]
    assert [each.wait()["number"] for each in running] == [2.0 * factor for factor in range(8)]


def test_what_changed_between_two_runs_of_a_session_is_never_answered_from_before(session, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    Path(tmp_path, "settings_of_test.py").write_text("OFFSET = 0\ndef offset():\n    return OFFSET\n")
    import settings_of_test

    settings = {"factor": 1}

    class Scale(Node):
        InputArgs = OutputArgs = Number

        def run(self, context, args):
            return Number(number=args.number * settings["factor"] + settings_of_test.offset())

    graph = Graph("g")
    graph.output("number", graph.add(Scale, number=1.0)["number"])
    try:
        for factor, offset in ((1, 0), (2, 0), (2, 5), (1, 5), (1, 0)):
            settings["factor"], settings_of_test.OFFSET = factor, offset
            assert session.run(graph)["number"] == factor + offset
    finally:
        del sys.modules["settings_of_test"]
