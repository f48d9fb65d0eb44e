"""Graphs in graphs: subgraphs as nodes, expansions, and runs of a part."""

from __future__ import annotations

import pytest

from flowra.dag.graph import Graph
from flowra.exceptions import UsageError
from flowra.execute.session.events import Cached, NodeSucceeded
from flowra.testing.semantics.base import GraphSemantics, needs_cache
from flowra.testing.semantics.expanding_nodes import Countdown, Endless, Fibonacci, Mistaken, Twice
from flowra.testing.semantics.nodes import Add, Join, Number, Numbers, Sum

__all__ = ["SubgraphSemantics"]


def _affine() -> Graph:
    """Return a graph with two inputs, one of them optional, and two outputs."""
    inner = Graph("affine")
    value, offset = inner.input("value", float), inner.input("offset", float, default=1.0)
    double = inner.add(Add, id="double", a=value, b=value)
    inner.output("double", double["value"])
    inner.output("shifted", inner.add(Add, id="shift", a=double["value"], b=offset)["value"])
    return inner


class SubgraphSemantics(GraphSemantics):
    """Subgraphs, `Expansion`, targets."""

    def test_a_subgraph_is_a_node_with_its_own_inputs_and_outputs(self) -> None:
        """A graph stands as a node, as often as one likes; inputs that are not given have their defaults."""
        graph = Graph("outer")
        affine = graph.subgraph("affine", _affine())
        first = graph.add(affine, id="first", value=graph.add(Number, id="one", value=1)["value"])
        second = graph.add(affine, id="second", value=first["shifted"], offset=first["double"])
        graph.output("double", second["double"])
        graph.output("shifted", second["shifted"])
        assert self.run(graph).outputs == {"double": 6.0, "shifted": 8.0}
        assert set(self.told(NodeSucceeded)) == {"one", "first/double", "first/shift", "second/double", "second/shift"}

    def test_subgraphs_stand_in_subgraphs(self) -> None:
        """A subgraph may hold nodes that are subgraphs."""
        middle = Graph("middle")
        value = middle.input("value", float)
        node = middle.add(middle.subgraph("affine", _affine()), id="inner", value=value)
        middle.output("value", node["shifted"])
        graph = Graph("outer")
        graph.output("value", graph.add(graph.subgraph("middle", middle), id="node", value=3)["value"])
        assert self.run(graph)["value"] == 7.0

    def test_a_subgraph_that_receives_a_list_maps(self) -> None:
        """The nodes of a subgraph map over a list that comes in through its inputs."""
        graph = Graph("outer")
        many = graph.add(Numbers, id="many", values=[1, 2])
        node = graph.add(graph.subgraph("affine", _affine()), id="node", value=many["values"])
        graph.output("text", graph.add(Join, id="join", values=node["shifted"])["text"])
        assert self.run(graph)["text"] == "3 5"

    def test_a_failure_in_a_subgraph_is_named_with_its_place(self) -> None:
        """A node that fails in a subgraph is named with the node that stands for the subgraph before it."""
        inner = Graph("inner")
        inner.output("value", inner.add(Mistaken, id="bad", mistake="unknown type")["value"])
        graph = Graph("outer")
        graph.output("value", graph.add(graph.subgraph("inner", inner), id="node")["value"])
        assert list(self.run(graph).failures) == ["node/bad"]

    def test_a_run_by_target_runs_what_the_target_needs(self) -> None:
        """With targets, they and what they need are run, and nothing else; the outputs among them are given."""
        graph = Graph("targets")
        one = graph.add(Number, id="one", value=1, ledger=str(self.ledger))
        left = graph.add(Add, id="left", a=one["value"], b=1, ledger=str(self.ledger))
        right = graph.add(Add, id="right", a=one["value"], b=2, ledger=str(self.ledger))
        both = graph.add(Add, id="both", a=left["value"], b=right["value"], ledger=str(self.ledger))
        graph.output("left", left["value"])
        graph.output("both", both["value"])
        assert self.run(graph, targets=["left"]).outputs == {"left": 2.0}
        assert self.ledger.take() == ["left", "one"]

    def test_a_target_may_be_a_subgraph(self) -> None:
        """A target that names a subgraph means all of its nodes; its own outputs need not be the graph's."""
        graph = Graph("targets")
        affine = graph.subgraph("affine", _affine())
        graph.add(affine, id="first", value=1)
        graph.add(affine, id="second", value=2)
        self.run(graph, targets=["second"]).raise_for_status()
        assert set(self.told(NodeSucceeded)) == {"second/double", "second/shift"}

    def test_a_target_that_is_not_there_is_refused(self) -> None:
        """A target that the graph does not have is refused with the nearest name."""
        graph = Graph("targets")
        graph.add(Number, id="number", value=1)
        with pytest.raises(UsageError, match="did you mean number"):
            self.run(graph, targets=["numbre"])

    def test_a_graph_that_a_node_returns_runs_in_its_place(self) -> None:
        """The outputs of the graph that a node returned are the node's; values go in through its inputs."""
        graph = Graph("expansion")
        one = graph.add(Number, id="one", value=1.5)
        twice = graph.add(Twice, id="twice", value=one["value"])
        graph.output("value", graph.add(Add, id="after", a=twice["value"], b=1)["value"])
        assert self.run(graph).raise_for_status()["value"] == 4.0
        assert set(self.told(NodeSucceeded)) == {"one", "twice", "twice/add", "after"}

    def test_each_item_may_return_a_graph(self) -> None:
        """A node that maps over a list may return a graph for each item."""
        graph = Graph("expansions")
        many = graph.add(Numbers, id="many", values=[1, 2, 3])
        twice = graph.add(Twice, id="twice", value=many["values"])
        graph.output("sum", graph.add(Sum, id="sum", values=twice["value"])["value"])
        assert self.run(graph).raise_for_status()["sum"] == 12.0
        assert {"twice[1]", "twice[1]/add"} <= set(self.told(NodeSucceeded))

    @needs_cache
    def test_an_expansion_is_cached_as_a_whole_and_in_its_parts(self) -> None:
        """The node that expanded is recalled without running, and so are the nodes of its graph where they return."""
        graph = Graph("expansion")
        graph.output("value", graph.add(Twice, id="twice", value=2, ledger=str(self.ledger))["value"])
        assert self.run(graph)["value"] == 4.0
        assert self.ledger.take() == ["twice", "twice/add"]
        assert self.run(graph)["value"] == 4.0
        assert self.ledger.take() == []
        assert self.told(Cached) == ["twice"]

    def test_a_loop_is_a_graph_that_ends_in_its_own_node(self) -> None:
        """A node may return a graph in which it stands itself: a loop."""
        graph = Graph("loop")
        graph.output("value", graph.add(Countdown, id="count", number=30)["value"])
        assert self.run(graph).raise_for_status()["value"] == 465.0

    def test_a_recursion_may_branch(self) -> None:
        """A node may stand several times in the graph that it returns."""
        graph = Graph("recursion")
        graph.output("value", graph.add(Fibonacci, id="fibonacci", number=9)["value"])
        assert self.run(graph).raise_for_status()["value"] == 34.0

    def test_a_loop_that_does_not_end_is_stopped_at_a_limit(self) -> None:
        """Graphs inside graphs beyond a limit are an error that says so, not a run without end."""
        graph = Graph("endless")
        graph.add(Endless, id="endless")
        graph.add(Number, id="other", value=1)
        run = self.run(graph)
        [failure] = run.failures.values()
        assert "a loop that does not end" in (failure.why or "")
        assert failure.node.startswith("endless/next")
        assert "endless" in run.not_run
        assert "other" in self.told(NodeSucceeded)

    @pytest.mark.parametrize(
        ("mistake", "reason"),
        [
            ("cycle", "first → second → first"),
            ("unknown type", "nowhere/Nothing"),
            ("literal", "nodes.bad.inputs.value"),
            ("input", "inputs.missing"),
            ("no output", "has no output value"),
            ("other type", "gives List[Float], not Float"),
        ],
    )
    def test_mistakes_in_a_returned_graph_are_blamed_on_the_node_that_made_it(self, mistake: str, reason: str) -> None:
        """A graph that can't run is the mistake of the node that returned it; others go on."""
        graph = Graph("mistaken")
        bad = graph.add(Mistaken, id="bad", mistake=mistake)
        graph.output("bad", graph.add(Add, id="after", a=bad["value"])["value"])
        graph.output("good", graph.add(Number, id="good", value=1)["value"])
        run = self.run(graph)
        assert list(run.failures) == ["bad"]
        assert run.failures["bad"].type == "local/Mistaken"
        assert reason in (run.failures["bad"].why or "")
        assert run.outputs == {"good": 1.0}
        assert run.not_run == {"after": "bad failed"}

    def test_a_failure_in_a_returned_graph_is_named_below_the_node(self) -> None:
        """A node that fails in a returned graph fails under its own name; the node that returned it has no result."""
        graph = Graph("failing")
        graph.add(Add, id="after", a=graph.add(Mistaken, id="bad", mistake="fails")["value"])
        run = self.run(graph)
        assert list(run.failures) == ["bad/broken"]
        assert run.not_run == {"bad": "bad/broken failed", "after": "bad/broken failed"}

    def test_a_branch_that_ends_in_a_returned_graph_ends_the_nodes_branch(self) -> None:
        """Where the output of a returned graph has no value because a branch ended, the node's branch ends."""
        graph = Graph("ending")
        graph.add(Add, id="after", a=graph.add(Mistaken, id="bad", mistake="ends")["value"], ledger=str(self.ledger))
        assert self.run(graph).status == "succeeded"
        assert self.ledger.take() == []
