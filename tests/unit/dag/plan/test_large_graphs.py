"""Graphs of 100,000 nodes are planned within seconds, deep ones and wide ones alike."""

import time

import pytest
from fixtures.plan_nodes import pix_catalog

from flowra.dag.graph import Graph
from flowra.dag.plan.checks import check
from flowra.dag.plan.planner import plan_graph
from flowra.exceptions import GraphInvalidError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("untraced")]

NODES = 100_000
#: Several times what it takes, so that a slow machine passes and a quadratic step does not.
SECONDS = 30


def deep():
    graph = Graph("deep")
    previous = graph.add("pix/Chain")
    for _ in range(NODES - 1):
        previous = graph.add("pix/Chain", number=previous["number"])
    graph.output("end", previous["number"])
    return graph


def wide():
    graph = Graph("wide")
    first = graph.add("pix/Chain")
    branches = [graph.add("pix/Chain", number=first["number"]) for _ in range(NODES - 2)]
    graph.add("pix/Sum", numbers=[branch["number"] for branch in branches])
    return graph


@pytest.mark.parametrize("make", [deep, wide])
def test_a_hundred_thousand_nodes_are_planned(make):
    graph = make()
    start = time.perf_counter()
    plan = plan_graph(graph, pix_catalog())
    assert time.perf_counter() - start < SECONDS
    assert len(plan.nodes) + len(plan.merged) == NODES
    assert next(iter(plan.nodes)) == "chain"


def test_a_hundred_thousand_mistakes_are_all_found_and_a_few_shown():
    graph = Graph("wrong")
    for _ in range(NODES):
        graph.add("pix/Chain", number="x")
    start = time.perf_counter()
    problems = check(graph, pix_catalog())
    assert time.perf_counter() - start < SECONDS
    assert len(problems) == NODES
    with pytest.raises(GraphInvalidError) as error:
        plan_graph(graph, pix_catalog())
    assert len(str(error.value).splitlines()) <= 15
    assert str(error.value).startswith("the graph wrong has 100,000 mistakes\n")
