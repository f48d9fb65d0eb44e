"""Whether a value of one type can go where another is asked for: what fits, what is converted, what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flowra.type.named import UnknownType
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf, UnionOf
from flowra.type.value.media import AnyImageType, DetectionsType, Embedding, Image, MaskType, MediaType, Tensor
from flowra.type.value.python import PythonObject
from flowra.type.value.scalar import (
    JSON,
    Anything,
    Boolean,
    Bytes,
    Choice,
    File,
    Float,
    Folder,
    Integer,
    String,
)

__all__ = ["Fit", "fit"]


@dataclass(frozen=True)
class Fit:
    """How a value type fits where another is asked for.

    Attributes:
        kind: `fits`: every value does as it is. `converts`: a value is converted or checked when it arrives.
            `refused`: no value can.
        why: The conversion, check or reason in words; empty where it fits.
    """

    kind: Literal["fits", "converts", "refused"]
    why: str = ""


_FITS = Fit("fits")


def fit(source: ValueType, target: ValueType) -> Fit:
    """Say how a value of the type `source` fits a port of the type `target`."""
    if source == target or _takes_anything(target):
        return _FITS
    if isinstance(source, (Anything, UnknownType)) or isinstance(target, UnknownType):
        return Fit("converts", f"checked when it arrives: is it {target}?")
    if isinstance(source, UnionOf):
        return _from_union(source, target)
    if isinstance(target, UnionOf):
        return _best([fit(source, item) for item in target.items], f"{target} takes no {source}")
    if isinstance(target, JSON) and isinstance(source, (OptionalOf, ListOf)):
        return fit(source.item, target)
    if isinstance(target, OptionalOf):
        return fit(source.item if isinstance(source, OptionalOf) else source, target.item)
    if isinstance(source, OptionalOf):
        inner = fit(source.item, target)
        return inner if inner.kind == "refused" else Fit("converts", "refused when it arrives if it is nothing (null)")
    if isinstance(source, ListOf) and isinstance(target, ListOf):
        return _list(source, target)
    if isinstance(source, Choice) and (found := _choice(source, target)) is not None:
        return found
    if isinstance(target, ListOf) and fit(source, target.item).kind != "refused":
        return Fit("refused", f"{target} takes a list; write a list of links: [link]")
    if isinstance(source, MediaType) or isinstance(target, MediaType):
        return _media(source, target)
    return _scalar(source, target)


def _takes_anything(target: ValueType) -> bool:
    if isinstance(target, OptionalOf):
        return _takes_anything(target.item)
    return any(map(_takes_anything, target.items)) if isinstance(target, UnionOf) else isinstance(target, Anything)


def _from_union(source: UnionOf, target: ValueType) -> Fit:
    fits = [fit(item, target) for item in source.items]
    refused = [item for item, each in zip(source.items, fits, strict=True) if each.kind == "refused"]
    if len(refused) == len(fits):
        return Fit("refused", f"{target} takes none of {source}")
    if refused:
        return Fit("converts", f"refused when it arrives if it is {', '.join(map(str, refused))}")
    return next((each for each in fits if each.kind == "converts"), _FITS)


def _best(fits: list[Fit], refusal: str) -> Fit:
    for kind in ("fits", "converts"):
        for each in fits:
            if each.kind == kind:
                return each
    return Fit("refused", refusal)


def _list(source: ListOf, target: ListOf) -> Fit:
    inner = fit(source.item, target.item)
    if inner.kind == "refused":
        return Fit("refused", f"items: {inner.why}")
    if (target.min_length, target.max_length) not in ((0, None), (source.min_length, source.max_length)):
        return Fit("converts", "the number of items is checked when it arrives")
    return Fit(inner.kind, f"items: {inner.why}" if inner.why else "")


def _scalar(source: ValueType, target: ValueType) -> Fit:
    refused = Fit("refused", f"{target} takes no {source}")
    if isinstance(target, JSON):
        plain = isinstance(source, (Boolean, Integer, Float, String))
        return _FITS if plain else refused
    if isinstance(source, JSON):
        return Fit("converts", f"checked when it arrives: is it {target}?")
    if isinstance(source, Integer) and isinstance(target, Float):
        return Fit("converts", "the whole number becomes a floating-point number")
    if isinstance(source, Float) and isinstance(target, Integer):
        return Fit("converts", "only whole values pass; anything else is refused when it arrives")
    if isinstance(target, Choice) and any(fit(source, each()).kind != "refused" for each in _types_of(target)):
        return Fit("converts", "checked when it arrives: is it one of the choices?")
    if isinstance(source, (String, File, Folder)) and isinstance(target, (String, File, Folder)):
        return _path(source, target)
    if isinstance(target, Bytes) and isinstance(source, String):
        return Fit("converts", "the text is decoded from base64")
    if isinstance(source, ListOf):
        return Fit("refused", f"{target} takes one value, not a list")
    if isinstance(source, PythonObject) and isinstance(target, PythonObject):
        return _object(source, target)
    return refused


def _choice(source: Choice, target: ValueType) -> Fit | None:
    """Say how the choices fit a type that takes some of them; None if it takes none."""
    taken = [value for value in source.values if target.accepts_literal(value) is None]
    if not taken:
        return Fit("refused", "they have no choice in common") if isinstance(target, Choice) else None
    if len(taken) < len(source.values):
        refused = ", ".join(repr(value) for value in source.values if value not in taken)
        return Fit("converts", f"refused when it arrives if it is {refused}")
    if isinstance(target, Choice):
        return _FITS
    fits = [fit(each(), target) for each in _types_of(source)]
    return next((each for each in fits if each.kind != "fits"), _FITS)


def _types_of(choice: Choice) -> list[type[ValueType]]:
    types: dict[type, type[ValueType]] = {bool: Boolean, str: String, int: Integer, float: Float}
    return [types[each] for each in dict.fromkeys(map(type, choice.values))]


def _object(source: PythonObject, target: PythonObject) -> Fit:
    if source.python is not None and target.python is not None:
        if issubclass(source.python, target.python):
            return _FITS
        if issubclass(target.python, source.python):
            return Fit("converts", f"checked when it arrives: is it {target}?")
    return Fit("refused", f"{target} takes no {source}")


def _path(source: ValueType, target: ValueType) -> Fit:
    if isinstance(target, String):
        return Fit("converts", "the path becomes text")
    if isinstance(source, String):
        return Fit("converts", "the text is taken as a path")
    if type(source) is not type(target):
        return Fit("refused", f"{target} takes no {source}")
    if isinstance(source, File) and isinstance(target, File):
        if source.extensions and target.extensions and not {*source.extensions} & {*target.extensions}:
            return Fit("refused", f"{target} takes no {source}")
        if source.url and not target.url:
            return Fit("converts", "refused when it arrives if it is an address")
        if target.extensions and not (source.extensions and {*source.extensions} <= {*target.extensions}):
            return Fit("converts", f"refused when it arrives if it doesn't end with {' or '.join(target.extensions)}")
    if isinstance(source, (File, Folder)) and isinstance(target, (File, Folder)) and target.exists > source.exists:
        return Fit("converts", "refused when it arrives if it isn't there")
    return _FITS


def _media(source: ValueType, target: ValueType) -> Fit:
    refused = Fit("refused", f"{target} takes no {source}")
    if isinstance(source, (File, String)):
        return Fit("converts", "the file is read") if target.reads_files else refused
    if isinstance(source, Bytes) and isinstance(target, AnyImageType):
        return Fit("converts", "the bytes are decoded")
    if isinstance(source, JSON) and isinstance(target, MediaType):
        return Fit("converts", f"checked when it arrives: is it {target}?")
    if isinstance(source, ListOf):
        if isinstance(target, (Tensor, Embedding)) and _gives_numbers(source.item, nested=isinstance(target, Tensor)):
            return Fit("converts", "the numbers become an array")
        return Fit("refused", f"{target} takes one value, not a list")
    if isinstance(source, (Tensor, Embedding)) and isinstance(target, (Tensor, Embedding)):
        return _array(source, target)
    if isinstance(source, AnyImageType) and isinstance(target, AnyImageType):
        return _image(source, target)
    if isinstance(source, MaskType) and isinstance(target, AnyImageType):
        return Fit("converts", "the mask becomes a grey picture of 0 and 255")
    if isinstance(source, AnyImageType) and isinstance(target, MaskType):
        return Fit("converts", "only a picture of 0 and its largest value passes as a mask")
    if isinstance(target, Tensor) and isinstance(source, (AnyImageType, MaskType)):
        return _FITS if target == Tensor() else Fit("converts", _ARRAY_CHECK)
    if isinstance(source, Tensor) and isinstance(target, (AnyImageType, MaskType)):
        return Fit("converts", _ARRAY_CHECK)
    if isinstance(source, DetectionsType) and isinstance(target, JSON):
        return Fit("converts", "the detections become plain data")
    if type(source) is type(target):
        return _FITS if not target.parameters() else Fit("converts", "checked when it arrives")
    return refused


_ARRAY_CHECK = "shape and dtype are checked when it arrives"


def _array(source: Tensor | Embedding, target: Tensor | Embedding) -> Fit:
    given, wanted = _shape(source), _shape(target)
    if given is not None and wanted is not None:
        alike = (a == b or None in (a, b) for a, b in zip(given, wanted, strict=False))
        if len(given) != len(wanted) or not all(alike):
            return Fit("refused", f"{target} takes no {source}")
    if target == Tensor() or (isinstance(source, Embedding) and target == Embedding()):
        return _FITS
    return Fit("converts", _ARRAY_CHECK)


def _gives_numbers(item: ValueType, *, nested: bool) -> bool:
    if nested and isinstance(item, ListOf):
        return _gives_numbers(item.item, nested=True)
    return isinstance(item, (Integer, Float, JSON, Anything))


def _shape(array: Tensor | Embedding) -> tuple[int | None, ...] | None:
    return (array.dim,) if isinstance(array, Embedding) else array.shape


def _image(source: ValueType, target: ValueType) -> Fit:
    if not isinstance(target, Image):
        return _FITS
    known = source if isinstance(source, Image) else Image()
    for axis in ("width", "height"):
        low, high = getattr(target, f"min_{axis}"), getattr(target, f"max_{axis}")
        at_least, at_most = getattr(known, f"min_{axis}"), getattr(known, f"max_{axis}")
        if low is not None and at_most is not None and at_most < low:
            return Fit("refused", f"its {axis} is at most {at_most} px, and {target} asks for at least {low} px")
        if high is not None and at_least is not None and at_least > high:
            return Fit("refused", f"its {axis} is at least {at_least} px, and {target} asks for at most {high} px")
    changes = [
        f"to {wanted}"
        for name in ("mode", "dtype")
        if (wanted := getattr(target, name)) not in (None, getattr(known, name))
    ]
    if changes:
        return Fit("converts", f"the picture is converted {' and '.join(changes)}")
    sized = any(getattr(target, name) is not None for name in ("min_width", "max_width", "min_height", "max_height"))
    return Fit("converts", "the size is checked when it arrives") if sized else _FITS
