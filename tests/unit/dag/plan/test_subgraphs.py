"""Subgraphs become their nodes, with everything that goes in and comes out."""

import pytest
from fixtures.plan_nodes import pix_catalog

from flowra.dag.graph import Graph, Link
from flowra.dag.plan import expansion
from flowra.dag.plan.checks import check
from flowra.dag.plan.logical import NodeOutput
from flowra.dag.plan.planner import plan_graph
from flowra.exceptions import GraphError, GraphInvalidError
from flowra.type.value_type import AnyImage, File, Float, Integer, ListOf


@pytest.fixture
def catalog():
    return pix_catalog()


def shrinking():
    """A subgraph: image and width in, a smaller picture out."""
    graph = Graph("shrink", description="Make it smaller.")
    image = graph.input("image", AnyImage)
    width = graph.input("width", Integer, default=8)
    small = graph.add("pix/Resize", image=image, width=width)
    graph.output("small", small["image"])
    return graph


@pytest.fixture
def graph():
    made = Graph("g")
    made.subgraph("shrink", shrinking())
    made.add("pix/Load", path="/a.png")
    return made


def found(graph, catalog):
    return [str(problem) for problem in check(graph, catalog)]


def test_the_nodes_of_a_subgraph_stand_in_the_plan_under_its_id(graph, catalog):
    first = graph.add("graph/shrink", id="first", image=Link("load", "image"), width=4)
    graph.add("graph/shrink", id="second", image=first["small"])
    graph.output("end", Link("second", "small"))
    plan = plan_graph(graph, catalog)
    assert list(plan.nodes) == ["load", "first/resize", "second/resize"]
    assert plan.nodes["first/resize"].links == {"image": NodeOutput("load", "image")}
    assert plan.nodes["first/resize"].literals == {"width": 4}
    assert plan.nodes["second/resize"].links == {"image": NodeOutput("first/resize", "image")}
    assert plan.nodes["second/resize"].literals == {"width": 8}
    assert plan.outputs == {"end": NodeOutput("second/resize", "image")}


def test_a_subgraph_as_target_means_its_nodes(graph, catalog):
    graph.add("graph/shrink", id="first", image=Link("load", "image"))
    graph.add("graph/shrink", id="first_2", image="b.png")
    assert list(plan_graph(graph, catalog, targets=["first"]).nodes) == ["load", "first/resize"]
    assert list(plan_graph(graph, catalog, targets=["first_2/resize"]).nodes) == ["first_2/resize"]


def test_subgraphs_inside_subgraphs_reach_through(graph, catalog):
    twice = Graph()
    image = twice.input("image", AnyImage)
    widths = twice.input("width", Integer)
    inner = twice.add("graph/shrink", id="inner", image=image, width=widths)
    again = twice.add("graph/shrink", id="again", image=inner["small"], width=widths)
    twice.output("out", again["small"])
    graph.subgraph("twice", twice)
    outer = graph.add("graph/twice", id="outer", image=Link("load", "image"), width=graph.input("w", Integer))
    graph.add("pix/Save", image=outer["out"], path="a.png", also=["x", "y"])
    plan = plan_graph(graph, catalog, inputs={"w": 5})
    assert list(plan.nodes) == ["load", "outer/inner/resize", "outer/again/resize", "save"]
    assert plan.nodes["save"].links["image"] == NodeOutput("outer/again/resize", "image")
    assert [plan.nodes[f"outer/{name}/resize"].literals["width"] for name in ("inner", "again")] == [5, 5]


def test_a_subgraph_may_give_what_it_was_given_in_lists(graph, catalog):
    merging = Graph()
    images = merging.input("images", ListOf(AnyImage))
    merging.output("all", merging.add("pix/Blend", images=images)["image"])
    graph.subgraph("merge", merging)
    shrunk = graph.add("graph/shrink", id="s", image=Link("load", "image"))
    graph.add("graph/merge", id="m", images=[shrunk["small"], Link("load", "image"), "/b.png"])
    blend = plan_graph(graph, catalog).nodes["m/blend"]
    assert [*map(str, blend.sources())] == ["s/resize.image", "load.image"]


def test_paths_in_a_subgraph_lie_in_the_folder_of_the_graph_unless_given(graph, catalog, tmp_path, monkeypatch):
    reading = Graph()
    reading.add("pix/Load", path=reading.input("path", File, default="default.png"))
    graph.subgraph("read", reading)
    graph.folder = tmp_path / "graphs"
    monkeypatch.chdir(tmp_path)
    photo = graph.input("photo", File, default="own.png")
    graph.add("graph/read", id="a")
    graph.add("graph/read", id="b", path="literal.png")
    graph.add("graph/read", id="c", path=photo)
    nodes = plan_graph(graph, catalog, inputs={"photo": "given.png"}).nodes
    paths = [nodes[f"{name}/load"].literals["path"].relative_to(tmp_path).as_posix() for name in "abc"]
    assert paths == ["graphs/default.png", "graphs/literal.png", "given.png"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "nodes.n.inputs.image: is missing: it takes AnyImage"),
        ({"image": "a", "width": "x"}, "nodes.n.inputs.width: should be a valid integer, got text 'x'"),
        ({"image": "a", "widht": 3}, "nodes.n.inputs.widht: graph/shrink has no port 'widht' (did you mean width?)"),
        ({"image": 5}, "nodes.n.inputs.image: expected AnyImage"),
    ],
)
def test_a_subgraph_is_checked_as_a_node_is(graph, catalog, inputs, problem):
    graph.add("graph/shrink", id="n", inputs=inputs)
    [only] = found(graph, catalog)
    assert only.startswith(problem)


def test_mistakes_inside_are_reported_once_with_their_whole_place(graph, catalog):
    graph.subgraphs["shrink"].node("resize").set(width=0)
    graph.subgraphs["shrink"].output("more", Link("resize", "size"))
    for _ in range(3):
        graph.add("graph/shrink", image="a.png")
    first, second = found(graph, catalog)
    assert first.startswith("subgraphs.shrink.nodes.resize.inputs.width: should be greater than or equal to 1")
    assert second.startswith("subgraphs.shrink.outputs.more: resize (pix/Resize) has no output 'size'")


def test_the_type_of_a_subgraph_s_output_is_seen_through_it(graph, catalog):
    outer = Graph()
    outer.output("out", outer.add("graph/shrink", id="in", image="a.png")["small"])
    graph.subgraph("outer", outer)
    graph.add("graph/outer", id="o")
    graph.add("pix/Chain", number=Link("o", "out"))
    graph.add("pix/Chain", id="c", number=Link("o", "inn"))
    assert found(graph, catalog) == [
        "nodes.chain.inputs.number: o.out gives AnyImage, and number takes Float",
        "nodes.c.inputs.number: o (graph/outer) has no output 'inn' (it has out)",
    ]


def test_a_list_through_the_input_of_a_subgraph_maps_its_node(graph, catalog):
    each = Graph()
    each.output("out", each.add("pix/Chain", number=each.input("number", Float))["number"])
    graph.subgraph("each", each)
    numbers = graph.input("numbers", ListOf(Float), default=[1, 2])
    mapped = graph.add("graph/each", id="m", number=numbers)
    graph.add("pix/Sum", numbers=mapped["out"])
    nodes = plan_graph(graph, catalog).nodes
    assert nodes["m/chain"].depths == {"number": 1}
    assert nodes["sum"].depths == {}


def test_a_subgraph_that_contains_itself_is_refused(catalog):
    graph, inner = Graph(), Graph()
    graph.subgraph("a", inner)
    inner.output("out", inner.add("graph/a", id="again")["out"])
    graph.add("graph/a", id="use")
    graph.add("pix/Chain", number=Link("use", "out"))
    with pytest.raises(GraphInvalidError, match="a subgraph contains itself: a → a"):
        plan_graph(graph, catalog)


def test_an_output_of_a_subgraph_may_be_renamed_all_the_way(graph, catalog):
    previous = "graph/shrink"
    for level in range(5):
        wrapper = Graph()
        node = wrapper.add(previous, id="in", image=wrapper.input("image", AnyImage))
        wrapper.output("small", node["small"])
        previous = graph.subgraph(f"level{level}", wrapper)
    graph.add(previous, id="top", image="a.png")
    graph.add("pix/Resize", id="end", image=Link("top", "small"))
    assert plan_graph(graph, catalog).nodes["end"].links["image"].node == "top/in/in/in/in/in/resize"


def test_a_chain_of_thousands_of_subgraphs_is_planned(catalog):
    graph = Graph()
    previous = "pix/Chain"
    for level in range(3000):
        wrapper = Graph()
        wrapper.output("number", wrapper.add(previous, id="n")["number"])
        previous = graph.subgraph(f"s{level}", wrapper)
    graph.add("pix/Chain", id="end", number=graph.add(previous, id="top")["number"])
    assert len(plan_graph(graph, catalog).nodes) == 2


@pytest.mark.parametrize("leaf", [True, False], ids=["with-nodes", "without-any-node"])
def test_a_few_lines_that_mean_billions_of_nodes_are_refused(catalog, monkeypatch, leaf):
    monkeypatch.setattr(expansion, "MAX_NODES", 1000)
    graph, first = Graph(), Graph()
    if leaf:
        first.add("pix/Chain")
    previous = graph.subgraph("s", first)
    for level in range(40):
        double = Graph()
        double.add(previous)
        double.add(previous)
        previous = graph.subgraph(f"s{level}", double)
    graph.add(previous)
    with pytest.raises(GraphError, match="more than 1,000 nodes once its subgraphs are expanded"):
        plan_graph(graph, catalog)
