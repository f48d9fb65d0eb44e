"""Ports as people write them on a command line: `strength:Number[0..10]=1`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flowra.exceptions import UsageError
from flowra.pack.template.variables import reason_against_identifier
from flowra.plugin.nearest import did_you_mean

__all__ = ["PORT_TYPES", "WrittenPort", "read_port"]

_FORM = re.compile(r"(?P<name>[^:=\[\]]+):(?P<type>[A-Za-z]+)(\[(?P<inside>[^\]]*)\])?(=(?P<default>.*))?", re.DOTALL)
_RANGE = re.compile(r"(?P<low>-?[0-9.]+)?\.\.(?P<high>-?[0-9.]+)?")


@dataclass(frozen=True)
class PortType:
    """What a port's type is in Python.

    Attributes:
        python: The annotation.
        component: The component that presents it.
        imports: Where the names in both come from.
        sample: An expression for a value in a test, or nothing where none is easily had.
        literal: The JSON of a value in an example graph, or nothing.
        constant: An expression for a value that a new node may give, or nothing.
        distribution: What has to be installed to handle the values.
    """

    python: str
    component: str
    imports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sample: str = ""
    literal: str = ""
    constant: str = ""
    distribution: str = ""


def _media(name: str, sample: str = "", literal: str = "") -> PortType:
    handled = "flowra-image" if name in {"AnyImage", "Mask", "Tensor", "Embedding", "Detections"} else ""
    return PortType(name, "Placeholder", {"flowra.type.value_type": (name,)}, sample, literal, "", handled)


_NUMBER = PortType("float", "Number", sample="1.0", literal="1.0", constant="0.0")
_WHOLE = PortType("int", "Number", sample="1", literal="1", constant="0")
_TEXT = PortType("str", "Text", sample='"text"', literal='"text"', constant='""')
_SWITCH = PortType("bool", "Switch", sample="True", literal="true", constant="False")
_FILE = PortType("Path", "FilePicker", {"pathlib": ("Path",)}, "Path(__file__)")
_PICTURE = _media("AnyImage", "np.zeros((4, 6, 3), dtype=np.uint8)", '"picture.png"')
#: The types that a port may be given, by the names that people write.
PORT_TYPES: Mapping[str, PortType] = {
    "AnyImage": _PICTURE,
    "Mask": _media("Mask", "np.zeros((4, 6), dtype=np.bool_)"),
    "Tensor": _media("Tensor", "np.zeros((2, 3), dtype=np.float32)", "[[0, 1], [2, 3]]"),
    "Embedding": _media("Embedding", "np.ones(4, dtype=np.float32)", "[1, 2, 3]"),
    "Detections": _media("Detections"),
    "Audio": _media("Audio"),
    "Video": _media("Video"),
    "Mesh": _media("Mesh"),
    "PointCloud": _media("PointCloud"),
    "Number": _NUMBER,
    "Float": _NUMBER,
    "float": _NUMBER,
    "Slider": PortType("float", "Slider", sample="1.0", literal="1.0", constant="0.0"),
    "Integer": _WHOLE,
    "int": _WHOLE,
    "Seed": PortType("int", "Seed", sample="1", literal="1", constant="0"),
    "Text": _TEXT,
    "String": _TEXT,
    "str": _TEXT,
    "Switch": _SWITCH,
    "Boolean": _SWITCH,
    "bool": _SWITCH,
    "Select": PortType("Literal", "Select", {"typing": ("Literal",)}),
    "File": _FILE,
    "Path": _FILE,
}


@dataclass(frozen=True)
class WrittenPort:
    """A port that was written.

    Attributes:
        name: Its name.
        type: Its type.
        annotation: The type in Python, choices included: `Literal["a", "b"]`.
        settings: Settings of its component, as source: `min=0, max=10`.
        default: An expression for its default, or nothing.
        sample: An expression for a value in a test, or nothing.
        literal: The JSON of a value in a graph, or nothing.
        constant: An expression for a value that a new node may give, or nothing.
    """

    name: str
    type: PortType
    annotation: str
    settings: tuple[str, ...] = ()
    default: str = ""
    sample: str = ""
    literal: str = ""
    constant: str = ""


def read_port(said: str) -> WrittenPort:
    """Read a port: `NAME:TYPE`, with `[…]` for a range or choices and `=…` for a default.

    Raises:
        UsageError: It is written otherwise, or there is no such type.
    """
    form = _FORM.fullmatch(said.strip())
    if form is None:
        raise UsageError(
            f"{said!r} is no port",
            why="a port is NAME:TYPE, NAME:TYPE=DEFAULT or NAME:TYPE[RANGE OR CHOICES]=DEFAULT",
            fix="as in  image:AnyImage  strength:Number[0..10]=1  method:Select[fast|exact]=fast",
        )
    name = form["name"].strip()
    reason = reason_against_identifier(name)
    if reason is not None or name.startswith("_"):
        raise UsageError(f"a port can't be called {name!r}", why=reason or "it begins with an underscore")
    known = PORT_TYPES.get(form["type"])
    if known is None:
        near = did_you_mean(form["type"], PORT_TYPES)
        raise UsageError(
            f"{said!r}: there is no type {form['type']!r} for ports{near}", why=f"there are {', '.join(PORT_TYPES)}"
        )
    if known.python == "Literal":
        return _choice(said, name, known, form["inside"], form["default"])
    settings, low, high = _range(said, known, form["inside"])
    default = _default(said, known, form["default"])
    number = _inside(low, high, 1.0) if known.python in ("int", "float") else None
    value = default or (_number(known, number) if number is not None else known.sample)
    zero = _number(known, _inside(low, high, 0.0)) if number is not None else known.constant
    literal = _json(value) if value != known.sample else known.literal
    if known.component == "Slider" and (low is None or high is None):
        raise UsageError(f"{said!r}: a Slider needs both ends", fix=f"write  {name}:Slider[0..1]")
    return WrittenPort(name, known, known.python, settings, default, value, literal, zero)


def _choice(said: str, name: str, known: PortType, inside: str | None, default: str | None) -> WrittenPort:
    choices = [each.strip() for each in (inside or "").split("|") if each.strip()]
    if not choices or any('"' in each or "\\" in each for each in choices):
        raise UsageError(f"{said!r}: a Select needs choices", fix=f"write  {name}:Select[fast|exact]=fast")
    if default is not None and default not in choices:
        raise UsageError(f"{said!r}: {default!r} is none of the choices")
    quoted = [f'"{each}"' for each in choices]
    first = f'"{default if default is not None else choices[0]}"'
    annotation = f"Literal[{', '.join(quoted)}]"
    return WrittenPort(name, known, annotation, (), first if default is not None else "", first, first, first)


def _range(said: str, known: PortType, inside: str | None) -> tuple[tuple[str, ...], float | None, float | None]:
    if inside is None:
        return (), None, None
    found = _RANGE.fullmatch(inside)
    if found is None or known.component not in ("Number", "Slider"):
        raise UsageError(f"{said!r}: [{inside}] is no range of a number", fix="write  NAME:Number[0..10]")
    try:
        low, high = (float(found[end]) if found[end] else None for end in ("low", "high"))
    except ValueError:
        raise UsageError(f"{said!r}: [{inside}] is no range of a number") from None
    if low is not None and high is not None and low > high:
        raise UsageError(f"{said!r}: the range ends before it begins")
    settings = [f"{key}={_short(end)}" for key, end in (("min", low), ("max", high)) if end is not None]
    return tuple(settings), low, high


def _default(said: str, known: PortType, text: str | None) -> str:
    if text is None:
        return ""
    readers: dict[str, Callable[[str], object]] = {"float": float, "int": int, "str": str, "bool": _truth}
    reader = readers.get(known.python)
    try:
        if reader is None:
            raise ValueError("such a port has no default")  # noqa: TRY301
        return f'"{_escaped(text)}"' if reader is str else repr(reader(text))
    except ValueError as error:
        raise UsageError(f"{said!r}: {text!r} can't be the default", why=str(error)) from None


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _inside(low: float | None, high: float | None, wanted: float) -> float:
    """Return the number of a range that is nearest to the one that is wanted."""
    nearest = wanted if low is None else max(low, wanted)
    return nearest if high is None else min(high, nearest)


def _number(known: PortType, value: float) -> str:
    return str(int(value)) if known.python == "int" else repr(float(value))


def _short(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _json(expression: str) -> str:
    return {"True": "true", "False": "false"}.get(expression, expression)
