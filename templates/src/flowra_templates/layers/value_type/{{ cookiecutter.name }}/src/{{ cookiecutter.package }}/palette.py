"""The value type: an example to put your own in the place of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flowra.type.value_type import MediaType, ValueType

__all__ = ["Palette", "PaletteType"]


@dataclass(frozen=True)
class PaletteType(MediaType):
    """What a port with a palette takes: the type that graphs and manifests name."""

    kind: ClassVar[str] = "{{ cookiecutter.pack }}/Palette"
    handled_as: ClassVar[str] = "{{ cookiecutter.pack }}/Palette"
    words: ClassVar[str] = "palette: a list of colours like #ff8800"
    literals: ClassVar[tuple[type, ...]] = (list,)


@dataclass(frozen=True)
class Palette:
    """A palette: the value that flows over an edge.

    Attributes:
        colors: Red, green and blue of each colour, 0..255.
    """

    #: Which value type a port annotated with this class has.
    __flowra_value_type__: ClassVar[ValueType] = PaletteType()

    colors: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, names: list[str]) -> Palette:
        """Make a palette of colours that are written `#rrggbb`.

        Raises:
            ValueError: A colour is written otherwise.
        """
        return cls(tuple(map(_color, names)))

    def names(self) -> list[str]:
        """Return the colours as `#rrggbb`."""
        return ["#{:02x}{:02x}{:02x}".format(*color) for color in self.colors]


def _color(name: str) -> tuple[int, int, int]:
    digits = name.removeprefix("#")
    try:
        if len(digits) != 6 or not name.startswith("#"):
            raise ValueError
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"expected a colour like #ff8800, got {name!r}") from None
    return red, green, blue
