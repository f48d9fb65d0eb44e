"""Value types as text and as plain data, and back."""

import json

import pytest
from fixtures.type_strategies import VALUE_TYPES
from hypothesis import given

from flowra.exceptions import PluginError
from flowra.plugin import PluginManager, ValueTypeEntry, hookimpl, use_manager
from flowra.type.named import UnknownType, builtin_value_types, value_type_from_json
from flowra.type.value_type import (
    AnyImage,
    Choice,
    Detections,
    File,
    Float,
    Image,
    ListOf,
    Mask,
    OptionalOf,
    PythonObject,
    String,
    Tensor,
    UnionOf,
    ValueType,
)


class Hologram(ValueType):
    kind = "acme/Hologram"


class AcmePack:
    @hookimpl
    def flowra_value_types(self):
        return [
            ValueTypeEntry("Hologram", handler="json:dumps", type=f"{__name__}:Hologram"),
            ValueTypeEntry("Broken", handler="json:dumps", type="json:dumps"),
        ]


@pytest.fixture
def acme():
    manager = PluginManager()
    manager.register(AcmePack(), "acme")
    with use_manager(manager):
        yield


@pytest.mark.parametrize(
    ("value_type", "text", "data"),
    [
        (Float(), "Float", "Float"),
        (AnyImage(), "AnyImage", "AnyImage"),
        (Mask(), "Mask", "Mask"),
        (Detections.__flowra_value_type__, "Detections", "Detections"),
        (Image(mode="RGB"), "Image[mode=RGB]", {"type": "Image", "mode": "RGB"}),
        (
            Image(mode="L", min_width=8),
            "Image[mode=L,min_width=8]",
            {"type": "Image", "mode": "L", "min_width": 8},
        ),
        (Tensor(shape=(None, 3)), "Tensor[shape=?×3]", {"type": "Tensor", "shape": [None, 3]}),
        (Tensor(shape=()), "Tensor[shape=]", {"type": "Tensor", "shape": []}),
        (
            File(extensions=(".png", ".jpg")),
            "File[extensions=.png|.jpg]",
            {"type": "File", "extensions": [".png", ".jpg"]},
        ),
        (Choice(("a", 1)), "Choice[values=a|1]", {"type": "Choice", "values": ["a", 1]}),
        (ListOf(Float), "List[Float]", {"type": "List", "item": "Float"}),
        (ListOf(Float, min_length=1), "List[Float]", {"type": "List", "item": "Float", "min_length": 1}),
        (
            OptionalOf(ListOf(Image(mode="L"))),
            "Optional[List[Image[mode=L]]]",
            {"type": "Optional", "item": {"type": "List", "item": {"type": "Image", "mode": "L"}}},
        ),
        (UnionOf((float, str)), "Float | String", {"type": "Union", "items": ["Float", "String"]}),
        (PythonObject("m:C"), "m:C", {"type": "Object", "name": "m:C"}),
    ],
)
def test_a_type_has_a_name_for_people_and_one_for_files(value_type, text, data):
    assert str(value_type) == text
    assert value_type.to_json() == data
    assert value_type_from_json(data) == value_type


@given(VALUE_TYPES)
def test_types_come_back_from_plain_data(value_type):
    written = json.loads(json.dumps(value_type.to_json()))
    back = value_type_from_json(written)
    assert back == value_type
    assert hash(back) == hash(value_type)
    assert back.to_json() == value_type.to_json()
    assert str(value_type)


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [("number", "Float"), ("int", "Integer"), ("str", "String"), ("bool", "Boolean"), ("path", "File"), ("any", "Any")],
)
def test_other_spellings_of_usual_types_are_known(spelling, kind):
    assert value_type_from_json(spelling).kind == kind
    assert value_type_from_json({"type": spelling}).kind == kind


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("Flaot", "unknown value type 'Flaot'; did you mean Float?"),
        ("Quaternion", "unknown value type 'Quaternion'"),
        ("", "unknown value type ''"),
        ({}, "a value type is a name, or an object"),
        ({"type": 5}, "a value type is a name, or an object"),
        (["Float"], "a value type is a name, or an object"),
        ({"type": "Any", "mode": "L"}, "value type Any: there is no constraint 'mode'; it has none"),
        ({"type": "Tensor", "mode": "L"}, "there is no constraint 'mode'; it has shape, dtype"),
        ({"type": "Object", "name": "m:C", "python": "x"}, "there is no constraint 'python'"),
        ({"type": "Image", "mode": "CMYK"}, "value type Image: mode is L, RGB or RGBA, not 'CMYK'"),
        ({"type": "Image", "dtype": 8}, "dtype is uint8, uint16 or float32, not 8"),
        ({"type": "Image", "min_width": "8"}, "min_width is a whole number from 1 on, got text '8'"),
        ({"type": "Image", "max_height": 0}, "max_height is a whole number from 1 on, got whole number 0"),
        ({"type": "Image", "min_width": 9, "max_width": 8}, "no size lies between 9 and 8"),
        ({"type": "Tensor", "shape": "3"}, "shape is a list of sizes"),
        ({"type": "Tensor", "shape": [3, "x"]}, "shape[1] is a whole number from 0 on, got text 'x'"),
        ({"type": "Tensor", "dtype": 3}, "dtype is numpy's name of a type"),
        ({"type": "Embedding", "dim": -1}, "dim is a whole number from 1 on"),
        ({"type": "Audio", "rate": 44100.0}, "rate is a whole number from 1 on"),
        ({"type": "File", "extensions": ".png"}, 'extensions are a list like [".png", ".jpg"]'),
        ({"type": "Folder", "exists": None}, "exists is true or false"),
        ({"type": "Choice"}, "there is nothing to choose from"),
        ({"type": "Choice", "values": "ab"}, "choices are a list"),
        ({"type": "Union", "items": "Float"}, "a union has a list of types"),
        ({"type": "List", "item": {"type": "Flaot"}}, "value type List: unknown value type 'Flaot'"),
        ({"type": "Optional", "item": 5}, "value type Optional: 5 is no value type"),
        ({"type": "List", "max_length": -1}, "max_length is a whole number from 0 on"),
    ],
)
def test_what_names_no_type_is_refused_by_what_is_wrong(data, said):
    with pytest.raises(ValueError, match=r".") as error:
        value_type_from_json(data)
    assert said in str(error.value)


def test_each_builtin_type_says_what_it_is():
    for kind, cls in builtin_value_types().items():
        assert cls.kind == kind
        assert cls.words
        assert cls.__doc__


def test_the_type_of_a_pack_comes_from_the_pack(acme):
    assert value_type_from_json("acme/Hologram") == Hologram()
    assert Hologram().to_json() == "acme/Hologram"


def test_a_pack_type_that_is_none_names_the_pack(acme):
    with pytest.raises(PluginError) as error:
        value_type_from_json("acme/Broken")
    assert "json:dumps is no value type" in str(error.value)
    assert "pack acme" in str(error.value)


def test_the_type_of_a_missing_pack_is_kept_as_it_was_written():
    written = {"type": "gone/Hologram", "depth": 3, "of": [1]}
    with use_manager(PluginManager()):
        kept = value_type_from_json(written)
    assert isinstance(kept, UnknownType)
    assert kept.to_json() == written
    assert str(kept) == "gone/Hologram"
    assert kept.accepts_literal(object()) is None
    assert kept.json_schema() == {"x-flowra-type": written}
    assert String() != kept
