"""The logical plan: what is to be run, in which order, with which values."""

from pathlib import Path

import numpy as np
import pytest
from fixtures.plan_nodes import pix_catalog
from hypothesis import given
from hypothesis import strategies as st

from flowra.dag.graph import Graph, Link
from flowra.dag.plan.logical import Constant, LogicalPlan, NodeOutput
from flowra.dag.plan.planner import outputs_of, plan_graph
from flowra.exceptions import GraphInvalidError, UsageError
from flowra.type.value_type import AnyImage, File, Float, ListOf, OptionalOf


@pytest.fixture(scope="module")
def catalog():
    return pix_catalog()


@pytest.fixture
def graph():
    """Two ways from one photo: a small picture, and a vector."""
    made = Graph("faces")
    load = made.add("pix/Load", path=made.input("photo", File, description="Any picture."))
    small = made.add("pix/Resize", image=load["image"], width=20)
    made.add("pix/Save", image=small["image"], path="small.png")
    embed = made.add("pix/Embed", init={"model": "model.onnx"}, image=load["image"])
    made.add("pix/Compare", vector=embed["vector"])
    made.output("picture", small["image"])
    made.output("vector", embed["vector"])
    return made


def planned(graph, catalog, **arguments):
    return plan_graph(graph, catalog, inputs={"photo": "a.png"}, **arguments)


def test_nodes_hold_literals_and_where_values_come_from(graph, catalog):
    plan = planned(graph, catalog)
    resize = plan.nodes["resize"]
    assert (resize.type, dict(resize.literals), dict(resize.init)) == ("pix/Resize", {"width": 20}, {})
    assert resize.links == {"image": NodeOutput("load", "image")}
    assert list(resize.sources()) == [NodeOutput("load", "image")]
    assert plan.outputs == {"picture": NodeOutput("resize", "image"), "vector": NodeOutput("embed", "vector")}


def test_a_mistake_stops_the_plan_with_all_of_them(graph, catalog):
    graph.node("resize").set(width=0, image=5)
    with pytest.raises(GraphInvalidError) as error:
        planned(graph, catalog)
    assert str(error.value).startswith("the graph faces has 2 mistakes\n  nodes.resize.inputs.image: expected AnyImage")
    assert error.value.exit_code == 3


def test_what_the_graph_asks_for_has_to_be_given(graph, catalog):
    graph.input("other", Float)
    with pytest.raises(GraphInvalidError) as error:
        plan_graph(graph, catalog)
    assert [str(problem) for problem in error.value.problems] == [
        "inputs.photo: is not given: Any picture. (--input photo=VALUE)",
        "inputs.other: is not given (--input other=VALUE)",
    ]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"photo": 5}, "inputs.photo: expected a path, got whole number 5"),
        ({"photo": None}, "inputs.photo: expected a path, got nothing (null)"),
    ],
)
def test_what_is_given_is_checked(graph, catalog, inputs, problem):
    with pytest.raises(GraphInvalidError) as error:
        plan_graph(graph, catalog, inputs=inputs)
    assert [str(each) for each in error.value.problems] == [problem]


def test_what_is_given_has_to_meet_the_ports_as_well(catalog):
    graph = Graph()
    width = graph.input("width", Float, default=-3)
    graph.add("pix/Resize", image="a.png", width=width)
    with pytest.raises(GraphInvalidError, match=r"nodes.resize.inputs.width: .*greater than or equal to 1, got .*-3"):
        plan_graph(graph, catalog)
    with pytest.raises(GraphInvalidError, match=r"valid integer, got number 1.5"):
        plan_graph(graph, catalog, inputs={"width": 1.5})
    assert plan_graph(graph, catalog, inputs={"width": 2.0}).nodes["resize"].literals["width"] == 2.0


def test_an_input_that_there_is_not_names_the_nearest(graph, catalog):
    with pytest.raises(UsageError, match="did you mean photo") as error:
        plan_graph(graph, catalog, inputs={"phot": "a.png"})
    assert error.value.exit_code == 2
    with pytest.raises(UsageError, match="it has none"):
        plan_graph(Graph(), catalog, inputs={"x": 1})


def test_a_value_in_memory_may_be_given(catalog):
    graph = Graph()
    graph.add("pix/Resize", image=graph.input("image", AnyImage))
    pixels = np.zeros((2, 2))
    assert plan_graph(graph, catalog, inputs={"image": pixels}).nodes["resize"].literals["image"] is pixels


@pytest.mark.parametrize(
    ("targets", "nodes", "outputs"),
    [
        ((), ["load", "resize", "embed", "save", "compare"], ["picture", "vector"]),
        (("load",), ["load"], []),
        (("save",), ["load", "resize", "save"], ["picture"]),
        (("compare",), ["load", "embed", "compare"], ["vector"]),
        (("save", "embed"), ["load", "resize", "embed", "save"], ["picture", "vector"]),
    ],
)
def test_only_the_targets_and_what_they_need_are_planned(graph, catalog, targets, nodes, outputs):
    plan = planned(graph, catalog, targets=targets)
    assert set(plan.nodes) == set(nodes)  # which order is promised of them, another test says
    assert list(plan.outputs) == outputs


def test_a_target_that_there_is_not_names_the_nearest(graph, catalog):
    with pytest.raises(UsageError, match="did you mean resize"):
        planned(graph, catalog, targets=["resise"])
    with pytest.raises(UsageError, match="flowra graph show lists the nodes"):
        planned(graph, catalog, targets=["zzz"])


def test_paths_in_the_graph_lie_in_its_folder_and_given_ones_in_the_working_directory(catalog, tmp_path, monkeypatch):
    graph = Graph()
    graph.folder = tmp_path / "graphs"
    photo = graph.input("photo", File, default="default.png")
    graph.add("pix/Load", path=photo)
    graph.add("pix/Resize", image="pictures/a.png")
    graph.add("pix/Embed", image="/b.png", init={"model": "~/m.onnx"})
    graph.add(
        "pix/Save", image="https://example.org/a.png", path="out.png", folder="out", also=["c.txt", photo], id="save"
    )
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    nodes = plan_graph(graph, catalog).nodes
    assert nodes["load"].literals["path"] == tmp_path / "graphs" / "default.png"
    assert nodes["resize"].literals["image"] == str(tmp_path / "graphs" / "pictures" / "a.png")
    assert nodes["embed"].literals["image"] == "/b.png"
    assert nodes["embed"].init["model"] == home / "m.onnx"
    save = nodes["save"].literals
    assert (save["image"], save["path"], save["folder"]) == ("https://example.org/a.png", "out.png", "out")
    assert save["also"] == [tmp_path / "graphs" / "c.txt", tmp_path / "graphs" / "default.png"]
    given = plan_graph(graph, catalog, inputs={"photo": "mine.png"}).nodes
    assert given["load"].literals["path"] == tmp_path / "mine.png"
    assert given["save"].literals["also"][1] == tmp_path / "mine.png"


def test_a_list_keeps_its_links_and_literals_in_their_places(catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = Graph()
    load = graph.add("pix/Load", path="a.png")
    graph.add("pix/Blend", images=["b.png", load["image"]], weights=[1, 2])
    blend = plan_graph(graph, catalog).nodes["blend"]
    assert blend.links == {"images": (Constant(str(tmp_path / "b.png")), NodeOutput("load", "image"))}
    assert blend.literals == {"weights": [1, 2]}
    assert blend.depths == {}


@pytest.mark.parametrize("port", ["images", "either"])
def test_a_list_that_a_port_takes_is_one_value_and_no_map(catalog, port):
    graph = Graph()
    load = graph.add("pix/Load", path="a.png")
    inputs = {"images": ["a.png", "b.png"], port: [load["image"], load["image"]]}
    graph.add("pix/Blend", inputs=inputs)
    assert plan_graph(graph, catalog).nodes["blend"].depths == {}


def test_a_list_on_a_port_for_one_is_planned_as_a_map(catalog):
    graph = Graph()
    load = graph.add("pix/Load", path=graph.input("photos", ListOf(File), default=["a.png", "b.png"]))
    small = graph.add("pix/Resize", image=load["image"], width=[1, 2])
    graph.add("pix/Blend", images=small["image"])
    nodes = plan_graph(graph, catalog).nodes
    assert nodes["load"].depths == {"path": 1}
    assert nodes["resize"].depths == {"image": 1, "width": 1}
    assert nodes["blend"].depths == {}


def test_the_outputs_of_a_graph_that_names_none_are_those_that_nobody_takes(graph, catalog):
    assert outputs_of(planned(graph, catalog)) == {
        "picture": NodeOutput("resize", "image"),
        "vector": NodeOutput("embed", "vector"),
    }
    graph.outputs.clear()
    assert list(outputs_of(planned(graph, catalog))) == ["embed.length", "compare.near"]


def test_a_plan_can_be_printed_and_written(graph, catalog, tmp_path):
    plan = planned(graph, catalog, targets=["save"])
    text = str(plan)
    assert text.splitlines()[0] == "plan of faces: 3 nodes"
    assert "  resize  pix/Resize  image ← load.image, width = 20" in text
    assert text.endswith("output picture ← resize.image")
    assert plan.to_json()["nodes"][1] == {
        "id": "resize",
        "type": "pix/Resize",
        "init": {},
        "literals": {"width": "20"},
        "links": {"image": "load.image"},
    }
    assert str(LogicalPlan("", {}, {}, tmp_path)) == "plan of the graph: 0 nodes"


def test_optional_values_are_checked_inside(catalog):
    graph = Graph()
    vector = graph.input("vector", OptionalOf(ListOf(Float)), default=None)
    graph.add("pix/Compare", vector=[1.0, 2.0], other=vector)
    assert plan_graph(graph, catalog).nodes["compare"].literals["other"] is None
    with pytest.raises(GraphInvalidError, match=r"inputs.vector: item 1: should be a valid number"):
        plan_graph(graph, catalog, inputs={"vector": [1, "x"]})


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=20), st.randoms())
def test_each_node_comes_after_what_it_needs(needs, random):
    graph = Graph()
    order = list(range(len(needs)))
    random.shuffle(order)
    for number in order:
        links = [Link(f"n{each % number}", "number") for each in needs[number] if number]
        graph.add("pix/Sum", id=f"n{number}", numbers=links or [1.0])
    plan = plan_graph(graph, pix_catalog())
    seen = set()
    for node in plan.nodes.values():
        assert {source.node for source in node.sources()} <= seen
        seen.add(node.id)
    assert seen | set(plan.merged) == set(graph.nodes)


def test_the_folder_is_that_of_the_graph_or_the_working_directory(graph, catalog, tmp_path):
    assert planned(graph, catalog).folder == Path.cwd()
    graph.folder = tmp_path
    assert planned(graph, catalog).folder == tmp_path
