"""The JSON Schema of a port and its run-time check say the same of every literal."""

import json
from dataclasses import dataclass

import jsonschema
import pytest
from fixtures.type_strategies import NUMBERS, PLAIN_JSON, PLAIN_TYPES, WORDS
from hypothesis import example, given
from hypothesis import strategies as st

from flowra.dag.description import NodeDescription
from flowra.dag.port import Port
from flowra.type.component_type import Color, Number, Placeholder, Seed, Select, Slider, Switch, Text, component_for
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Boolean,
    Bytes,
    Embedding,
    File,
    Integer,
    ListOf,
    OptionalOf,
    PythonObject,
    String,
    Tensor,
    UnionOf,
)


@dataclass
class Leaf:
    size: int


@dataclass
class Tree:
    leaf: Leaf
    kids: "list[Tree]"


def port_of(component, annotated=None, **settings):
    return Port("port", component.resolved_type(annotated), component, **settings)


PORTS = [
    port_of(Number(min=0, max=1)),
    port_of(Number(value_type=int, min=0.5, max=7.5)),
    port_of(Number(value_type=int | None, min=-1)),
    port_of(Slider(min=-2, max=2)),
    port_of(Seed()),
    port_of(Select(choices=["a", 1, 2.5])),
    port_of(Select(value_type=float, choices=[1, 2])),
    port_of(Select(value_type=str | None, choices=["a", "x"])),
    port_of(Select(choices=["a", "b", 1], multiple=True)),
    port_of(Select(value_type=ListOf(str, min_length=1, max_length=2), choices=["a", "b", "c"], multiple=True)),
    port_of(Text(min_length=1, max_length=3)),
    port_of(Text(pattern="a+|x")),
    port_of(Text(value_type=str | None, max_length=2)),
    port_of(Color()),
    port_of(Switch()),
    port_of(Placeholder(value_type=AnyImage)),
    port_of(Placeholder(value_type=Tensor)),
    port_of(Placeholder(value_type=Embedding)),
    port_of(Placeholder(value_type=File(exists=False))),
    port_of(Placeholder(value_type=UnionOf((float, ListOf(str), Boolean)))),
    port_of(Placeholder(value_type=OptionalOf(ListOf(int, max_length=2)))),
]

LITERALS = (
    PLAIN_JSON
    | st.integers(-3, 10)
    | st.sampled_from([0.5, 1.0, 2.0, 2.5, 7.5, True, False, None, "", "#00ff00", "#00ff00aa", 2**53])
    | st.lists(st.sampled_from(["a", "b", "c", 1, 1.0, True]), max_size=4)
)


def agree(port, literal):
    accepted = jsonschema.Draft202012Validator(port.json_schema()).is_valid(literal)
    assert accepted is (port.reason_against(literal) is None), (port.json_schema(), literal)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: f"{type(port.component).__name__} of {port.value_type}")
@given(literal=LITERALS)
@example(literal=[])
@example(literal={})
def test_schema_and_check_agree(port, literal):
    agree(port, literal)


@given(PLAIN_TYPES.filter(lambda value_type: "Bytes" not in str(value_type)), PLAIN_JSON | NUMBERS | WORDS)
def test_schema_and_check_of_any_type_agree(value_type, literal):
    agree(Port("port", value_type, component_for(value_type)), literal)


@pytest.mark.parametrize(
    ("port", "schema"),
    [
        (
            port_of(Number(min=0, max=1, step=0.1, unit="px"), default=0.5, description="How much."),
            {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "title": "Port",
                "description": "How much.",
                "default": 0.5,
                "x-flowra": {"type": "Float", "component": "Number", "min": 0, "max": 1, "step": 0.1, "unit": "px"},
            },
        ),
        (
            port_of(Text(label="Prompt", multiline=True, min_length=1, pattern="a")),
            {
                "type": "string",
                "minLength": 1,
                "pattern": "^(?:a)$",
                "title": "Prompt",
                "x-flowra": {
                    "type": "String",
                    "component": "Text",
                    "label": "Prompt",
                    "multiline": True,
                    "min_length": 1,
                    "pattern": "a",
                },
            },
        ),
        (
            port_of(Select(choices=["a", "b"], multiple=True), default=("a",)),
            {
                "type": "array",
                "items": {"enum": ["a", "b"]},
                "uniqueItems": True,
                "title": "Port",
                "default": ["a"],
                "x-flowra": {
                    "type": {"type": "List", "item": {"type": "Choice", "values": ["a", "b"]}},
                    "component": "Select",
                    "choices": ["a", "b"],
                    "multiple": True,
                },
            },
        ),
        (
            port_of(Placeholder(value_type=Bytes), default=b"\xff\xfe"),
            {
                "type": "string",
                "contentEncoding": "base64",
                "title": "Port",
                "default": "//4=",
                "x-flowra": {"type": "Bytes", "component": "Placeholder"},
            },
        ),
    ],
)
def test_a_schema_holds_what_a_form_needs(port, schema):
    assert port.json_schema() == schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("port", [*PORTS, port_of(Placeholder(value_type=JSON), default={"a": [1, None]})])
def test_ports_come_back_from_plain_data(port):
    written = json.loads(json.dumps(port.to_json()))
    back = Port.from_json(written)
    assert back.to_json() == port.to_json()
    assert back.json_schema() == port.json_schema()
    assert (back.required, back.value_type) == (port.required, port.value_type)


def test_a_default_of_bytes_comes_back():
    port = Port.from_json(port_of(Placeholder(value_type=Bytes), default=b"\xff\xfe").to_json())
    assert port.value_type.accepts_literal(port.default) is None


@pytest.mark.parametrize("wrap", [PythonObject.of, lambda c: OptionalOf(PythonObject.of(c)), ListOf])
def test_references_in_the_schema_of_a_class_resolve(wrap):
    value_type = wrap(Tree)
    port = Port("tree", value_type, Placeholder(), default=None)
    description = NodeDescription("local/Grow", inputs=(port, Port("other", PythonObject.of(Tree), Placeholder())))
    tree = {"leaf": {"size": 1}, "kids": [{"leaf": {"size": 2}, "kids": []}]}
    bad = {"leaf": {"size": "x"}, "kids": []}
    good, wrong = ([tree], [bad]) if isinstance(value_type, ListOf) else (tree, bad)
    alone = jsonschema.Draft202012Validator(port.json_schema())
    assert alone.is_valid(good)
    assert not alone.is_valid(wrong)
    form = jsonschema.Draft202012Validator(description.json_schema()["inputs"])
    assert form.is_valid({"tree": good, "other": tree})
    assert not form.is_valid({"tree": wrong, "other": tree})
    assert not form.is_valid({"tree": good, "other": bad})


def test_the_schema_of_a_node_asks_for_what_is_required_and_nothing_else():
    description = NodeDescription(
        "local/N",
        inputs=(port_of(Number(min=0)), Port("text", String(), Text(), default="a")),
        outputs=(Port("flag", Boolean(), Switch()), Port("count", Integer(), Number())),
    )
    schemas = description.json_schema()
    form = jsonschema.Draft202012Validator(schemas["inputs"])
    assert form.is_valid({"port": 1})
    assert not form.is_valid({})
    assert not form.is_valid({"port": 1, "other": 1})
    assert schemas["outputs"]["required"] == ["flag", "count"]
    assert schemas["init"]["properties"] == {}
    assert NodeDescription.from_json(json.loads(json.dumps(description.to_json()))).to_json() == description.to_json()
    assert description.input("text").default == "a"
    assert description.input("nothing") is None
    assert description.output("flag").value_type == Boolean()
