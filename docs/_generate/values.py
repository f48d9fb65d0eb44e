"""The value types: what each is, its constraints, how it is written, and what a port of it takes."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Optional, Union

from _generate.markdown import code, docstring, table
from flowra.plugin import default_manager
from flowra.type.fit import fit
from flowra.type.named import builtin_value_types
from flowra.type.value.media import MediaType
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
    Mesh,
    Model,
    OptionalOf,
    PointCloud,
    PythonObject,
    String,
    Tensor,
    UnionOf,
    ValueType,
    Video,
)

__all__ = ["annotations", "samples", "value_types"]

#: How each type is written in Python, with constraints where it has some.
_WRITTEN: dict[str, str] = {
    "Any": "Anything",
    "Boolean": "Boolean",
    "Integer": "Integer",
    "Float": "Float",
    "String": "String",
    "Choice": 'Choice(("low", "high"))',
    "JSON": "JSON",
    "Bytes": "Bytes",
    "File": 'File(extensions=(".png", ".jpg"))',
    "Folder": "Folder(exists=False)",
    "Model": "Model",
    "List": "ListOf(Float)",
    "Optional": "OptionalOf(Integer)",
    "Union": "UnionOf((Integer, String))",
    "AnyImage": "AnyImage",
    "Image": 'Image(mode="RGB", min_width=64)',
    "Mask": "Mask",
    "Tensor": 'Tensor(shape=(None, 3), dtype="float32")',
    "Embedding": "Embedding(dim=512)",
    "Detections": "Detections",
    "Audio": "Audio(rate=16000, channels=1)",
    "Video": "Video",
    "Mesh": "Mesh",
    "PointCloud": "PointCloud",
    "Object": "PythonObject.of(Box)",
}
_NAMES = {
    cls.__name__: cls
    for cls in (
        Anything, Boolean, Integer, Float, String, Choice, JSON, Bytes, File, Folder, Model, ListOf, OptionalOf,
        UnionOf, Image, Tensor, Embedding, Audio, Video, Mesh, PointCloud, PythonObject,
    )
} | {"AnyImage": AnyImage, "Mask": Mask, "Detections": Detections}  # fmt: skip


@dataclasses.dataclass
class Box:
    """A class of a pack, to show what becomes of one."""

    left: int
    top: int


Box.__module__ = "my_pack.boxes"


def _made(written: str) -> ValueType:
    from flowra.type.annotations import value_type_of

    return value_type_of(eval(written, {**_NAMES, "Box": Box}))  # noqa: S307  the texts above


def samples() -> dict[str, ValueType]:
    """Return one instance of each value type, by kind, without constraints where it can be without."""
    needs = {"Choice", "List", "Optional", "Union", "Object"}
    return {kind: _made(_WRITTEN[kind]) if kind in needs else cls() for kind, cls in builtin_value_types().items()}


def value_types() -> str:
    """Return a section for each value type."""
    return "\n".join(_section(kind, cls) for kind, cls in builtin_value_types().items())


def _section(kind: str, cls: type[ValueType]) -> str:
    doc = docstring(cls)
    written = _WRITTEN[kind]
    example = _made(written)
    rows = [
        ("In Python", code(written)),
        ("In JSON", code(json.dumps(example.to_json(), ensure_ascii=False))),
        ("In messages", code(example)),
        ("A value is", cls.words),
        ("A literal in a graph file", _literal(samples()[kind])),
        ("A port takes, over a link", _sources(samples()[kind])),
        ("Handled by", _handler(cls)),
    ]
    constraints = [
        (code(field.name), code(_default(field)), doc.about(field.name) or _alike(field.name, doc))
        for field in dataclasses.fields(cls)
        if field.name not in cls.unwritten
    ]
    parts = [f"### {code(kind)}", doc.text.replace("Args:", ""), table(("", ""), [row for row in rows if row[1]])]
    if constraints:
        parts.append(table(("constraint", "default", "meaning"), constraints))
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _alike(name: str, doc: Any) -> str:
    """Return a pointer to the argument whose text names this one ("likewise `max_width`")."""
    owner = next((each for each, text in doc.items.get("Args", {}).items() if f"`{name}`" in text), "")
    return f"see {code(owner)}" if owner else ""


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, ValueType):
        return str(field.default)
    return json.dumps(field.default) if not isinstance(field.default, tuple) else json.dumps(list(field.default))


def _literal(value_type: ValueType) -> str:
    schema = value_type.json_schema()
    if not schema:
        return "any JSON value"
    kind = schema.get("type")
    if schema.get("format") == "path":
        return "text: the path of a file" if not isinstance(value_type, Folder) else "text: the path of a folder"
    names = {"string": "text", "array": "list", "object": "object", "integer": "whole number"}
    kinds = [kind] if isinstance(kind, str) else kind or []
    if kinds:
        base64 = " (base64)" if schema.get("contentEncoding") else ""
        return " or ".join(names.get(each, each) for each in kinds) + base64
    return code(json.dumps(schema, ensure_ascii=False))


def _sources(target: ValueType) -> str:
    fitting, converting = [], []
    for kind, source in samples().items():
        if type(source) is type(target) or kind in ("Union", "Optional", "Any"):
            continue
        found = fit(source, target).kind
        if found == "fits":
            fitting.append(code(kind))
        elif found == "converts":
            converting.append(code(kind))
    own = "values of its own type" if target.kind != "Any" else "everything"
    parts = [own]
    if fitting and target.kind != "Any":
        parts.append(f"as they are: {', '.join(fitting)}")
    if converting:
        parts.append(f"converted or checked: {', '.join(converting)}")
    return "; ".join(parts)


def _handler(cls: type[ValueType]) -> str:
    if not issubclass(cls, MediaType):
        return ""
    name = cls.handled_as
    packs = [pack.distribution for pack, entry in default_manager().entries("value_types") if entry.name == name]
    return f"the pack {code(packs[0])}" if packs else "no pack yet: see [what is there](what-is-there.md)"


class _Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


def annotations() -> str:
    """Return the table of Python annotations and the value types that they mean."""
    from flowra.type.annotations import value_type_of

    written: Iterable[tuple[str, Any]] = (
        ("bool", bool),
        ("int", int),
        ("float", float),
        ("str", str),
        ("bytes", bytes),
        ("pathlib.Path", Path),
        ("dict", dict),
        ("dict[str, int]", dict[str, int]),
        ("list[float]", list[float]),
        ("tuple[int, ...]", tuple[int, ...]),
        ("float | None", Optional[float]),  # noqa: UP045
        ("int | str", Union[int, str]),  # noqa: UP007
        ('Literal["low", "high"]', Literal["low", "high"]),
        ("an `enum.Enum` class", _Size),
        ("a dataclass, pydantic model or `TypedDict`", Box),
        ("Any", Any),
        ("Detections", Detections),
        ("AnyImage", AnyImage),
    )
    rows = [(text if "`" in text else code(text), code(value_type_of(python))) for text, python in written]
    return table(("annotation", "value type"), rows)
