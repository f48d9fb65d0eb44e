"""What fits, what is converted and what is refused, pair by pair."""

from dataclasses import dataclass

import pytest

from flowra.type.fit import fit
from flowra.type.named import UnknownType
from flowra.type.value_type import (
    JSON,
    AnyImage,
    Anything,
    Audio,
    Boolean,
    Bytes,
    Choice,
    Detections,
    Embedding,
    File,
    Float,
    Folder,
    Image,
    Integer,
    ListOf,
    Mask,
    OptionalOf,
    PythonObject,
    String,
    Tensor,
    UnionOf,
    Video,
)

DETECTIONS = Detections.__flowra_value_type__
PNG, PICTURES = File(extensions=(".png",)), File(extensions=(".png", ".jpg"))
ACME, OTHER = UnknownType("acme/Hologram"), UnknownType("other/Hologram")


@dataclass
class Animal:
    name: str


@dataclass
class Dog(Animal):
    age: int


FITS = [
    (AnyImage(), Anything()),
    (ListOf(AnyImage), Anything()),
    (Float(), JSON()),
    (ListOf(ListOf(Float)), JSON()),
    (OptionalOf(String), JSON()),
    (UnionOf((float, str)), JSON()),
    (Choice(("a", 1)), JSON()),
    (Choice(("a",)), Choice(("b", "a"))),
    (Choice(("a", "b")), String()),
    (Choice((1,)), Integer()),
    (Float(), OptionalOf(Float)),
    (OptionalOf(Float), OptionalOf(UnionOf((str, float)))),
    (Float(), UnionOf((float, str))),
    (UnionOf((float, str)), UnionOf((str, bool, float))),
    (ListOf(Float), ListOf(OptionalOf(Float))),
    (ListOf(Float, min_length=2), ListOf(Float)),
    (PNG, File()),
    (PNG, PICTURES),
    (File(), File(exists=False)),
    (PNG, File(url=True)),
    (Folder(), Folder(exists=False)),
    (Image(mode="RGB"), AnyImage()),
    (Image(mode="RGB", dtype="uint8"), Image(mode="RGB")),
    (AnyImage(), Tensor()),
    (Mask(), Tensor()),
    (Embedding(dim=3), Embedding()),
    (Embedding(dim=3), Tensor()),
    (Tensor(shape=(3, None)), Tensor()),
    (PythonObject.of(Dog), PythonObject.of(Animal)),
    (ACME, ACME),
]

CONVERTS = [
    (Anything(), Float(), "checked when it arrives: is it Float?"),
    (ACME, Float(), "is it Float?"),
    (Float(), ACME, "is it acme/Hologram?"),
    (ACME, OTHER, "is it other/Hologram?"),
    (JSON(), Float(), "is it Float?"),
    (JSON(), File(), "is it File?"),
    (JSON(), AnyImage(), "is it AnyImage?"),
    (JSON(), DETECTIONS, "is it Detections?"),
    (Integer(), Float(), "becomes a floating-point number"),
    (Float(), Integer(), "only whole values pass"),
    (OptionalOf(Float), Float(), "refused when it arrives if it is nothing (null)"),
    (UnionOf((float, str)), Float(), "refused when it arrives if it is String"),
    (UnionOf((float, int)), Float(), "becomes a floating-point number"),
    (Integer(), UnionOf((str, float)), "becomes a floating-point number"),
    (String(), Choice(("a", 1)), "is it one of the choices?"),
    (Integer(), Choice((0.5, 1.0)), "is it one of the choices?"),
    (Boolean(), Choice((True, "auto")), "is it one of the choices?"),
    (Choice(("a", "b")), Choice(("b", "c")), "refused when it arrives if it is 'a'"),
    (Choice((1, "a")), String(), "refused when it arrives if it is 1"),
    (Choice((1,)), Float(), "becomes a floating-point number"),
    (Choice(("a.png",)), File(), "the text is taken as a path"),
    (Choice(("a.png",)), AnyImage(), "the file is read"),
    (String(), File(), "the text is taken as a path"),
    (File(), String(), "the path becomes text"),
    (String(), Bytes(), "decoded from base64"),
    (File(exists=False), File(), "if it isn't there"),
    (Folder(exists=False), Folder(), "if it isn't there"),
    (File(url=True), File(), "if it is an address"),
    (File(), PNG, "if it doesn't end with .png"),
    (PICTURES, PNG, "if it doesn't end with .png"),
    (ListOf(Integer), ListOf(Float), "items: the whole number becomes"),
    (ListOf(Float), ListOf(Float, max_length=2), "the number of items is checked"),
    (String(), AnyImage(), "the file is read"),
    (File(), Audio(), "the file is read"),
    (File(), Tensor(), "the file is read"),
    (Bytes(), AnyImage(), "the bytes are decoded"),
    (AnyImage(), Image(mode="L"), "the picture is converted to L"),
    (Image(mode="RGB"), Image(mode="L", dtype="float32"), "converted to L and to float32"),
    (AnyImage(), Image(min_width=8), "the size is checked when it arrives"),
    (Mask(), AnyImage(), "grey picture of 0 and 255"),
    (AnyImage(), Mask(), "only a picture of 0 and its largest value"),
    (Tensor(), AnyImage(), "shape and dtype are checked"),
    (AnyImage(), Tensor(dtype="uint8"), "shape and dtype are checked"),
    (Tensor(), Embedding(), "shape and dtype are checked"),
    (Embedding(), Embedding(dim=3), "shape and dtype are checked"),
    (Tensor(shape=(None, 3)), Tensor(shape=(2, None)), "shape and dtype are checked"),
    (ListOf(Float), Embedding(), "the numbers become an array"),
    (ListOf(ListOf(Integer)), Tensor(), "the numbers become an array"),
    (Audio(rate=44100), Audio(rate=16000), "checked when it arrives"),
    (DETECTIONS, JSON(), "the detections become plain data"),
    (PythonObject.of(Animal), PythonObject.of(Dog), "checked when it arrives"),
    (JSON(), PythonObject.of(Dog), "checked when it arrives"),
]

REFUSED = [
    (String(), Float(), "Float takes no String"),
    (Float(), String(), "String takes no Float"),
    (Boolean(), Float(), "Float takes no Boolean"),
    (Integer(), Boolean(), "Boolean takes no Integer"),
    (Float(), Choice(("a", "b")), "Choice[values=a|b] takes no Float"),
    (Boolean(), Choice((1, 0)), "takes no Boolean"),
    (Choice(("a",)), Choice(("b",)), "no choice in common"),
    (Choice(("a",)), Float(), "Float takes no Choice[values=a]"),
    (Choice((1,)), Choice((True,)), "no choice in common"),
    (File(), Folder(), "Folder takes no File"),
    (PNG, File(extensions=(".txt",)), "takes no File[extensions=.png]"),
    (Bytes(), String(), "String takes no Bytes"),
    (Bytes(), JSON(), "JSON takes no Bytes"),
    (AnyImage(), JSON(), "JSON takes no AnyImage"),
    (ListOf(AnyImage), JSON(), "JSON takes no AnyImage"),
    (AnyImage(), Float(), "Float takes no AnyImage"),
    (AnyImage(), File(), "File takes no AnyImage"),
    (Float(), AnyImage(), "AnyImage takes no Float"),
    (Folder(), AnyImage(), "AnyImage takes no Folder"),
    (String(), Embedding(), "Embedding takes no String"),
    (Bytes(), Audio(), "Audio takes no Bytes"),
    (Audio(), Video(), "Video takes no Audio"),
    (DETECTIONS, AnyImage(), "AnyImage takes no Detections"),
    (Embedding(), AnyImage(), "AnyImage takes no Embedding"),
    (Embedding(dim=3), Embedding(dim=4), "Embedding[dim=4] takes no Embedding[dim=3]"),
    (Tensor(shape=(3, 4)), Tensor(shape=(3,)), "Tensor[shape=3] takes no Tensor[shape=3×4]"),
    (Tensor(shape=(2, 2)), Embedding(), "Embedding takes no Tensor"),
    (
        Image(max_width=8),
        Image(min_width=9),
        "at most 8 px, and Image[min_width=9] asks for at least 9 px",
    ),
    (Image(min_height=9), Image(max_height=8), "its height is at least 9 px"),
    (ListOf(Float), Float(), "Float takes one value, not a list"),
    (ListOf(AnyImage), AnyImage(), "AnyImage takes one value, not a list"),
    (ListOf(String), Embedding(), "Embedding takes one value, not a list"),
    (Float(), ListOf(Float), "List[Float] takes a list; write a list of links: [link]"),
    (AnyImage(), ListOf(AnyImage), "List[AnyImage] takes a list; write a list of links: [link]"),
    (AnyImage(), ListOf(Float), "List[Float] takes no AnyImage"),
    (ListOf(String), ListOf(Float), "items: Float takes no String"),
    (UnionOf((str, bool)), Float(), "Float takes none of String | Boolean"),
    (Bytes(), UnionOf((str, float)), "String | Float takes no Bytes"),
    (OptionalOf(String), Float(), "Float takes no String"),
    (PythonObject.of(Animal), String(), "String takes no"),
    (PythonObject.of(Dog), PythonObject("elsewhere:Dog"), "elsewhere:Dog takes no"),
]


def pair(value):
    return str(value)


@pytest.mark.parametrize(("source", "target"), FITS, ids=pair)
def test_it_fits(source, target):
    found = fit(source, target)
    assert (found.kind, found.why) == ("fits", "")


@pytest.mark.parametrize(("source", "target", "why"), CONVERTS, ids=pair)
def test_it_is_converted_or_checked_and_how_is_said(source, target, why):
    found = fit(source, target)
    assert found.kind == "converts"
    assert why in found.why


@pytest.mark.parametrize(("source", "target", "why"), REFUSED, ids=pair)
def test_it_is_refused_and_why_is_said(source, target, why):
    found = fit(source, target)
    assert found.kind == "refused"
    assert why in found.why
