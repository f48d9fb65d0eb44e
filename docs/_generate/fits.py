"""What `flowra.type.fit` says of pairs of value types."""

from __future__ import annotations

from _generate.markdown import code, table
from _generate.values import samples
from flowra.type.fit import fit
from flowra.type.value_type import File, Float, Image, Integer, ListOf, OptionalOf, Tensor, UnionOf, ValueType

__all__ = ["constrained", "fits"]

_LEFT_OUT = ("Any", "Union", "Optional", "Choice", "Object")


def fits() -> str:
    """Return the table of what each value type takes from the others."""
    types = {kind: each for kind, each in samples().items() if kind not in _LEFT_OUT}
    rows = []
    for target in types.values():
        fitting: list[str] = []
        converting: dict[str, list[str]] = {}
        for source in types.values():
            found = fit(source, target)
            if found.kind == "fits":
                fitting.append(code(source))
            elif found.kind == "converts":
                converting.setdefault(found.why, []).append(code(source))
        converted = "; ".join(f"{', '.join(names)}: {why}" for why, names in converting.items())
        rows.append((code(target), ", ".join(fitting), converted))
    return table(("a port of", "takes as it is", "takes after a conversion or check"), rows)


def constrained() -> str:
    """Return the table of pairs with constraints, which show the rules."""
    pairs: tuple[tuple[ValueType, ValueType], ...] = (
        (Integer(), Float()),
        (Float(), Integer()),
        (Image(mode="RGB"), Image()),
        (Image(), Image(mode="RGB")),
        (Image(mode="RGB", dtype="uint8"), Image(mode="L", dtype="float32")),
        (Image(max_width=256), Image(min_width=512)),
        (Image(), Image(min_width=512)),
        (Tensor(shape=(None, 3)), Tensor(shape=(None, 4))),
        (Tensor(shape=(None, 3)), Tensor(shape=(10, 3))),
        (File(), File(extensions=(".png",))),
        (File(extensions=(".jpg",)), File(extensions=(".png",))),
        (Float(), OptionalOf(Float())),
        (OptionalOf(Float()), Float()),
        (UnionOf((Integer(), ListOf(Integer()))), Integer()),
        (ListOf(Integer()), ListOf(Float())),
        (ListOf(Float()), ListOf(Image())),
        (Float(), ListOf(Float())),
    )
    rows = []
    for source, target in pairs:
        found = fit(source, target)
        rows.append((code(source), code(target), found.kind, found.why))
    return table(("from", "to", "result", "why"), rows)
