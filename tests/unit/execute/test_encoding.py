"""Values as bytes for the store, and back: by their declared type, and where that leaves it open by their own."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from flowra.dag.graph import Graph
from flowra.dag.node import BaseArgs, Node
from flowra.execute import encoding
from flowra.execute.encoding import NotStorableError, decode, encode
from flowra.execute.session import Session
from flowra.storage.codec import canonical
from flowra.type.annotations import value_type_of
from flowra.type.component_type import Placeholder
from flowra.type.handler import ValueHandler
from flowra.type.value.base import ValueType
from flowra.type.value.media import AnyImageType, MaskType
from flowra.type.value_type import Anything, File, ListOf, Mask, OptionalOf, UnionOf


@dataclasses.dataclass
class Point:
    x: float
    y: float


class MakeMask(Node):
    class OutputArgs(BaseArgs):
        mask: Placeholder(value_type=Mask)

    def run(self, context, args):
        return self.OutputArgs(mask=np.eye(3, dtype=bool))


class Count(Node):
    class InputArgs(BaseArgs):
        mask: Placeholder(value_type=Mask)

    class OutputArgs(BaseArgs):
        count: int

    def run(self, context, args):
        return self.OutputArgs(count=int(args.mask.sum()))


def back(value, value_type):
    encoded = encode(value, value_type)
    return decode(encoded.codec, memoryview(encoded.to_bytes()), value_type)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        (1.0, float),
        ("text", str),
        (b"\x00\xff", bytes),
        (b"", bytes),
        (b"\x00\xff", bytes | None),
        (b"\x00\xff", UnionOf((AnyImageType(), value_type_of(bytes)))),
        (b"\x00\xff", Anything()),
        ({"a": b"\x00\xff"}, Anything()),
        (True, bool),
        ({"a": [1, 2.0, None]}, dict),
        (None, int | None),
        (5, int | None),
        ("a", int | str),
        (Path("/tmp/a b"), Path),
        (Point(1.0, 2.0), Point),
    ],
)
def test_plain_values_come_back_as_they_were(value, annotation):
    found = back(value, annotation if isinstance(annotation, ValueType) else value_type_of(annotation))
    assert found == value
    assert type(found) is type(value)


def test_plain_data_that_stand_for_objects_are_written_as_the_objects_are():
    # pydantic warns of what it dumps unvalidated, and a warning is an error here.
    class Step(BaseModel):
        node: str
        count: int = 1

    value_type = value_type_of(Step)
    assert encode({"node": "a"}, value_type) == encode(Step(node="a"), value_type)


def test_bytes_are_written_as_they_are_and_read_as_they_were_written_before():
    value = bytes(range(256)) * 100
    encoded = encode(value, value_type_of(bytes))
    assert encoded.codec == "bytes"
    assert encoded.parts == (value,), "without a copy, and without base64"
    assert decode("json", memoryview(canonical.encode(value)), value_type_of(bytes)) == value


def test_an_address_stays_text_where_a_file_may_be_one():
    assert back("https://example.org/a.png", File(url=True)) == "https://example.org/a.png"


def test_arrays_pass_through_ports_that_take_anything():
    array = np.arange(12, dtype=np.uint16).reshape(3, 4)
    found = back(array, Anything())
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype
    assert np.array_equal(back(array, OptionalOf(Anything())), array)


def test_what_no_codec_can_write_says_so():
    with pytest.raises(NotStorableError, match="a value of type Any can't be stored"):
        encode(object(), Anything())
    with pytest.raises(NotStorableError):
        encode([lambda: 1], ListOf(Anything()))


def test_of_two_kinds_of_arrays_the_bytes_would_not_tell_which():
    with pytest.raises(NotStorableError, match="can't be stored") as caught:
        encode(np.zeros((2, 2), dtype=bool), UnionOf((AnyImageType(), MaskType())))
    assert "which of AnyImage, Mask it is" in caught.value.why


class BrokenHandler(ValueHandler):
    """Gives what it was made with, or raises it."""

    def __init__(self, given):
        self._given = given

    def coerce(self, value, spec):
        return value

    def to_json(self, value):
        return None

    def summarize(self, value):
        return ""

    def export(self, value, stem):
        return stem

    def encode(self, value):
        if isinstance(self._given, Exception):
            raise self._given
        return self._given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("No Codec!", [b"x"]), "'No Codec!' is no codec name"),
        (("list", [b"x"]), "'list' is no codec name"),
        ((7, [b"x"]), "7 is no codec name"),
        (([], [b"x"]), "unhashable"),
        (("palette", ["text"]), "it gives str where bytes are to be"),
        (("palette", 7), "not iterable"),
        (b"xyz", "too many values"),
        (KeyError("colour"), "KeyError: 'colour'"),
        (AttributeError("no such thing"), "AttributeError: no such thing"),
    ],
)
def test_a_handler_that_encodes_wrongly_is_named_and_its_value_is_not_stored(monkeypatch, given, said):
    monkeypatch.setattr(encoding, "handler_for", lambda _: BrokenHandler(given))
    with pytest.raises(NotStorableError, match="a value of type Mask can't be stored") as caught:
        encode(np.zeros((2, 2), dtype=bool), MaskType())
    assert said in caught.value.why
    assert "BrokenHandler.encode" in caught.value.why


def test_a_run_goes_on_with_a_value_that_its_handler_cannot_encode(monkeypatch, tmp_path):
    monkeypatch.setattr(encoding, "handler_for", lambda _: BrokenHandler(("No Codec!", [b"x"])))
    graph = Graph("broken")
    graph.output("count", graph.add(Count, mask=graph.add(MakeMask)["mask"])["count"])
    with Session(store=str(tmp_path)) as session:
        for _ in range(2):
            run = session.run(graph)
            assert run["count"] == 3


def test_bytes_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="no way to read the codec flac"):
        decode("flac", memoryview(b""), value_type_of(float))
