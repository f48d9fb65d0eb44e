"""Equal calls are made once: what is merged, and what never is."""

import pytest

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.plan.planner import plan_graph


class Add(Node):
    class InputArgs(BaseArgs):
        number: float
        more: float = 1.0

    class OutputArgs(BaseArgs):
        sum: float

    def run(self, context, args):
        return self.OutputArgs(sum=args.number + args.more)


class Draw(Add):
    deterministic = False


class Send(Add):
    effects = True


def planned(graph, **options):
    return plan_graph(graph, NodeCatalog(classes=[Add, Draw, Send]), **options)


def twins(node_class, first, second):
    """Return a graph in which two nodes of a class are added up."""
    graph = Graph("twins")
    one, two = graph.add(node_class, id="one", **first), graph.add(node_class, id="two", **second)
    total = graph.add(Add, id="total", number=one["sum"], more=two["sum"])
    graph.output("total", total["sum"])
    return graph


def test_equal_calls_are_one_node_of_the_plan():
    plan = planned(twins(Add, {"number": 1.0}, {"number": 1.0}))
    assert list(plan.nodes) == ["one", "total"]
    assert plan.merged == {"two": "one"}
    assert {str(source) for source in plan.nodes["total"].sources()} == {"one.sum"}
    assert "two is the same as one" in str(plan)


def test_what_takes_equal_values_is_merged_too():
    graph = twins(Add, {"number": 1.0}, {"number": 1.0})
    for name in ("one", "two"):
        graph.add(Add, id=f"{name}_more", number=graph.nodes[name]["sum"], more=5.0)
    graph.output("first", graph.nodes["one_more"]["sum"])
    graph.output("second", graph.nodes["two_more"]["sum"])
    graph.add(Add, id="end", number=graph.nodes["one_more"]["sum"], more=graph.nodes["two_more"]["sum"])
    plan = planned(graph)
    assert plan.merged == {"two": "one", "two_more": "one_more"}
    assert plan.outputs["first"] == plan.outputs["second"]


@pytest.mark.parametrize("second", [{"number": 2.0}, {"number": 1}, {"number": 1.0, "more": 1.0}])
def test_calls_that_are_written_differently_stay_apart(second):
    assert planned(twins(Add, {"number": 1.0}, second)).merged == {}


@pytest.mark.parametrize("node_class", [Draw, Send])
def test_what_draws_at_random_or_has_effects_runs_each_time(node_class):
    assert planned(twins(node_class, {"number": 1.0}, {"number": 1.0})).merged == {}


def test_the_ends_of_a_graph_and_what_is_asked_for_by_name_stay():
    graph = twins(Add, {"number": 1.0}, {"number": 1.0})
    graph.add(Add, id="end", number=1.0)
    assert planned(graph).merged == {"two": "one"}
    assert planned(graph, targets=["two", "total"]).merged == {}
