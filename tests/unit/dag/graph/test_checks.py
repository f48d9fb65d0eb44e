"""Mistakes in a graph that show without any pack, in files and in builder graphs alike."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.dag.graph import Graph, InputRef, Link, read_graph, structural_problems
from flowra.dag.graph.locator import lines_of
from flowra.dag.graph.order import cycles, layers, topological_order
from flowra.dag.graph.places import parse_place, render_place


def linked(**sources):
    """A graph whose nodes have the named sources: `linked(a="", b="a")`."""
    g = Graph()
    for node_id, inputs in sources.items():
        g.add("x/A", id=node_id, inputs={f"from_{each}": Link(each, "out") for each in inputs.split()})
    return g


def test_a_sound_graph_has_no_problems():
    g = linked(a="", b="a", c="a b")
    g.output("out", g.node("c")["out"])
    assert structural_problems(g) == []


def test_a_link_to_nowhere_names_the_nearest_node():
    g = linked(resize="")
    g.add("x/A", id="blur", images=[1, [Link("resise", "out")]])
    g.outputs["picture"] = Link("blurr", "out")
    first, second = structural_problems(g)
    assert first.place == "nodes.blur.inputs.images[1][0]"
    assert first.reason == "linked to resise.out, but there is no node 'resise'"
    assert first.fix == "did you mean 'resize'?"
    assert (second.place, second.fix) == ("outputs.picture", "did you mean 'blur'?")


def test_a_reference_to_an_unknown_input_names_the_nearest():
    g = Graph()
    g.add("x/A", id="a", path=InputRef("foto"))
    assert [each.fix for each in structural_problems(g)] == ["the graph has no inputs"]
    g.input("photo", "File")
    [problem] = structural_problems(g)
    assert (problem.place, problem.reason) == ("nodes.a.inputs.path", "the graph has no input 'foto'")
    assert problem.fix == "did you mean 'photo'?"


def test_a_cycle_is_shown_in_the_direction_of_the_data():
    g = linked(start="", a="start c", b="a", c="b", end="c")
    [problem] = structural_problems(g)
    assert problem.reason == "cycle: a → b → c → a"
    assert problem.place == "nodes.a.inputs.from_c"


def test_a_node_that_feeds_itself_is_a_cycle():
    [problem] = structural_problems(linked(a="a"))
    assert (problem.place, problem.reason) == ("nodes.a.inputs.from_a", "cycle: a → a")


def test_every_cycle_is_shown_up_to_ten():
    pairs = {f"a{i}": f"b{i}" for i in range(12)} | {f"b{i}": f"a{i}" for i in range(12)}
    problems = structural_problems(linked(**pairs))
    assert [each.reason for each in problems] == [f"cycle: a{i} → b{i} → a{i}" for i in range(10)] + ["2 more cycles"]


def test_a_long_cycle_is_shown_by_its_ends():
    ids = [f"n{i}" for i in range(1000)]
    [problem] = structural_problems(linked(**{node: ids[i - 1] for i, node in enumerate(ids)}))
    assert problem.reason.startswith("cycle: n0 → n1 → n2")
    assert "(984 more)" in problem.reason
    assert problem.reason.endswith("n998 → n999 → n0")


def test_an_unknown_subgraph_names_the_nearest():
    g = Graph()
    g.add("graph/blur", id="a")
    assert [each.fix for each in structural_problems(g)] == ["the graph has no subgraphs"]
    g.subgraph("blurr", Graph())
    [problem] = structural_problems(g)
    assert (problem.place, problem.reason) == ("nodes.a.type", "there is no subgraph 'blur'")
    assert problem.fix == "did you mean 'blurr'?"


def test_a_subgraph_uses_those_of_the_graphs_around_it():
    outer, inner = Graph(), Graph()
    outer.subgraph("helper", Graph())
    outer.subgraph("inner", inner)
    inner.add("graph/helper")
    outer.add("graph/inner")
    assert structural_problems(outer) == []


def test_subgraphs_that_contain_themselves_are_shown():
    outer, a, b = Graph(), Graph(), Graph()
    outer.subgraph("a", a)
    outer.subgraph("b", b)
    a.add("graph/b", id="use_b")
    b.add("graph/a", id="use_a")
    [problem] = structural_problems(outer)
    assert problem.reason == "a subgraph contains itself: a → b → a"
    assert problem.place == "subgraphs.a.nodes.use_b.type"


def test_a_subgraph_of_the_same_name_inside_is_no_recursion():
    outer, a = Graph(), Graph()
    outer.subgraph("a", a)
    a.subgraph("a", Graph())
    a.add("graph/a")
    outer.add("graph/a")
    assert structural_problems(outer) == []


def test_problems_inside_a_subgraph_have_their_whole_place():
    g, sub = Graph(), Graph()
    g.subgraph("sub", sub)
    sub.add("x/A", id="a", v=Link("b", "out"), w=InputRef("p"))
    assert [each.place for each in structural_problems(g)] == [
        "subgraphs.sub.nodes.a.inputs.v",
        "subgraphs.sub.nodes.a.inputs.w",
    ]


def test_subgraphs_nested_too_deep_by_the_builder_are_reported():
    inner = outer = Graph()
    for _ in range(70):
        deeper = Graph()
        inner.subgraph("s", deeper)
        inner = deeper
    [problem] = structural_problems(outer)
    assert "more than 64 levels deep" in problem.reason


def test_the_line_of_a_problem_found_later_is_found_by_its_place():
    text = """{"format": "flowra/1",
  "nodes": {
    "a": {"type": "x/A",
      "inputs": {
        "v": [1,
              {"$from": "b.out"}]}}}}"""
    [problem] = structural_problems(read_graph(text).graph)
    path = parse_place(problem.place)
    assert lines_of(text, [path]) == {path: [6]}


def test_what_is_missing_has_the_line_of_what_is_around_it():
    text = '{\n "nodes": {\n  "a": {"x": 1}}}'
    paths = [("nodes", "a", "type"), ("nodes", "b", "c"), ("zzz",), (), ("nodes", "a", "x", 0)]
    assert list(lines_of(text, paths).values()) == [[3], [2], [1], [1], [3]]


@given(st.text('{}[]",:\\ab1\n ', max_size=40))
def test_lines_are_found_in_broken_text_without_failing(text):
    lines_of(text, [("a",), ("a", 0), (1, "b")])


@given(st.lists(st.text(max_size=8) | st.integers(0, 20), min_size=1, max_size=4))
def test_places_are_read_back_as_the_path_they_were_made_from(path):
    if isinstance(path[0], str):
        assert parse_place(render_place(path)) == tuple(path)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_what_is_found_is_a_cycle_and_none_is_missed(edges):
    sources = {node: [a for a, b in edges if b == node] for node in range(10)}
    found = cycles(sources)
    for cycle in found:
        assert all(before in sources[after] for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        assert len(set(cycle)) == len(cycle)
    order = topological_order(sources)
    assert bool(found) is (len(order) < 10)
    position = {node: index for index, node in enumerate(order)}
    assert all(position[source] < position[node] for node in order for source in sources[node])
    assert all(
        depth == max([layers(sources)[s] + 1 for s in sources[n]], default=0) for n, depth in layers(sources).items()
    )


def chain(length):
    g = Graph("chain")
    node = g.add("x/Start", value=0)
    for number in range(length - 1):
        node = g.add("x/Step", value=node["value"], amount=number)
    return g


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
def test_100_000_nodes_in_a_chain_are_saved_loaded_and_checked_in_seconds(tmp_path):
    start = time.process_time()
    chain(100_000).save(tmp_path / "chain.json")
    graph = Graph.load(tmp_path / "chain.json")
    assert structural_problems(graph) == []
    assert time.process_time() - start < 30  # some 3 s on a quiet machine
    assert len(graph.nodes) == 100_000


@pytest.mark.slow
def test_a_node_takes_little_memory():
    text = chain(10_000).to_text()
    tracemalloc.start()
    graph = Graph.from_json(text)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / len(graph.nodes) < 1024
    assert peak / len(graph.nodes) < 3072


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
def test_a_cycle_through_100_000_nodes_is_found():
    g = chain(100_000)
    g.node("start").inputs["value"] = Link("step_99999", "value")
    [problem] = structural_problems(g)
    assert "99,984 more" in problem.reason


@pytest.mark.slow
@pytest.mark.usefixtures("untraced")
def test_100_000_broken_links_are_reported_in_seconds():
    g = Graph()
    for number in range(100_000):
        g.add("x/A", id=f"n{number}", v=Link(f"m{number}", "out"))
    start = time.process_time()
    assert len(structural_problems(g)) == 100_000
    assert time.process_time() - start < 30


@pytest.mark.parametrize("place", ["", "..", "a..b", '"', "[", "a[", "the file"])
def test_text_that_is_no_place_does_no_harm(place):
    parse_place(place)
