"""Which value type each form of annotation means."""

import collections.abc
import enum
import sys
import typing
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import numpy as np
import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from flowra.type.annotations import value_type_of
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Anything,
    Boolean,
    Bytes,
    Choice,
    Detections,
    File,
    Float,
    Image,
    Integer,
    ListOf,
    Mask,
    MediaType,
    OptionalOf,
    PythonObject,
    String,
    UnionOf,
    ValueType,
)


class Mode(enum.Enum):
    FAST = "fast"
    GOOD = 2


class Odd(enum.Enum):
    PAIR = (1, 2)


@dataclass
class Point:
    x: float
    near: "list[Point]"


class Model(BaseModel):
    x: int


class Keyed(TypedDict):
    x: int


class Pair(NamedTuple):
    x: int


class Plain:
    pass


@pytest.mark.parametrize(
    ("annotation", "value_type"),
    [
        (bool, Boolean()),
        (int, Integer()),
        (float, Float()),
        (str, String()),
        (bytes, Bytes()),
        (dict, JSON()),
        (dict[str, int], JSON()),
        (typing.Dict[str, Any], JSON()),  # noqa: UP006
        (Any, Anything()),
        (object, Anything()),
        (Path, File()),
        (PurePath, File(exists=False)),
        (list, ListOf(Anything())),
        (typing.List, ListOf(Anything())),  # noqa: UP006
        (list[float], ListOf(Float())),
        (typing.List[float], ListOf(Float())),  # noqa: UP006
        (list[list[AnyImage]], ListOf(ListOf(AnyImage()))),
        (tuple[int, ...], ListOf(Integer())),
        (Optional[float], OptionalOf(Float())),  # noqa: UP045
        (float | None, OptionalOf(Float())),
        (None | float, OptionalOf(Float())),
        (Union[int, str], UnionOf((Integer(), String()))),  # noqa: UP007
        (int | str | None, OptionalOf(UnionOf((Integer(), String())))),
        (Literal["a", "b"], Choice(("a", "b"))),
        (Literal["a", None], OptionalOf(Choice(("a",)))),
        (Literal[Mode.FAST], Choice(("fast",))),
        (Mode, Choice(("fast", 2))),
        (Annotated[float, "whatever"], Float()),
        (Annotated[float | None, 1], OptionalOf(Float())),
        (AnyImage, AnyImage()),
        (Mask, Mask()),
        (Image, Image()),
        (Image(mode="L"), Image(mode="L")),
        (Detections, Detections.__flowra_value_type__),
        (list[Detections], ListOf(Detections.__flowra_value_type__)),
        (list[Image(mode="L")], ListOf(Image(mode="L"))),
        (AnyImage | None, OptionalOf(AnyImage())),
        (Point, PythonObject.of(Point)),
        (Model, PythonObject.of(Model)),
        (Keyed, PythonObject.of(Keyed)),
        (Pair, PythonObject.of(Pair)),
    ],
    ids=str,
)
def test_an_annotation_means_a_value_type(annotation, value_type):
    assert value_type_of(annotation) == value_type


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (None, "an optional one is written T | None"),
        (type(None), "an optional one is written T | None"),
        ("float", "'float' is no value type"),
        (5, "5 is no value type"),
        ([int], "is no value type"),
        (tuple, "tuple is no value type; write list[T] or JSON"),
        (set, "set is no value type; write list[T] or JSON"),
        (complex, "complex is no value type"),
        (tuple[int, str], "lists are list[T], choices Literal[…], anything else JSON"),
        (set[int], "lists are list[T]"),
        (collections.abc.Iterable[int], "lists are list[T]"),
        (typing.Callable, "lists are list[T]"),
        (typing.TypeVar("T"), "~T is no value type"),
        (np.ndarray, "ndarray is no value type: derive one from"),
        (Plain, "Plain is no value type: derive one from"),
        (list[Plain], "Plain is no value type"),
        (Odd, "Odd is no value type: choices are a list of texts, numbers and booleans"),
        (ValueType, "ValueType is the base of value types; name one of them"),
        (MediaType, "MediaType is the base of value types; name one of them"),
    ],
    ids=str,
)
def test_an_annotation_that_means_none_is_refused_by_what_to_write(annotation, said):
    with pytest.raises(TypeError) as error:
        value_type_of(annotation)
    assert said in str(error.value)


def test_an_object_of_a_class_is_made_from_its_fields():
    value_type = value_type_of(Point)
    assert str(value_type).endswith("test_annotations:Point")
    assert value_type.accepts_literal({"x": 1, "near": [{"x": 2, "near": []}]}) is None
    assert value_type.accepts_literal(Point(1, [])) is None
    said = value_type.accepts_literal({"x": "left", "near": [{}]})
    assert "x: should be a valid number" in said
    assert "near.0.x: " in said


def test_a_class_made_anew_under_its_name_is_validated_by_its_new_fields():
    def made(annotation):
        namespace = {"__name__": "cell", "dataclass": dataclass}
        exec(f"@dataclass\nclass Cell:\n    x: {annotation}", namespace)
        return value_type_of(namespace["Cell"])

    first, second = made("int"), made("str")
    assert first == second
    assert first.accepts_literal({"x": 1}) is None
    assert second.accepts_literal({"x": 1}) is not None
    assert second.accepts_literal({"x": "a"}) is None


def test_an_object_whose_class_is_not_loaded_is_not_judged():
    value_type = PythonObject("gone:Class")
    assert value_type.accepts_literal({"anything": 1}) is None
    assert value_type.json_schema() == {}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on they are alike")
def test_the_typed_dict_that_can_not_be_seen_through_is_named():
    class Old(typing.TypedDict):
        x: int

    with pytest.raises(TypeError, match="import it from typing_extensions"):
        value_type_of(Old)
