"""Drawings of graphs: readable, of bounded size, and valid whatever stands in the graph."""

import random
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.dag.graph import Graph, InputRef, Link
from flowra.dag.graph.draw import draw_dot, draw_mermaid, draw_svg, draw_terminal
from flowra.dag.graph.draw.lanes import chain_order, draw_lanes
from flowra.dag.graph.draw.layout import Box, Edge, lay_out
from flowra.dag.graph.draw.words import columns, cut, drawable, value_text
from flowra.exceptions import GraphError

SVG = "{http://www.w3.org/2000/svg}"


def faces():
    g = Graph("faces", description="Find faces in a photo")
    photo = g.input("photo", "File", default="astronaut.png", description="Any photo")
    load = g.add("image/Load", path=photo)
    resize = g.add("image/Resize", image=load["image"], width=640)
    detect = g.add("image/DetectFaces", id="detect", image=resize["image"], min_score=0.5)
    draw = g.add("image/DrawBoxes", id="draw", image=resize["image"], boxes=detect["faces"])
    g.add("image/Save", image=draw["image"], path="faces.png")
    g.add("image/Show", image=draw["image"])
    g.output("picture", draw["image"])
    return g


def with_subgraph():
    g, inner = Graph("outer"), Graph()
    image = inner.input("image", "Image")
    inner.output("image", inner.add("image/Blur", image=image)["image"])
    g.add(g.subgraph("twice", inner), image=g.add("image/Load")["image"])
    return g


def with_cycle_and_loose_ends():
    g = Graph("cycle")
    a = g.add("x/A", id="a", back=Link("c", "out"), lost=Link("nowhere", "out"), ref=InputRef("unknown"))
    b = g.add("x/B", id="b", v=a["out"], self=Link("b", "out"))
    g.add("x/C", id="c", v=b["out"])
    g.outputs["gone"] = Link("nowhere", "out")
    return g


def hostile():
    """Text that means something to terminals, XML, Mermaid and DOT, wherever a graph has free text."""
    evil = '"]; }\\ <script>alert(1)</script> `#quot; & \x1b[31m \x9b \u202e \x00 \n end'
    g = Graph(evil, description=evil)
    g.input("end", {"type": evil}, default=evil, description=evil)
    g.add("graph/end", id="end", init={"v": evil}, subgraph={"k": [evil]}, ref=InputRef("end"))
    g.add("x/A", id="graph", v=Link("end", "style"))
    g.output("class", Link("graph", "click"))
    g.subgraph("end", Graph(evil))
    return g


def in_memory():
    g = Graph()
    g.add("x/A", image=np.zeros((3, 3)), data=[b"x"])
    return g


ALL = [faces, with_subgraph, with_cycle_and_loose_ends, hostile, in_memory, Graph]


def test_the_terminal_shows_nodes_arguments_and_the_links_between_them():
    assert (
        draw_terminal(faces())
        == """\
faces · 6 nodes · Find faces in a photo
inputs   photo  File = "astronaut.png"  Any photo
outputs  picture  ← draw.image

○    load    image/Load
│      path ← photo
●    resize  image/Resize
│      image ← load.image · width = 640
├─●  detect  image/DetectFaces
│ │    image ← resize.image · min_score = 0.5
●─╯  draw    image/DrawBoxes
│      image ← resize.image · boxes ← detect.faces
├─●  save    image/Save
│      image ← draw.image · path = "faces.png"
●    show    image/Show
       image ← draw.image"""
    )


def test_a_diamond_shows_who_feeds_whom():
    sources = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    rows = draw_lanes(chain_order(sources), sources, dict.fromkeys(sources, "o"))
    assert [(row.node, row.beside, row.below, row.after) for row in rows] == [
        ("a", "o", None, "│"),
        ("b", "├─o", None, "│ │"),
        ("c", "o │", "╰─┤", "  │"),
        ("d", "  o", None, ""),
    ]


def test_thirty_parallel_nodes_take_three_columns():
    g = Graph("wide")
    load = g.add("image/Load")
    filters = [g.add("image/Filter", image=load["image"]) for _ in range(30)]
    g.add("image/Sheet", images=[each["image"] for each in filters])
    sources = {node.id: [] for node in g.nodes.values()}
    sources |= {each.id: ["load"] for each in filters} | {"sheet": [each.id for each in filters]}
    assert max(len(row.beside) for row in draw_lanes(chain_order(sources), sources, dict.fromkeys(sources, "o"))) == 5


def test_graphs_whose_lines_would_leave_no_room_are_shown_by_steps():
    g = Graph()
    rng = random.Random(1)
    ids = []
    for number in range(150):
        g.add("x/A", id=f"n{number}", inputs={f"p{i}": Link(rng.choice(ids), "o") for i in range(2) if ids})
        ids.append(f"n{number}")
    text = draw_terminal(g)
    assert "step 1\n  n0    x/A\nstep 2\n" in text
    assert all(f"  {each} " in text for each in ids)


def test_large_graphs_are_summed_up_with_a_hint():
    g = Graph("big")
    node = g.add("x/Start")
    for _ in range(1_499):
        node = g.add("x/Step", v=node["o"])
    text = draw_terminal(g)
    assert "big · 1,500 nodes" in text
    assert "1,499 links · 1,500 steps deep · at most 1 side by side" in text
    assert "1,499 × x/Step" in text
    assert "--as svg" in text
    assert len(text.splitlines()) < 20


def test_a_cycle_is_named_and_does_not_keep_the_graph_from_being_drawn():
    text = draw_terminal(with_cycle_and_loose_ends())
    assert "this graph has a cycle: b → b" in text or "cycle: a → b → c → a" in text
    assert "lost ← nowhere.out" in text


def test_a_subgraph_is_drawn_below_the_graph():
    text = draw_terminal(with_subgraph())
    assert "◆  twice  graph/twice" in text
    assert "\ngraph/twice · 1 node\ninputs   image  Image\n" in text


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("make", ALL)
def test_no_line_is_wider_than_the_terminal(make, width):
    g = make()
    g.description = "这是一个很长的说明" * 20
    long = g.add(f"{'p' * 150}/{'N' * 150}", id="i" * 200, inputs={"p" * 200: "v" * 500})
    g.output("o" * 200, long["p" * 200])
    g.input("n" * 200, "T" * 300, default="d" * 300)
    assert max(map(columns, draw_terminal(g, width=width).splitlines())) <= width


@pytest.mark.parametrize("make", ALL)
def test_nothing_in_a_graph_reaches_the_terminal_as_a_command(make):
    for draw in (draw_terminal, draw_mermaid, draw_dot, draw_svg):
        assert all(char == "\n" or char.isprintable() for char in draw(make()))


@pytest.mark.parametrize("make", ALL)
def test_mermaid_text_is_a_flowchart_with_everything_quoted(make):
    lines = draw_mermaid(make()).splitlines()
    if lines[0] == "---":
        assert re.fullmatch(r'title: "(?:[^"\\]|\\\\)*"', lines[1])
        lines = lines[3:]
    assert lines[0] == "flowchart LR"
    label = r'"(?:[\w ./,=→…<>-]|#\d+;)*"'
    for line in lines[1:]:
        assert re.fullmatch(
            rf"\s*(?:\w+(?:\[{label}\]|\[\[{label}\]\]|\[/{label}/\]|\(\[{label}\]\))"
            rf"|\w+ -->(?:\|{label}\|)? \w+|subgraph \w+\[{label}\]|end)",
            line,
        ), line
        assert set(re.findall("<[^>]*>", line)) <= {"<br>", "<b>", "</b>"}


@pytest.mark.parametrize("make", ALL)
def test_dot_text_has_every_id_and_label_quoted(make):
    quoted = r'"(?:[^"\\]|\\.)*"'
    for line in draw_dot(make()).splitlines():
        assert re.fullmatch(
            rf"digraph {quoted} {{|\s*subgraph {quoted} {{|\s*}}|\s*rankdir=LR;|\s*label={quoted};"
            rf"|\s*(?:node|edge|{quoted}(?: -> {quoted})?) \[(?:\w+=(?:\w+|{quoted})(?:, )?)+\];",
            line,
        ), line


def test_every_link_is_in_every_form():
    for text in (draw_mermaid(faces()), draw_dot(faces())):
        assert text.count("image → a") + len(re.findall("-->|->", text)) == 8
    assert draw_svg(faces()).count('class="link"') == 8


@pytest.mark.parametrize("make", ALL)
def test_svg_is_well_formed_and_has_nothing_that_runs(make):
    root = ET.fromstring(draw_svg(make()))
    assert root.tag == f"{SVG}svg"
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "style", "rect", "g", "path", "text", "circle"}
    assert not any(name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib)


def test_svg_cards_lie_inside_the_picture_and_apart_from_each_other():
    root = ET.fromstring(draw_svg(faces()))
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert {"faces", "load", "image/Load", "width", "640", "photo", "picture"} <= set(texts)


def test_a_picture_of_too_many_nodes_is_refused():
    g = Graph("big")
    for _ in range(2_001):
        g.add("x/A")
    with pytest.raises(GraphError, match="too large for a picture"):
        draw_svg(g)


@given(st.data())
def test_boxes_never_overlap_and_routes_lead_from_box_to_box(data):
    count = data.draw(st.integers(1, 12))
    layer_of = {key: data.draw(st.integers(0, 4)) for key in range(count)}
    sizes = st.floats(10, 200)
    boxes = {key: Box(data.draw(sizes), data.draw(sizes)) for key in range(count)}
    pairs = [(a, b) for a in boxes for b in boxes if layer_of[a] < layer_of[b]]
    edges = [Edge(a, 5.0, b, 7.0) for a, b in data.draw(st.lists(st.sampled_from(pairs), max_size=20))] if pairs else []
    layout = lay_out(boxes, edges, layer_of)
    for key, (x, y) in layout.places.items():
        assert x >= 0
        assert y >= -1e-6
        assert x + boxes[key].width <= layout.width + 1e-6
        assert y + boxes[key].height <= layout.height + 1e-6
        for other, (other_x, other_y) in layout.places.items():
            apart = (
                x + boxes[key].width <= other_x
                or other_x + boxes[other].width <= x
                or y + boxes[key].height <= other_y
                or other_y + boxes[other].height <= y
            )
            assert key == other or apart
    for edge, route in zip(edges, layout.routes, strict=True):
        assert [x for x, _ in route] == sorted(x for x, _ in route)
        assert route[0] == (layout.places[edge.source][0] + boxes[edge.source].width, layout.places[edge.source][1] + 5)
        assert route[-1] == (layout.places[edge.target][0], layout.places[edge.target][1] + 7)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_any_graph_is_drawn_in_every_form(edges):
    g = Graph()
    for number in range(10):
        g.add("x/A", id=f"n{number}", inputs={f"p{a}": Link(f"n{a}", "o") for a, b in edges if b == number})
    text = draw_terminal(g)
    assert all(re.search(rf"  n{number}  x/A", text) for number in range(10))
    ET.fromstring(draw_svg(g))
    draw_mermaid(g)
    draw_dot(g)


@given(st.text(), st.integers(1, 30))
def test_text_is_cut_to_the_columns_there_are(text, width):
    assert columns(cut(drawable(text), width)) <= width


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([Link("a", "b"), InputRef("p"), 1, "x"], '[a.b, p, 1, "x"]'),
        ({"k": None, "b": True}, '{"k": null, "b": true}'),
        ("图\n\x1b", '"图 \\\\u001b"'),
        (b"x", "<bytes>"),
        (1.0, "1.0"),
        ("x" * 10_000_000, '"' + "x" * 38 + "…"),
        (list(range(1_000_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
    ],
)
def test_values_are_shown_in_a_few_words(value, text):
    assert value_text(value) == text
