import enum
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowra.storage.codec import canonical

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None) | st.characters(categories=["Cs"]))
    | st.binary(max_size=20)
    | st.sampled_from(
        [1, 1.0, True, "1", b"1", 0.0, -0.0, 2**2000, -(2**2000), 2**2001, "$bytes", "\ud83d\ude00", "😀"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(scalars, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "$bytes", "$dict", "$tuple", "\ud83d\ude00"]), inner, max_size=2)
    ),
    max_leaves=12,
)


def identity(value):
    """What makes a value the same value, told apart by Python itself and not by the codec."""
    kind = type(value)
    if kind is float:
        return kind, "nan" if math.isnan(value) else value.hex()
    if kind in (list, tuple):
        return kind, tuple(identity(each) for each in value)
    if kind is dict:
        return kind, frozenset((identity(key), identity(each)) for key, each in value.items())
    return kind, value


@given(values)
def test_every_value_comes_back_with_its_types(value):
    assert identity(canonical.decode(canonical.encode(value))) == identity(value)


@given(values, values)
def test_two_values_have_the_same_bytes_only_if_they_are_the_same(one, other):
    assert (canonical.encode(one) == canonical.encode(other)) == (identity(one) == identity(other))


@given(st.lists(values, max_size=30))
def test_no_two_of_many_values_share_their_bytes(many):
    assert len({canonical.encode(each) for each in many}) == len({identity(each) for each in many})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"null"),
        (True, b"true"),
        (1, b"1"),
        (1.0, b"1.0"),
        (-0.0, b"-0.0"),
        (1e16, b"1e+16"),
        (math.nan, b"NaN"),
        (-math.inf, b"-Infinity"),
        ("é", '"é"'.encode()),
        (b"1", b'{"$bytes":"MQ=="}'),
        ({"b": 1, "a": (1, [2])}, b'{"a":{"$tuple":[1,[2]]},"b":1}'),
        ({1: 2}, b'{"$dict":[[1,2]]}'),
        ({"$bytes": 1}, b'{"$dict":[["$bytes",1]]}'),
    ],
)
def test_the_bytes_are_part_of_the_format_and_stay(value, expected):
    assert canonical.encode(value) == expected


def test_the_order_of_keys_makes_no_difference():
    forward = {str(number): number for number in range(50)} | {2: "a", "2": "b"}
    backward = dict(reversed(forward.items()))
    assert canonical.encode(forward) == canonical.encode(backward)


class Mode(enum.IntEnum):
    FAST = 1


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [Mode.FAST, Name("a"), {1}, np.float64(1), np.int64(1), bytearray(b"1"), object(), 1j, [1, {"a": {2}}]]
)
def test_what_would_not_come_back_as_it_was_is_refused(value):
    with pytest.raises(TypeError, match="has no canonical bytes"):
        canonical.encode(value)


def test_a_value_that_holds_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="holds itself"):
        canonical.encode(loop)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"nul", b"\xff", b'{"$bytes":1}', b'{"$unknown":1}', b'{"$dict":[[[],1]]}', b'{"$int":"x"}', b"[" * 100_000],
)
def test_bytes_that_are_no_value_are_refused(damaged):
    with pytest.raises(ValueError, match=r"."):
        canonical.decode(damaged)


PRINT = """
from flowra.storage.codec import canonical
value = {"b": [1, 1.0, True, "1", b"1", None, (), 2**3000], "a": {3: "x", "3": 0.1, ("t",): "\\ud800"}, "é": 1e300}
print(canonical.encode(value).hex())
"""


def test_another_process_with_another_hash_seed_writes_the_same_bytes():
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
