"""Every mistake of a graph against its packs is found before anything runs, with its place and what to do."""

import pytest
from fixtures.plan_nodes import pix_catalog

from flowra.dag.graph import Graph, InputRef, Link
from flowra.dag.plan.checks import check
from flowra.type.value_type import AnyImage, File, Float, ListOf, String


@pytest.fixture
def catalog():
    return pix_catalog()


@pytest.fixture
def loaded():
    """A graph with the node `load`."""
    graph = Graph("g")
    graph.add("pix/Load", path="a.png")
    return graph


def found(graph, catalog):
    return [str(problem) for problem in check(graph, catalog)]


def test_a_sound_graph_has_no_problems(loaded, catalog):
    image = loaded.node("load")["image"]
    small = loaded.add("pix/Resize", image=image, width=20)
    loaded.add("pix/Blend", images=[image, small["image"], "b.png"], weights=[1, 0.5])
    loaded.add("pix/Embed", init={"model": "m.onnx"}, image=small["image"])
    loaded.add("pix/Compare", vector=Link("embed", "vector"), limit=Link("embed", "length"))
    loaded.output("picture", small["image"])
    assert found(loaded, catalog) == []


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        (
            ("pix/Resise", {}),
            "nodes.n.type: there is no node type pix/Resise: pack pix has no such node (did you mean pix/Resize?)",
        ),
        (
            ("pox/Resize", {}),
            "nodes.n.type: there is no node type pox/Resize: no pack pox is installed (did you mean pix/Resize?)",
        ),
        (("pix/Resize", {}), "nodes.n.inputs.image: is missing: it takes AnyImage (give it a value or a link)"),
        (
            ("pix/Resize", {"image": "a.png", "with": 3}),
            "nodes.n.inputs.with: pix/Resize has no port 'with' (did you mean width?)",
        ),
        (
            ("pix/Load", {"path": "a", "zoom": 3}),
            "nodes.n.inputs.zoom: pix/Load has no port 'zoom' (it has path)",
        ),
        (
            ("pix/Resize", {"image": "a.png", "width": "wide"}),
            "nodes.n.inputs.width: should be a valid integer, got text 'wide'",
        ),
        (
            ("pix/Resize", {"image": "a.png", "width": 0}),
            "nodes.n.inputs.width: should be greater than or equal to 1, got whole number 0",
        ),
        (
            ("pix/Resize", {"image": 5}),
            "nodes.n.inputs.image: expected AnyImage (picture: array H×W (grey), H×W×3 (RGB) or H×W×4",
        ),
        (
            ("pix/Blend", {"images": ["a.png"]}),
            "nodes.n.inputs.images: expected at least 2 items, got 1",
        ),
        (
            ("pix/Blend", {"images": ["a.png", 5, "b.png"]}),
            "nodes.n.inputs.images: item 1: expected AnyImage",
        ),
        (
            ("pix/Resize", {"image": Link("load", "picture")}),
            "nodes.n.inputs.image: load (pix/Load) has no output 'picture' (it has image)",
        ),
        (
            ("pix/Resize", {"image": Link("load", "imag")}),
            "nodes.n.inputs.image: load (pix/Load) has no output 'imag' (did you mean image?)",
        ),
        (
            ("pix/Resize", {"image": "a.png", "width": Link("load", "image")}),
            "nodes.n.inputs.width: load.image gives AnyImage, and width takes Integer",
        ),
        (
            ("pix/Blend", {"images": Link("load", "image")}),
            (
                "nodes.n.inputs.images: load.image gives AnyImage, and images takes List[AnyImage]: "
                "List[AnyImage] takes a list; write a list of links: [link]"
            ),
        ),
        (
            ("pix/Blend", {"images": [Link("load", "image")]}),
            "nodes.n.inputs.images: expected at least 2 items, got 1",
        ),
        (
            ("pix/Blend", {"images": [Link("load", "image"), 5, "b.png"]}),
            "nodes.n.inputs.images[1]: expected AnyImage",
        ),
        (
            ("pix/Blend", {"images": ["a", "b"], "weights": [1, Link("load", "image")]}),
            "nodes.n.inputs.weights[1]: load.image gives AnyImage, and weights takes Float",
        ),
        (
            ("pix/Resize", {"image": Link("gone", "image")}),
            "nodes.n.inputs.image: linked to gone.image, but there is no node 'gone'",
        ),
        (
            ("pix/Resize", {"image": InputRef("photo")}),
            "nodes.n.inputs.image: the graph has no input 'photo' (the graph has no inputs)",
        ),
    ],
)
def test_a_mistake_has_its_place_its_reason_and_its_mend(loaded, catalog, node, problem):
    node_type, inputs = node
    loaded.add(node_type, id="n", inputs=inputs)
    [only] = found(loaded, catalog)
    assert only.startswith(problem)


@pytest.mark.parametrize(
    ("init", "problem"),
    [
        ({}, "nodes.embed.init.model: is missing: The model. (give it a value or a link)"),
        ({"model": "m", "siez": 4}, "nodes.embed.init.siez: pix/Embed init has no port 'siez' (did you mean size?)"),
        ({"model": "m", "size": 1.5}, "nodes.embed.init.size: should be a valid integer"),
    ],
)
def test_init_arguments_are_checked_as_well(loaded, catalog, init, problem):
    loaded.add("pix/Embed", init=init, image=loaded.node("load")["image"])
    [only] = found(loaded, catalog)
    assert only.startswith(problem)


@pytest.mark.parametrize(
    ("value_type", "default", "problem"),
    [
        ("Flaot", None, "inputs.value.type: unknown value type 'Flaot'; did you mean Float?"),
        ({"type": "Image", "mode": "CMYK"}, None, "inputs.value.type: value type Image: mode is L, RGB or RGBA"),
        (Float, "x", "inputs.value.default: should be a valid number, got text 'x'"),
        (Float, None, "inputs.value.default: should be a valid number, got nothing (null)"),
        (String, "x", "nodes.n.inputs.width: the graph input value gives String, and width takes Integer"),
        (AnyImage, "a.png", "nodes.n.inputs.width: the graph input value gives AnyImage, and width takes Integer"),
    ],
)
def test_inputs_of_the_graph_are_checked(loaded, catalog, value_type, default, problem):
    value = loaded.input("value", value_type, default=default)
    loaded.add("pix/Resize", id="n", image="a.png", width=value)
    assert found(loaded, catalog)[0].startswith(problem)


def test_outputs_of_the_graph_are_checked(loaded, catalog):
    loaded.output("one", Link("load", "picture"))
    loaded.output("two", Link("gone", "image"))
    assert found(loaded, catalog) == [
        "outputs.two: linked to gone.image, but there is no node 'gone'",
        "outputs.one: load (pix/Load) has no output 'picture' (it has image)",
    ]


def test_all_mistakes_are_reported_at_once(loaded, catalog):
    loaded.add("pix/Resize", id="a", width=0, height=3)
    loaded.add("pix/Nope", id="b")
    loaded.add("pix/Load", id="c")
    loaded.add("pix/Resize", id="d", image=Link("e", "image"))
    loaded.add("pix/Resize", id="e", image=Link("d", "image"))
    places = [problem.partition(": ")[0] for problem in found(loaded, catalog)]
    assert places == [
        "nodes.d.inputs.image",  # the cycle
        "nodes.a.inputs.width",
        "nodes.a.inputs.height",
        "nodes.a.inputs.image",
        "nodes.b.type",
        "nodes.c.inputs.path",
    ]


def test_an_unknown_type_does_not_make_its_links_wrong(loaded, catalog):
    unknown = loaded.add("gone/Node", id="n", anything=[1, {"a": 2}])
    loaded.add("pix/Resize", image=unknown["whatever"])
    loaded.output("out", unknown["other"])
    [only] = found(loaded, catalog)
    assert only.startswith("nodes.n.type: there is no node type gone/Node: no pack gone is installed")


def test_the_type_of_a_missing_pack_may_be_a_graph_input(loaded, catalog):
    value = loaded.input("value", {"type": "gone/Hologram", "depth": 3})
    loaded.add("pix/Resize", image=value)
    assert found(loaded, catalog) == []


def test_a_list_on_a_port_for_one_maps(loaded, catalog):
    photos = loaded.input("photos", ListOf(File))
    many = loaded.add("pix/Load", id="many", path=photos)
    small = loaded.add("pix/Resize", image=many["image"], width=[1, 2])
    assert found(loaded, catalog) == []
    loaded.add("pix/Blend", images=small["image"])
    assert found(loaded, catalog) == []


def test_a_node_class_of_the_program_counts(catalog):
    from flowra.dag.node import BaseArgs, Node

    class Mine(Node):
        class InputArgs(BaseArgs):
            number: float

        def run(self, context, args): ...

    graph = Graph()
    graph.add(Mine, number="x")
    catalog.add(Mine)
    assert found(graph, catalog) == ["nodes.mine.inputs.number: should be a valid number, got text 'x'"]


def test_a_pack_that_breaks_while_it_is_imported_is_one_problem(loaded):
    from flowra.dag.catalog import NodeCatalog
    from flowra.plugin import NodeEntry, PluginManager, hookimpl

    class BadPack:
        @hookimpl
        def flowra_nodes(self):
            return [NodeEntry("gone_module:Node"), NodeEntry("json:dumps")]

    manager = PluginManager()
    manager.register(BadPack(), "bad")
    graph = Graph()
    graph.add("bad/Node", id="a")
    graph.add("bad/Node", id="b")
    graph.add("bad/dumps", id="c")
    first, second, third = found(graph, NodeCatalog(manager))
    assert first.startswith("nodes.a.type: ")
    assert "gone_module" in first
    assert second.startswith("nodes.b.type: ")
    assert "nodes.c.type: node type bad/dumps is no Node class: expected a subclass of flowra.dag.node.Node" in third
