"""The Python builder: what it makes, and what it refuses at once."""

import copy
import enum
import pickle  # noqa: TID251  people send graphs to processes of their own
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from flowra.dag.graph import MISSING, Graph, GraphInput, InputRef, Link
from flowra.exceptions import GraphError
from flowra.type.value_type import File, Image


def refusal(call, *args, **kwargs):
    with pytest.raises(GraphError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def test_a_graph_is_built_of_inputs_nodes_links_and_outputs():
    g = Graph("thumbnails", description="Small pictures")
    photo = g.input("photo", File, default="a.png", description="Any picture")
    load = g.add("image/Load", path=photo)
    small = g.add("image/Resize", init={"device": "cpu"}, image=load["image"], width=640)
    g.output("picture", small["image"])

    assert g.inputs == {"photo": GraphInput("photo", "File", "a.png", "Any picture")}
    assert list(g.nodes) == ["load", "resize"]
    assert load.inputs == {"path": InputRef("photo")}
    assert small.inputs == {"image": Link("load", "image"), "width": 640}
    assert small.init == {"device": "cpu"}
    assert g.outputs == {"picture": Link("resize", "image")}


def test_nodes_without_an_id_are_named_after_their_type_and_counted():
    g = Graph()
    ids = [g.add("image/DetectFaces").id, g.add("image/DetectFaces").id, g.add("image/HTTPLoad2D").id]
    assert ids == ["detect_faces", "detect_faces_2", "http_load2_d"]


def test_a_counted_id_never_takes_one_that_was_given():
    g = Graph()
    g.add("image/Resize", id="resize_2")
    assert [g.add("image/Resize").id for _ in range(3)] == ["resize", "resize_3", "resize_4"]


def test_a_refused_node_uses_no_number():
    g = Graph()
    refusal(g.add, "image/Resize", width=object())
    assert g.add("image/Resize").id == "resize"


def test_a_class_stands_for_its_type_and_is_remembered():
    class Threshold:
        version = 3

        @classmethod
        def type_id(cls):
            return "local/Threshold"

    node = Graph().add(Threshold, threshold=0.5)
    assert (node.type, node.version, node.node_class) == ("local/Threshold", 3, Threshold)


def test_ports_that_are_no_python_names_are_given_as_a_mapping():
    node = Graph().add("a/B", inputs={"id": 1, "low-res": 2, "inputs": 3}, init={"id": 4}, other=5)
    assert node.inputs == {"id": 1, "low-res": 2, "inputs": 3, "other": 5}
    assert node.init == {"id": 4}


def test_links_and_references_stand_in_lists_too():
    g = Graph()
    side = g.input("side", "Image")
    a = g.add("a/A")
    b = g.add("a/B", images=[a["left"], (side, [a["right"]])])
    assert b.inputs["images"] == [Link("a", "left"), [InputRef("side"), [Link("a", "right")]]]


def test_inputs_are_set_and_replaced_later():
    g = Graph()
    a, b = g.add("a/A"), g.add("a/B", image=1)
    b.set(image=a["image"], width=2)
    b.set({"low-res": 3})
    assert b.inputs == {"image": Link("a", "image"), "width": 2, "low-res": 3}


def test_literals_are_copied_so_that_later_changes_do_not_reach_the_graph():
    sizes = [[1, 2], {"a": [3]}]
    node = Graph().add("a/A", sizes=sizes)
    sizes[0].append(9)
    sizes[1]["a"].append(9)
    assert node.inputs["sizes"] == [[1, 2], {"a": [3]}]


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Path("photos/a.png"), "photos/a.png"),
        (PurePosixPath("/b"), "/b"),
        ((1, (2,)), [1, [2]]),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(7), 7),
        (np.float64(1), 1.0),
        (Colour.RED, "red"),
        (Level.HIGH, 2),
        ({"a": Path("b")}, {"a": "b"}),
        (None, None),
    ],
)
def test_what_stands_for_a_json_value_becomes_one(given, kept):
    value = Graph().add("a/A", port=given).inputs["port"]
    assert value == kept
    assert type(value) is type(kept)


@dataclass
class Boxes:
    count: int


@pytest.mark.parametrize("value", [np.zeros((2, 2)), b"bytes", bytearray(b"x"), Boxes(2)])
def test_values_in_memory_can_be_inputs_but_not_saved(value):
    g = Graph()
    node = g.add("image/Blur", id="blur", image=value, masks=[value])
    assert node.inputs["image"] is value
    assert node.inputs["masks"][0] is value
    message = refusal(g.to_json)
    assert "nodes.blur.inputs.image" in message
    assert "lives in memory only" in message


def test_a_pil_image_can_be_an_input():
    image = pytest.importorskip("PIL.Image").new("RGB", (2, 2))
    assert Graph().add("image/Blur", image=image).inputs["image"] is image


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1, 2}, "JSON has no place for a set"),
        (float("nan"), "nan is no finite number"),
        (float("inf"), "inf is no finite number"),
        (1 + 2j, "JSON has no place for a complex"),
        (object(), "JSON has no place for a object"),
        (len, "JSON has no place for a builtin_function_or_method"),
        (int, "JSON has no place for a type"),
        ({1: 2}, "the key 1 is no text"),
        ("\ud800", "half of a surrogate pair"),
        ({"\ud800": 1}, "half of a surrogate pair"),
    ],
)
def test_a_value_without_a_place_in_json_is_refused_with_its_port(value, reason):
    message = refusal(Graph().add, "image/Resize", id="resize", width=[0, value])
    assert "nodes.resize.inputs.width[1]" in message
    assert reason in message


def test_a_list_that_contains_itself_is_refused():
    endless = []
    endless.append(endless)
    assert "nested more than 64 levels deep" in refusal(Graph().add, "a/A", port=endless)


def test_values_are_nested_64_levels_deep_and_no_deeper():
    value = 0
    for _ in range(64):
        value = [value]
    g = Graph()
    g.add("a/A", port=value)
    assert Graph.from_json(g.to_text()).nodes["a"].inputs["port"] == value
    assert "nested more than 64" in refusal(g.add, "a/A", port=[value])


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "1a", "a b", "ä", "a\n", "x" * 201, None, 3])
def test_a_bad_name_is_refused_wherever_one_is_given(name):
    g = Graph()
    a = g.add("a/A")
    assert "name" in refusal(g.input, name, File)
    assert "name" in refusal(g.output, name, a["x"])
    assert "name" in refusal(g.subgraph, name, Graph())
    assert "name" in refusal(g.add, "a/A", inputs={name: 1})
    assert "name" in refusal(lambda: a[name])
    if isinstance(name, str):
        assert "name" in refusal(g.add, "a/A", init={"fine": 1, name: 1})
    if name is not None:
        assert "name" in refusal(g.add, "a/A", id=name)


@pytest.mark.parametrize("name", ["a", "_", "A-b_9", "x" * 200])
def test_good_names_are_taken(name):
    g = Graph()
    g.output(name, g.add("a/A", id=name, inputs={name: 1})[name])
    assert Graph.from_json(g.to_text()).outputs == {name: Link(name, name)}


def test_a_name_is_taken_once():
    g = Graph()
    a = g.add("a/A", id="a")
    g.input("in", File)
    g.output("out", a["x"])
    g.subgraph("sub", Graph())
    assert "already has a node called 'a'" in refusal(g.add, "a/A", id="a")
    assert "already has an input called 'in'" in refusal(g.input, "in", File)
    assert "already has an output called 'out'" in refusal(g.output, "out", a["x"])
    assert "already has a subgraph called 'sub'" in refusal(g.subgraph, "sub", Graph())


def test_a_port_is_given_once():
    message = refusal(Graph().add, "a/A", inputs={"x": 1}, x=2)
    assert "given twice" in message
    assert "nodes.a.inputs.x" in message


@pytest.mark.parametrize("node_type", ["Resize", "image/", "/Resize", "a/b/c", "image/Re size", "", 3, object, None])
def test_what_is_no_node_type_is_refused(node_type):
    assert "node type" in refusal(Graph().add, node_type)


def test_a_link_to_another_graphs_node_is_refused_with_the_way_out():
    other = Graph("other")
    stray = other.add("image/Load")
    photo = other.input("photo", File)
    g = Graph()
    message = refusal(g.add, "image/Resize", images=[stray["image"]])
    assert "nodes.resize.inputs.images[0]" in message
    assert "the node 'load' is one of the graph 'other'" in message
    assert "subgraph" in message
    assert "the input 'photo' is one of the graph 'other'" in refusal(g.add, "a/A", path=photo)
    assert "graph 'other'" in refusal(g.output, "out", stray["image"])
    assert not g.nodes


def test_a_link_inside_an_object_is_refused():
    g = Graph()
    a = g.add("a/A")
    assert "can't stand inside an object" in refusal(g.add, "a/B", port={"image": a["x"]})


def test_a_bare_node_is_no_value():
    g = Graph()
    a = g.add("image/Load", id="load")
    assert 'name the port: load["image"]' in refusal(g.add, "a/B", image=a)
    assert 'name the port: load["image"]' in refusal(g.output, "out", a)
    with pytest.raises(TypeError, match="name one"):
        list(a)


def test_an_output_is_a_link():
    g = Graph()
    ref = g.input("photo", File)
    assert "is no link" in refusal(g.output, "out", ref)
    assert "is no link" in refusal(g.output, "out", 3)


def test_links_may_be_written_before_their_node_is_there():
    g = Graph()
    g.add("a/B", id="b", x=Link("a", "out"), y=InputRef("later"))
    assert "names no" not in repr(g.to_json())
    assert "is no name" in refusal(g.add, "a/B", x=Link("a b", "out"))
    assert "is no name" in refusal(g.add, "a/B", x=InputRef("a b"))


def test_the_type_of_an_input_is_kept_as_data():
    g = Graph()
    g.input("a", Image(mode="RGB"))
    g.input("b", float, default=0.5)
    g.input("c", "acme/Hologram")
    assert g.inputs["a"].type == {"type": "Image", "mode": "RGB"}
    assert (g.inputs["b"].type, g.inputs["b"].default, g.inputs["b"].required) == ("Float", 0.5, False)
    assert (g.inputs["c"].type, g.inputs["c"].default, g.inputs["c"].required) == ("acme/Hologram", MISSING, True)
    assert "no value type" in refusal(g.input, "d", 3)


def test_init_takes_literals_only():
    g = Graph()
    a = g.add("a/A", id="a")
    assert "nodes.b.init.model" in refusal(g.add, "a/B", id="b", init={"model": a["x"]})
    assert "lives in memory only" in refusal(g.add, "a/B", id="b", init={"model": b"x"})


def test_a_subgraph_is_added_under_a_type():
    inner = Graph("inner")
    g = Graph("outer")
    node = g.add(g.subgraph("blur-twice", inner), image=1)
    assert (node.id, node.type) == ("blur-twice", "graph/blur-twice")
    assert "a Graph" in refusal(g.subgraph, "x", "file.json")


def test_a_graph_cannot_contain_itself():
    outer, middle, inner = Graph(), Graph(), Graph()
    outer.subgraph("middle", middle)
    middle.subgraph("inner", inner)
    assert "can't contain itself" in refusal(outer.subgraph, "self", outer)
    assert "can't contain itself" in refusal(inner.subgraph, "outer", outer)


def test_an_unknown_node_is_asked_for_with_the_nearest_named():
    g = Graph()
    resize = g.add("image/Resize")
    assert g.node("resize") is resize
    assert "did you mean 'resize'" in refusal(g.node, "resise")
    assert "no node" in refusal(g.node, None)


def test_a_copy_changes_alone():
    g = Graph("a")
    photo = g.input("photo", File)
    a = g.add("a/A", path=photo, sizes=[1, [2]])
    g.output("out", a["x"])
    sub = Graph()
    sub.add("a/B")
    g.subgraph("sub", sub)
    before = g.to_text()
    twin = g.copy()
    assert twin.to_text() == before
    twin.node("a").inputs["sizes"][1].append(3)
    twin.node("a").set(other=twin.node("a")["x"])
    twin.subgraphs["sub"].add("a/C")
    twin.add("a/D")
    assert g.to_text() == before


def test_graphs_survive_pickling_and_deep_copies():
    g = Graph("a")
    a = g.add("a/A")
    for _ in range(5_000):
        a = g.add("a/A", x=a["x"])
    g.input("photo", File)
    for twin in (copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        assert twin.to_text() == g.to_text()
        assert twin.inputs["photo"].default is MISSING
        twin.add("a/B", x=twin.node("a")["x"])


def test_saving_writes_the_whole_file_or_leaves_it_alone(tmp_path):
    path = tmp_path / "graph.json"
    g = Graph("a")
    g.add("a/A")
    g.save(path)
    before = path.read_bytes()
    g.add("a/B", image=np.zeros(2))
    assert "nodes.b.inputs.image" in refusal(g.save, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["graph.json"]
    assert "graph.json" in refusal(Graph().save, path / "inside.json")
    assert "directory" in refusal(Graph().save, tmp_path)


def test_values_changed_behind_the_builder_are_checked_when_saved():
    g = Graph()
    node = g.add("a/A", id="a")
    node.inputs["x"] = {"y": {1}}
    message = refusal(g.to_text)
    assert "nodes.a.inputs.x.y" in message
    assert "a set" in message
