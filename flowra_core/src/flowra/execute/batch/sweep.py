"""A sweep: the settings that each item of a batch is run with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowra.exceptions import UsageError

__all__ = ["Sweep"]

#: The settings along one axis, each by `input` or `node.port`.
Axis = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Sweep:
    """Settings of a graph that are tried one after the other: every combination of what its axes have.

    ```python
    Sweep.matrix({"detect.confidence": [0.2, 0.4], "draw.width": [1, 2]})  # four settings
    Sweep.zipped({"resize.width": [320, 640], "detect.size": [320, 640]})  # two
    Sweep.matrix({"draw.width": [1, 2]}) * Sweep.zipped({"a.x": [1, 2], "b.y": [3, 4]})  # four
    ```

    Attributes:
        axes: The settings along each axis.
    """

    axes: tuple[Axis, ...] = ()

    @classmethod
    def matrix(cls, values: Mapping[str, Sequence[Any]]) -> Sweep:
        """Return every combination of values.

        Args:
            values: The values by `input` or `node.port`.

        Raises:
            UsageError: One has no values.
        """
        _check(values)
        return cls(tuple(tuple({name: value} for value in each) for name, each in values.items()))

    @classmethod
    def zipped(cls, values: Mapping[str, Sequence[Any]]) -> Sweep:
        """Return the first value of each together, then the second of each, and so on.

        Args:
            values: The values by `input` or `node.port`, as many of each.

        Raises:
            UsageError: One has no values, or they differ in number.
        """
        _check(values)
        if len({len(each) for each in values.values()}) > 1:
            raise UsageError(
                "what goes together in a sweep differs in number",
                why=", ".join(f"{name} has {len(each)}" for name, each in values.items()),
                fix="give as many values of each, or every combination with --matrix",
            )
        rows = zip(*values.values(), strict=True)
        return cls((tuple(dict(zip(values, row, strict=True)) for row in rows),)) if values else cls()

    def __mul__(self, other: Sweep) -> Sweep:
        """Return every combination of two sweeps."""
        return Sweep((*self.axes, *other.axes))

    @property
    def names(self) -> tuple[str, ...]:
        """What is set, in order."""
        return tuple(name for axis in self.axes for name in axis[0])

    def __len__(self) -> int:
        """Return how many settings there are; one, which sets nothing, without any axis."""
        length = 1
        for axis in self.axes:
            length *= len(axis)
        return length

    def at(self, position: Sequence[int]) -> dict[str, Any]:
        """Return the setting at a place."""
        return {
            name: value for axis, place in zip(self.axes, position, strict=True) for name, value in axis[place].items()
        }


def _check(values: Mapping[str, Sequence[Any]]) -> None:
    for name, each in values.items():
        if isinstance(each, str) or not len(each):
            raise UsageError(f"the sweep has no list of values for {name}", fix="give at least one value in a list")
