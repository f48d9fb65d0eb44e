from __future__ import annotations

import warnings

import pytest
from fixtures.run_nodes import Give

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute.session import Session


@pytest.fixture
def ledger():
    return []


@pytest.fixture
def warm(ledger):
    """A node class that writes down when it is made ready, run and closed."""

    class Warm(Node):
        """Load a model, and run it."""

        class InitArgs(BaseArgs):
            model: str = "small"

        class InputArgs(BaseArgs):
            number: int = 0

        class OutputArgs(BaseArgs):
            number: int

        def init(self, context, args):
            if args.model == "missing":
                ledger.append("no init")
                raise OSError("there is no such model")
            self.model = args.model
            ledger.append(f"init {self.model}")

        def run(self, context, args):
            ledger.append(f"run {self.model}")
            return self.OutputArgs(number=args.number)

        def close(self):
            ledger.append(f"close {self.model}")
            if self.model == "stuck":
                raise OSError("it does not let go")
            if self.model == "leaves":
                raise SystemExit(3)

    return Warm


def graph_with(node_class, *models):
    graph = Graph("models")
    for number, model in enumerate(models):
        graph.add(node_class, init={"model": model}, number=number)
    return graph


def test_an_instance_is_made_once_for_a_class_and_its_init_arguments(packs, warm, ledger):
    with Session() as session:
        for _ in range(2):
            assert session.run(graph_with(warm, "small", "small", "large")).status == "succeeded"
    assert sorted(each for each in ledger if each.startswith("init")) == ["init large", "init small"]
    assert ledger.count("run small") == 4
    assert ledger.count("run large") == 2


def test_the_default_and_the_same_value_given_share_an_instance(packs, warm, ledger):
    graph = graph_with(warm, "small")
    graph.add(warm, number=1)
    with Session() as session:
        session.run(graph)
    assert ledger.count("init small") == 1


def test_every_instance_is_closed_once_with_the_session(packs, warm, ledger):
    with Session() as session:
        session.run(graph_with(warm, "small", "large"))
        assert not [each for each in ledger if each.startswith("close")]
    assert sorted(each for each in ledger if each.startswith("close")) == ["close large", "close small"]
    session.close()
    assert len([each for each in ledger if each.startswith("close")]) == 2


def test_one_that_fails_to_close_is_warned_of_and_the_others_are_closed(packs, warm, ledger):
    session = Session()
    session.run(graph_with(warm, "small", "stuck", "leaves", "large"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.close()
    assert len([each for each in ledger if each.startswith("close")]) == 4
    said = sorted(str(each.message) for each in caught)
    assert [each.partition(": ")[2] for each in said] == ["OSError: it does not let go", "SystemExit: 3"]
    assert "Warm failed to close" in said[0]


def test_the_others_are_closed_where_warnings_are_errors(packs, warm, ledger):
    session = Session()
    session.run(graph_with(warm, "small", "stuck", "large"))
    with pytest.raises(RuntimeWarning, match="it does not let go"):
        session.close()
    assert len([each for each in ledger if each.startswith("close")]) == 3


def test_an_init_that_raised_is_tried_again(packs, warm, ledger):
    with Session() as session:
        for _ in range(2):
            assert session.run(graph_with(warm, "missing")).status == "failed"
    assert ledger == ["no init", "no init"], "and what was never ready is not closed"


def test_sessions_share_no_instances(packs, warm, ledger):
    for _ in range(2):
        with Session() as session:
            session.run(graph_with(warm, "small"))
    assert ledger.count("init small") == 2


def test_a_session_runs_other_graphs_after_a_failure(packs, warm):
    with Session() as session:
        session.run(graph_with(warm, "missing"))
        graph = Graph("fine")
        graph.add(Give)
        assert session.run(graph).status == "succeeded"
