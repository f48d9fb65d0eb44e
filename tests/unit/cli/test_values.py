from __future__ import annotations

from pathlib import Path

import pytest

from flowra.cli.values import apply_settings, input_values, parse_value
from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.dag.port import Port
from flowra.exceptions import UsageError
from flowra.plugin import PluginManager
from flowra.type.component_type import component_for
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Boolean,
    File,
    Float,
    Integer,
    ListOf,
    OptionalOf,
    String,
)


def port(value_type):
    value_type = value_type() if isinstance(value_type, type) else value_type
    return Port("it", value_type, component_for(value_type))


@pytest.mark.parametrize(
    ("value_type", "text", "value"),
    [
        (Float, "640", 640),
        (Float, "-1.5e3", -1500.0),
        (Float, ".3", 0.3),
        (Float, " -.5 ", -0.5),
        (Float, "5.", 5),
        (Integer, "+1", 1),
        (String, ".3", ".3"),
        (Integer, "10000000000000000000000", 10**22),
        (Boolean, "true", True),
        (String, "true", "true"),
        (String, "640", "640"),
        (String, "null", "null"),
        (String, "", ""),
        (String, '"quoted"', '"quoted"'),
        (String, "a=b", "a=b"),
        (OptionalOf(Float()), "null", None),
        (OptionalOf(Float()), "2", 2),
        (OptionalOf(String()), "null", "null"),
        (ListOf(Float()), "[1, 2]", [1, 2]),
        (ListOf(String()), '["a", "b"]', ["a", "b"]),
        (JSON, '{"a": [1, null]}', {"a": [1, None]}),
        (JSON, "[1, 2]", [1, 2]),
        (JSON, "some words", "some words"),
        (AnyImage, "me.jpg", "me.jpg"),
        (AnyImage, "1.png", "1.png"),
    ],
)
def test_a_text_means_what_the_ports_type_says(value_type, text, value):
    found = parse_value(text, port(value_type))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value_type", "text"),
    [
        (Float, "many"),
        (Float, ""),
        (Float, "NaN"),
        (Float, "."),
        (Float, "+"),
        (Float, "e5"),
        (Boolean, "yes"),
        (Integer, "1.5"),
        (ListOf(Float()), "1,2"),
        (Integer, "1" * 10_000),
        (ListOf(Float()), "[" * 100_000),
    ],
)
def test_what_does_not_fit_stays_text_for_the_check_of_the_graph_to_refuse(value_type, text):
    assert parse_value(text, port(value_type)) == text
    assert port(value_type).reason_against(text)


@pytest.fixture
def graph():
    graph = Graph("it")
    graph.input("photo", File)
    graph.input("size", Float, default=1.0)
    graph.input("sizes", ListOf(Float()), default=[])
    return graph


class TestInputs:
    def test_each_is_read_as_its_declared_type(self, graph):
        assert input_values(graph, ["photo=1", "size=2", "sizes=[3]"]) == {"photo": "1", "size": 2, "sizes": [3]}

    def test_a_list_may_be_given_item_by_item(self, graph):
        assert input_values(graph, ["sizes=1", "sizes=2"]) == {"sizes": [1, 2]}

    def test_the_same_name_twice_is_a_mistake(self, graph):
        with pytest.raises(UsageError, match="size is given twice"):
            input_values(graph, ["size=1", "size=2"])

    @pytest.mark.parametrize("item", ["", "size", "=3"])
    def test_what_is_not_name_and_value_is_a_mistake(self, graph, item):
        with pytest.raises(UsageError, match="is not of the form --input NAME=VALUE"):
            input_values(graph, [item])

    def test_an_unknown_name_is_left_to_planning(self, graph):
        assert input_values(graph, ["foto=me.jpg"]) == {"foto": "me.jpg"}


class Scale(Node):
    """Scale."""

    class InitArgs(BaseArgs):
        model: str = "small"

    class InputArgs(BaseArgs):
        a: float = 0.0
        path: Path = Path()

    class OutputArgs(BaseArgs):
        value: float

    def run(self, context, args):
        return self.OutputArgs(value=args.a)


class TestSettings:
    @pytest.fixture
    def catalog(self):
        return NodeCatalog(PluginManager(), [Scale])

    @pytest.fixture
    def nodes(self):
        graph = Graph("it")
        first = graph.add(Scale, id="first")
        graph.add(Scale, id="second", a=first["value"])
        graph.add("gone/Node", id="gone")
        inner = Graph("inner")
        inner.input("x", Float)
        graph.subgraph("part", inner)
        graph.add("graph/part", id="part")
        return graph

    def test_an_input_or_init_port_gets_the_value_and_links_are_replaced(self, nodes, catalog):
        settings = ["first.a=2", "first.model=3", "second.a=4", "part.x=5"]
        changed = apply_settings(nodes, settings, catalog)
        assert changed.nodes["first"].inputs["a"] == 2
        assert changed.nodes["first"].init == {"model": "3"}
        assert changed.nodes["second"].inputs["a"] == 4
        assert changed.nodes["part"].inputs["x"] == 5
        assert nodes.nodes["first"].inputs == {}, "the graph that was given stays as it is"

    def test_a_relative_path_starts_in_the_working_directory_as_for_an_input(
        self, nodes, catalog, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        nodes.folder = tmp_path / "elsewhere"
        changed = apply_settings(nodes, ["first.path=a.txt"], catalog)
        assert changed.nodes["first"].inputs["path"] == str(tmp_path / "a.txt")

    def test_the_last_of_two_counts(self, nodes, catalog):
        changed = apply_settings(nodes, ["first.a=1", "first.a=2"], catalog)
        assert changed.nodes["first"].inputs["a"] == 2

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("", "is not of the form --set NODE.PORT=VALUE"),
            ("first.a", "is not of the form --set NODE.PORT=VALUE"),
            ("=1", "is not of the form --set NODE.PORT=VALUE"),
            ("first=1", "'first' names no port"),
            ("first.=1", "'first.' names no port"),
            ("frist.a=1", r"no node 'frist'(.|\n)*its nodes: first, second"),
            ("first.b=1", r"no port 'b'(.|\n)*its ports: a, path, model"),
            ("part.y=1", r"no port 'y'(.|\n)*its ports: x"),
        ],
    )
    def test_what_can_not_be_set_is_a_usage_error(self, nodes, catalog, setting, message):
        with pytest.raises(UsageError, match=message):
            apply_settings(nodes, [setting], catalog)

    def test_a_node_of_an_unknown_type_is_left_to_planning(self, nodes, catalog):
        assert apply_settings(nodes, ["gone.a=1"], catalog).nodes["gone"].inputs == {}
