"""Lists, optional types and unions."""

import numpy as np
import pytest
from fixtures.type_strategies import PLAIN_TYPES, values_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import SchemaValidator, ValidationError

from flowra.type.value_type import (
    JSON,
    AnyImage,
    Anything,
    Boolean,
    Bytes,
    Choice,
    File,
    Float,
    Integer,
    ListOf,
    OptionalOf,
    String,
    UnionOf,
)


def validated(value_type, value):
    return SchemaValidator(value_type.core_schema()).validate_python(value)


def same(found, expected):
    return found == expected and type(found) is type(expected)


def test_a_list_coerces_each_item():
    assert validated(ListOf(Float), [1, np.float32(0.5)]) == [1.0, 0.5]
    assert validated(ListOf(Integer), (1, 2.0)) == [1, 2]
    assert validated(ListOf(ListOf(int)), [[1], []]) == [[1], []]


@pytest.mark.parametrize("value", ["ab", b"ab", {1: 2}, {1}, 5, None, (x for x in "a")])
def test_what_is_no_list_is_no_list(value):
    with pytest.raises(ValidationError):
        validated(ListOf(Anything), value)
    assert ListOf(Anything).accepts_literal(value).startswith("expected a list, got ")


@pytest.mark.parametrize(
    ("item", "value", "said"),
    [
        (String, "square", "text 'square'; write [\"square\"]"),
        (String, "circle, sqüare", 'text \'circle, sqüare\'; write ["circle", "sqüare"]'),
        (Float, 2, "whole number 2; write [2]"),
        (Float, "two", "text 'two'"),
        (Float, 10**100, f"whole number {'1' + 58 * '0'}…"),
        (String, None, "nothing (null)"),
    ],
)
def test_the_message_says_how_a_list_is_written_of_what_stands_in_its_place(item, value, said):
    assert ListOf(item).accepts_literal(value) == f"expected a list, got {said}"


def test_the_first_wrong_item_is_named():
    assert ListOf(Float).accepts_literal([1, "x", "y"]) == "item 1: should be a valid number, got text 'x'"
    assert ListOf(ListOf(Float)).accepts_literal([[1], [2, None]]).startswith("item 1: item 1: ")


@pytest.mark.parametrize("count", range(6))
def test_a_list_has_as_many_items_as_asked_for(count):
    value_type = ListOf(Integer, min_length=2, max_length=3)
    fits = 2 <= count <= 3
    assert (value_type.accepts_literal([0] * count) is None) is fits
    if fits:
        assert validated(value_type, [0] * count) == [0] * count
    else:
        with pytest.raises(ValidationError):
            validated(value_type, [0] * count)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_length": -1},
        {"max_length": 1.5},
        {"min_length": True},
        {"min_length": 3, "max_length": 2},
        {"item": "Flot"},
    ],
)
def test_lists_that_no_list_can_be_are_refused(settings):
    with pytest.raises(ValueError, match=r"whole number from 0|no list has|did you mean Float"):
        ListOf(**{"item": Float, **settings})


def test_an_optional_type_takes_nothing_as_well():
    assert validated(OptionalOf(Float), None) is None
    assert same(validated(OptionalOf(Float), 1), 1.0)
    assert "got text 'x'" in OptionalOf(Float).accepts_literal("x")
    assert OptionalOf(OptionalOf(Float)) == OptionalOf(Float)


def test_a_type_and_none_make_an_optional_one():
    assert Float() | None == OptionalOf(Float)
    assert Float() | type(None) == OptionalOf(Float)
    assert Float() | str == UnionOf((Float(), String()))


@pytest.mark.parametrize(
    ("items", "value", "expected"),
    [
        ((int, float), 1.0, 1.0),
        ((float, int), 1, 1),
        ((int, float), 1, 1),
        ((float, str), 1, 1.0),
        ((bytes, str), "abcd", "abcd"),
        ((str, bytes), b"abcd", b"abcd"),
        ((bool, int), True, True),
        ((int, bool), True, True),
        ((ListOf(int), ListOf(float)), [1.0], [1.0]),
        ((ListOf(int), float), [1.0], [1]),
        ((File(exists=False), str), "a.png", "a.png"),
        ((JSON, str), {"a": [1.0]}, {"a": [1.0]}),
    ],
)
def test_the_member_that_takes_the_value_as_it_is_wins(items, value, expected):
    assert same(validated(UnionOf(items), value), expected)


def test_a_union_names_its_members_when_none_fits():
    value_type = UnionOf((Float(), ListOf(Float)))
    assert value_type.accepts_literal("x") == "is none of Float, List[Float]: got text 'x'"
    with pytest.raises(ValidationError, match=r"is none of Float, List\[Float\]: got text 'x'"):
        validated(value_type, "x")


def test_unions_inside_unions_are_one_union_without_repetition():
    assert UnionOf((UnionOf((Float(), String())), Float())) == UnionOf((float, str))
    with pytest.raises(ValueError, match="a union has a list of types"):
        UnionOf(())


@pytest.mark.parametrize(
    ("value_type", "reads"),
    [
        (OptionalOf(AnyImage), True),
        (OptionalOf(Float), False),
        (UnionOf((AnyImage, Float())), True),
        (UnionOf((AnyImage, String())), False),
        (UnionOf((Float(), Boolean())), False),
    ],
)
def test_text_is_a_path_unless_a_member_takes_it_as_text(value_type, reads):
    assert value_type.reads_files is reads


@given(st.data())
def test_values_of_a_type_are_taken_as_they_are(data):
    value_type = data.draw(PLAIN_TYPES)
    value = data.draw(values_of(value_type))
    assert value_type.accepts_literal(value) is None
    assert validated(value_type, value) == value


@given(st.data())
def test_validating_twice_changes_nothing(data):
    value_type = data.draw(PLAIN_TYPES)
    once = validated(value_type, data.draw(values_of(value_type)))
    assert validated(value_type, once) == once


@given(PLAIN_TYPES, values_of(JSON()))
def test_the_check_of_a_graph_and_of_a_run_agree(value_type, value):
    try:
        validated(value_type, value)
    except ValidationError:
        refused = True
    else:
        refused = False
    assert (value_type.accepts_literal(value) is not None) is refused


def test_members_keep_the_form_in_which_they_are_written_down():
    validator = SchemaValidator(UnionOf((Bytes(), ListOf(Bytes()))).core_schema())
    assert validator.validate_python([b"a"]) == [b"a"]
    assert Choice(("a",)) in UnionOf((Choice(("a",)), Float())).items
