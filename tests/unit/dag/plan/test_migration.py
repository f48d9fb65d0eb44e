"""Graphs that were made with earlier versions of a node run with the installed one."""

import pytest
from fixtures import plan_nodes
from fixtures.plan_nodes import MIGRATIONS, pix_catalog

from flowra.dag.graph import Graph, Link
from flowra.dag.plan.checks import check
from flowra.dag.plan.logical import NodeOutput
from flowra.dag.plan.planner import plan_graph
from flowra.plugin import Migration


def old_graph(version, **inputs):
    graph = Graph()
    graph.add("pix/Load", path="/a.png")
    node = graph.add("pix/Resize", id="old", inputs={"image": Link("load", "image"), **inputs})
    node.version = version
    return graph


def found(graph, catalog):
    return [str(problem) for problem in check(graph, catalog)]


def test_ports_that_were_renamed_are_found_under_their_old_names():
    graph = Graph()
    graph.add("pix/Load", path="/a.png")
    old = graph.add("pix/Resize", id="old", inputs={"picture": Link("load", "image"), "size": 0.5})
    old.version = 1
    graph.add("pix/Save", image=Link("old", "picture"), path="b.png")
    graph.output("out", Link("old", "picture"))
    plan = plan_graph(graph, pix_catalog())
    assert plan.nodes["old"].links == {"image": NodeOutput("load", "image")}
    assert plan.nodes["old"].literals == {"width": 500}
    assert plan.nodes["save"].links["image"] == NodeOutput("old", "image")
    assert plan.outputs == {"out": NodeOutput("old", "image")}


def test_the_graph_itself_stays_as_it_was_written():
    graph = old_graph(2, width=0.25)
    before = graph.to_json()
    assert plan_graph(graph, pix_catalog()).nodes["old"].literals == {"width": 250}
    assert graph.to_json() == before


@pytest.mark.parametrize("version", [None, 3])
def test_the_installed_version_is_left_alone(version):
    plan = plan_graph(old_graph(version, width=30), pix_catalog())
    assert plan.nodes["old"].literals == {"width": 30}


def test_a_node_is_migrated_once_however_many_links_lead_to_it(monkeypatch):
    monkeypatch.setattr(plan_nodes, "calls", [])
    graph = old_graph(2, width=0.5)
    for _ in range(50):
        graph.add("pix/Resize", image=Link("old", "image"))
    check(graph, pix_catalog())
    assert len(plan_nodes.calls) == 1


@pytest.mark.parametrize(
    ("version", "migrations", "problem"),
    [
        (
            4,
            MIGRATIONS,
            "nodes.old.version: was made with version 4 of pix/Resize; version 3 is installed (update the pack pix)",
        ),
        (
            1,
            MIGRATIONS[1:],
            (
                "nodes.old.version: was made with version 1 of pix/Resize, and the pack pix declares no migration from "
                "version 1 to 2 (adapt the arguments by hand and set the node's version to 3)"
            ),
        ),
        (
            1,
            MIGRATIONS[:1],
            "nodes.old.version: was made with version 1 of pix/Resize, and the pack pix declares no migration from ver",
        ),
        (
            2,
            [Migration("Resize", 2, apply="fixtures.plan_nodes:fails")],
            "nodes.old.version: the migration fixtures.plan_nodes:fails failed: KeyError: 'width' (adapt the arguments",
        ),
        (
            2,
            [Migration("Resize", 2, apply="fixtures.plan_nodes:gives_text")],
            "nodes.old.version: the migration fixtures.plan_nodes:gives_text gave str, not the node's arguments",
        ),
        (
            2,
            [Migration("Resize", 2, apply="fixtures.plan_nodes:gives_more")],
            "nodes.old.version: the migration fixtures.plan_nodes:gives_more gave outputs, which are no arguments",
        ),
        (2, [Migration("Resize", 2, apply="fixtures.plan_nodes:gone")], "nodes.old.version: "),
        (2, [Migration("Resize", 2, inputs={"width": "breadth"})], "nodes.old.inputs.breadth: pix/Resize has no port"),
    ],
)
def test_what_can_not_be_migrated_is_a_problem_of_the_node(version, migrations, problem):
    graph = old_graph(version, width=7)
    graph.add("pix/Save", image=Link("old", "image"), path="b.png")
    [only] = found(graph, pix_catalog(migrations))
    assert only.startswith(problem)


def test_migrations_may_be_declared_in_any_order():
    graph = old_graph(1, size=0.5)
    assert plan_graph(graph, pix_catalog(MIGRATIONS[::-1])).nodes["old"].literals == {"width": 500}


def test_renames_of_two_steps_lead_from_the_first_name_to_the_last():
    steps = (
        Migration("Resize", 1, outputs={"a": "b"}),
        Migration("Resize", 2, outputs={"b": "image"}),
    )
    graph = old_graph(1)
    graph.add("pix/Save", id="one", image=Link("old", "a"), path="x")
    graph.add("pix/Save", id="two", image=Link("old", "image"), path="x")
    nodes = plan_graph(graph, pix_catalog(steps)).nodes
    assert nodes["one"].links == nodes["two"].links == {"image": NodeOutput("old", "image")}
