"""Numbers, text, choices, JSON and bytes: what each takes, what it makes of it, and what it says when it refuses."""

import base64
import enum
import math
import sys

import numpy as np
import pytest
from fixtures.type_strategies import PLAIN_JSON
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import SchemaValidator, ValidationError

from flowra.type.value_type import JSON, Anything, Boolean, Bytes, Choice, Float, Integer, String

HUGE = 10**5000  # Python refuses to write it out


class Level(enum.IntEnum):
    LOW = 1


class Colour(str, enum.Enum):
    RED = "red"


def validated(value_type, value):
    return SchemaValidator(value_type.core_schema()).validate_python(value)


TAKEN = [
    (Boolean(), True, True),
    (Boolean(), np.True_, True),
    (Boolean(), np.array(False), False),
    (Integer(), 3, 3),
    (Integer(), 3.0, 3),
    (Integer(), -0.0, 0),
    (Integer(), 2**200, 2**200),
    (Integer(), 1e300, int(1e300)),
    (Integer(), np.int8(-3), -3),
    (Integer(), np.uint64(2**64 - 1), 2**64 - 1),
    (Integer(), np.float32(2), 2),
    (Integer(), np.array(7), 7),
    (Integer(), Level.LOW, 1),
    (Float(), 1, 1.0),
    (Float(), 2**60, 2.0**60),
    (Float(), 1.5, 1.5),
    (Float(), np.float16(0.5), 0.5),
    (Float(), np.float32(0.25), 0.25),
    (Float(), np.longdouble(0.25), 0.25),
    (Float(), np.int64(4), 4.0),
    (String(), "", ""),
    (String(), "猫 🐈", "猫 🐈"),
    (String(), np.str_("a"), "a"),
    (String(), Colour.RED, "red"),
    (Choice(("a", "b")), "b", "b"),
    (Choice((1, 2)), 2.0, 2),
    (Choice((0.5, 1.0)), 1, 1.0),
    (Choice((1, 2)), np.int64(2), 2),
    (Choice(("red",)), Colour.RED, "red"),
    (Choice((True, "auto")), np.True_, True),
    (JSON(), None, None),
    (JSON(), {"a": [1, 2.5, None, {"b": True}]}, {"a": [1, 2.5, None, {"b": True}]}),
    (JSON(), (1, (2,)), [1, [2]]),
    (JSON(), np.float32(0.5), 0.5),
    (JSON(), np.longdouble(0.5), 0.5),
    (JSON(), [np.int64(1), np.True_], [1, True]),
    (JSON(), Level.LOW, 1),
    (Bytes(), b"\x00\xff", b"\x00\xff"),
    (Bytes(), bytearray(b"a"), b"a"),
    (Bytes(), memoryview(b"a"), b"a"),
    (Bytes(), "AP8=", b"\x00\xff"),
    (Bytes(), "", b""),
]

REFUSED = [
    (Boolean(), 0, "got whole number 0"),
    (Boolean(), 1.0, "got number 1.0"),
    (Boolean(), "true", "got text 'true'"),
    (Boolean(), None, "got nothing (null)"),
    (Integer(), True, "got boolean True"),
    (Integer(), np.True_, "got bool"),
    (Integer(), 1.5, "got number 1.5"),
    (Integer(), math.nan, "got number nan"),
    (Integer(), math.inf, "got number inf"),
    (Integer(), "3", "got text '3'"),
    (Integer(), np.array([3]), "of shape (1,)"),
    (Integer(), None, "got nothing (null)"),
    (Float(), True, "expected a number, got boolean True"),
    (Float(), "1.5", "got text '1.5'"),
    (Float(), math.nan, "finite"),
    (Float(), -math.inf, "finite"),
    (Float(), np.float32("nan"), "finite"),
    (Float(), 10**400, "too large for a 64-bit"),
    (Float(), HUGE, "too large for a 64-bit"),
    (Float(), 1j, "complex"),
    (String(), 5, "got whole number 5"),
    (String(), HUGE, "got whole number …"),
    (String(), b"a", "got bytes b'a'"),
    (String(), None, "got nothing (null)"),
    (Choice(("a", "b")), "A", "is none of 'a', 'b': got text 'A'"),
    (Choice((1,)), True, "got boolean True"),
    (Choice((True,)), 1, "got whole number 1"),
    (Choice((1,)), "1", "got text '1'"),
    (Choice((1,)), HUGE, "got whole number …"),
    (Choice((1,)), [1], "got list [1]"),
    (Choice((1,)), np.array([1]), "of shape (1,)"),
    (JSON(), math.nan, "nan has no place in JSON"),
    (JSON(), [1, math.inf], "inf has no place in JSON"),
    (JSON(), {1: 2}, "a key of a JSON object is text, got whole number 1"),
    (JSON(), {1, 2}, "got set"),
    (JSON(), np.zeros((2, 2)), "ndarray of shape (2, 2) and dtype float64"),
    (JSON(), object, "got type"),
    (Bytes(), "not base64!", "got text that is not base64"),
    (Bytes(), "é", "got text that is not base64"),
    (Bytes(), 3, "got whole number 3"),
    (Bytes(), [1, 2], "got list [1, 2]"),
]


def named(value):
    if isinstance(value, memoryview):
        return f"memoryview of {bytes(value)}"  # its repr is another in each process
    return "huge" if value is HUGE else ascii(value)[:40]


@pytest.mark.parametrize(("value_type", "given_value", "canonical"), TAKEN, ids=named)
def test_a_value_is_taken_and_has_its_canonical_form(value_type, given_value, canonical):
    found = validated(value_type, given_value)
    assert found == canonical
    assert type(found) is type(canonical)
    assert value_type.accepts_literal(given_value) is None


@pytest.mark.parametrize(("value_type", "value", "said"), REFUSED, ids=named)
def test_a_value_is_refused_by_what_it_is(value_type, value, said):
    with pytest.raises(ValidationError):
        validated(value_type, value)
    assert said in value_type.accepts_literal(value)


def test_anything_takes_a_value_as_the_very_object():
    value = object()
    assert validated(Anything(), value) is value


def test_json_takes_what_says_itself_how_it_looks():
    class Version:
        def to_json(self):
            return {"major": np.int64(1)}

    assert validated(JSON(), [Version()]) == [{"major": 1}]


def test_json_without_a_bottom_is_refused():
    class Mirror:
        def to_json(self):
            return self

    endless = []
    endless.append(endless)
    for value in (Mirror(), endless):
        assert "deeper than 64" in JSON().accepts_literal(value)


def test_a_list_without_a_bottom_can_be_talked_about():
    deep = []
    for _ in range(2 * sys.getrecursionlimit()):
        deep = [deep]
    assert Integer().accepts_literal(deep).startswith("should be a valid integer, got list ")


def test_choices_of_numbers_and_of_booleans_are_different_types():
    assert Choice((1, 0)) != Choice((True, False))
    assert Choice((1,)) == Choice((1.0,))
    assert hash(Choice((1,))) == hash(Choice((1.0,)))
    assert Choice(("a",)) != "a"
    assert Choice((1, 0)).accepts_literal(1) is None
    assert Choice((True, False)).accepts_literal(1) is not None


@pytest.mark.parametrize("values", [(), "ab", ["a"], (None,), ((1,),), 5, (1, object())])
def test_choices_that_are_none_are_refused(values):
    with pytest.raises(ValueError, match=r"choices are a list|nothing to choose from"):
        Choice(values)


@given(PLAIN_JSON)
def test_json_values_pass_unchanged(value):
    assert validated(JSON(), value) == value


@given(st.binary())
def test_bytes_come_back_from_the_text_of_a_graph_file(value):
    assert validated(Bytes(), base64.b64encode(value).decode()) == value


@given(st.integers())
def test_whole_numbers_of_any_size_pass(value):
    assert validated(Integer(), value) == value
