"""Components: what each asks of a value, its mistakes, and how it is written down."""

import numpy as np
import pytest
from pydantic_core import SchemaValidator, ValidationError

from flowra.plugin import ComponentTypeEntry, PluginManager, hookimpl, use_manager
from flowra.type.component_type import (
    REQUIRED,
    Color,
    Component,
    FilePicker,
    FolderPicker,
    JSONEditor,
    ModelFile,
    Number,
    Placeholder,
    Seed,
    Select,
    Slider,
    Switch,
    Text,
    builtin_components,
    component_for,
    component_from_json,
)
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Anything,
    Boolean,
    Choice,
    File,
    Float,
    Folder,
    Integer,
    ListOf,
    OptionalOf,
    String,
)


def validated(component, value):
    return SchemaValidator(component.core_schema(component.resolved_type())).validate_python(value)


@pytest.mark.parametrize(
    ("component", "taken", "refused"),
    [
        (Number(min=0, max=1), [0, 1, 0.5, np.float32(0.25)], [-0.1, 1.1, "0", True, None]),
        (Number(value_type=int, min=-2, max=2), [-2, 2.0, np.int8(1)], [3, -3, 0.5]),
        (Number(value_type=int, min=0.5, max=2.5), [1, 2], [0, 3]),
        (Number(value_type=int | None, min=0), [None, 0], [-1]),
        (Number(min=2**60), [2**60], [2**59]),
        (Slider(min=-1, max=1), [-1, 0, 1], [1.01]),
        (Seed(), [0, 2**53 - 1], [-1, 2**53, 0.5]),
        (Select(choices=["a", "b"]), ["a"], ["c", "", None, 1]),
        (Select(choices=[1, 2]), [1, 2.0], [True, "1", 3]),
        (Select(value_type=float, choices=[1, 2.5]), [1, 1.0, 2.5], [2]),
        (Select(value_type=int, choices=[1.0, 2]), [1, 2], [3]),
        (Select(value_type=str | None, choices=["a"]), ["a", None], ["b"]),
        (Select(choices=["a", "b", "c"], multiple=True), [[], ["a"], ("c", "a")], [["a", "a"], ["d"], "a", None]),
        (Select(value_type=list[float], choices=[1, 2], multiple=True), [[1.0, 2]], [[3]]),
        (Text(min_length=1, max_length=3), ["a", "猫猫猫"], ["", "abcd", 1]),
        (Text(pattern="[a-z]+|0"), ["abc", "0"], ["abc1", "1abc", "", "abc\n"]),
        (Text(value_type=str | None, max_length=1), [None, "a"], ["ab"]),
        (Color(), ["#00ff7F", "#00ff7f80"], ["00ff7f", "#00ff7", "#00ff7g", "red"]),
        (Switch(), [True, False], [0, "on", None]),
        (JSONEditor(), [None, {"a": [1]}], [{1: 2}, float("nan")]),
        (FilePicker(value_type=File(exists=False)), ["a.png"], ["", 5]),
        (FolderPicker(value_type=Folder(exists=False)), ["a"], [""]),
        (Placeholder(), [None, 1, object()], []),
    ],
)
def test_a_component_checks_what_it_asks_for(component, taken, refused):
    assert component.mistakes(component.resolved_type()) == []
    for value in taken:
        validated(component, value)
    for value in refused:
        with pytest.raises(ValidationError):
            validated(component, value)


def test_what_is_picked_has_the_type_of_the_port():
    picked = validated(Select(value_type=float, choices=[1, 2]), 1)
    assert type(picked) is float
    assert type(validated(Select(value_type=int, choices=[1.0]), 1.0)) is int


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (Number(min=2, max=1), ["min 2 is above max 1"]),
        (Number(step=0), ["step 0 is not positive"]),
        (Number(min="0"), ["min is a finite number, got text '0'"]),
        (Number(max=True), ["max is a finite number, got boolean True"]),
        (Number(min=float("nan"), max=float("inf")), ["min is a finite", "max is a finite"]),
        (Number(value_type=int, min=0.2, max=0.8), ["no whole number lies between 0.2 and 0.8"]),
        (Slider(), ["a Slider needs min", "a Slider needs max"]),
        (Seed(value_type=int, min=5, max=1), ["min 5 is above max 1"]),
        (Select(value_type=str), ["a Select needs choices"]),
        (Select(value_type=str, choices=["a", 1]), ["choice 1: should be a valid string"]),
        (Select(choices=["a", "b"], labels=["A"]), ["1 labels for 2 choices"]),
        (Select(choices=[1, 1.0]), ["a choice is listed twice"]),
        (Select(value_type=str, choices=["a"], multiple=True), ["multiple=True with the value type String"]),
        (Select(value_type=list[str], choices=["a"]), ["multiple=False with the value type List[String]"]),
        (Select(value_type=list[AnyImage], choices=["a"], multiple=True), ["not AnyImage"]),
        (Text(min_length=3, max_length=2), ["min_length 3 is above max_length 2"]),
        (Text(min_length=-1), ["min_length is a whole number from 0 on, got whole number -1"]),
        (Text(max_length="9"), ["max_length is a whole number"]),
        (Text(pattern="["), ["pattern '[' is no regular expression: unterminated"]),
        (Text(pattern="(?=a)b"), ["pattern '(?=a)b' can't be used: look-around"]),
        (Text(pattern=5), ["pattern 5 is no regular expression"]),
    ],
)
def test_mistakes_in_the_settings_are_named_all_at_once(component, said):
    found = component.mistakes(component.resolved_type())
    assert len(found) == len(said)
    assert all(part in mistake for part, mistake in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("component", "annotated", "said"),
    [
        (Number(value_type=str), None, "Number edits Float, Integer, not String"),
        (Seed(value_type=float), None, "Seed edits Integer, not Float"),
        (Switch(), int, "Switch edits Boolean, not Integer"),
        (Text(value_type=list[str]), None, "Text edits String, not List[String]"),
        (Select(value_type=AnyImage), None, "Select edits"),
        (Select(), None, "a Select needs choices"),
        (Number(value_type=float), str, "is annotated as String, and its Number says Float"),
        (Placeholder(value_type=5), None, "5 is no value type"),
    ],
)
def test_a_type_that_a_component_can_not_edit_is_refused(component, annotated, said):
    with pytest.raises(TypeError) as error:
        component.resolved_type(annotated)
    assert said in str(error.value)


@pytest.mark.parametrize("choices", ["abc", b"abc", None, 5])
def test_choices_are_a_list(choices):
    with pytest.raises(TypeError, match="choices are a list, got"):
        Select(choices=choices)


@pytest.mark.parametrize(
    ("component", "annotated", "value_type"),
    [
        (Placeholder(), None, Anything()),
        (Number(), None, Float()),
        (Number(), int, Integer()),
        (Number(value_type=float), int, Float()),
        (Placeholder(value_type=AnyImage), np.ndarray, AnyImage()),
        (Number(value_type=int), float, Integer()),
        (Select(choices=(1, "a")), None, Choice((1, "a"))),
        (Select(choices=("a",), multiple=True), None, ListOf(Choice(("a",)))),
        (Switch(), bool | None, OptionalOf(Boolean())),
    ],
)
def test_the_type_is_as_stated_else_as_annotated_else_the_usual(component, annotated, value_type):
    assert component.resolved_type(annotated) == value_type


@pytest.mark.parametrize(
    ("value_type", "component"),
    [
        (Boolean(), Switch),
        (Integer(), Number),
        (Float(), Number),
        (String(), Text),
        (Choice(("a",)), Select),
        (File(), FilePicker),
        (Folder(), FolderPicker),
        (JSON(), JSONEditor),
        (OptionalOf(Float()), Number),
        (AnyImage(), Placeholder),
        (ListOf(Float()), Placeholder),
    ],
)
def test_each_type_has_a_component_that_suits_it(value_type, component):
    suited = component_for(value_type)
    assert type(suited) is component
    assert suited.mistakes(value_type) == []
    assert suited.resolved_type(value_type) == value_type


WRITTEN = [
    Placeholder(label="Picture", advanced=True),
    Number(min=0, max=1, step=0.1, unit="px"),
    Slider(min=0, max=1),
    Seed(),
    Select(choices=["a", 1, True], labels=["A", "One", "Yes"]),
    Select(choices=["a"], multiple=True),
    Text(multiline=True, max_length=9, pattern="a+", example="aa"),
    Color(),
    Switch(),
    FilePicker(),
    FolderPicker(),
    JSONEditor(),
    ModelFile("acme/detector", revision="v1.0", files=["*.json", "onnx/"], hub="huggingface"),
]


@pytest.mark.parametrize("component", WRITTEN, ids=lambda each: type(each).__name__)
def test_components_come_back_from_plain_data(component):
    assert component_from_json(component.to_json()) == component


def test_what_is_written_is_what_differs_from_the_usual():
    assert Number(value_type=int, default=1, description="x", min=0).to_json() == {"component": "Number", "min": 0}
    assert {type(component).__name__ for component in WRITTEN} == set(builtin_components())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"component": "Slidder"}, "unknown component 'Slidder'"),
        ({}, "unknown component 'None'"),
        ({"component": "Switch", "colour": "red"}, "component Switch has no setting 'colour'; it has value_type"),
        ({"component": "Select", "choices": 5}, "component Select: choices are a list"),
    ],
)
def test_plain_data_that_is_no_component_is_refused(data, said):
    with use_manager(PluginManager()), pytest.raises(ValueError, match="component") as error:
        component_from_json(data)
    assert said in str(error.value)


class Curve(Component):
    usual = ListOf(Float())


def test_a_pack_brings_components():
    class AcmePack:
        @hookimpl
        def flowra_component_types(self):
            return [
                ComponentTypeEntry("Curve", target=f"{__name__}:Curve"),
                ComponentTypeEntry("Knob", target="json:dumps"),
            ]

    manager = PluginManager()
    manager.register(AcmePack(), "acme")
    with use_manager(manager):
        assert component_from_json(Curve(label="Tone").to_json()) == Curve(label="Tone")
        with pytest.raises(ValueError, match="component Knob of pack acme is no Component"):
            component_from_json({"component": "Knob"})


def test_no_default_is_told_from_a_default_of_none():
    assert Number().default is REQUIRED
    assert Number(default=None).default is None
    assert repr(REQUIRED) == "REQUIRED"
