"""The best setting of a sweep, by a number that each item gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowra.dag.graph.values import Link
from flowra.exceptions import UsageError
from flowra.execute.batch.item import ItemResult

__all__ = ["Best", "BestSetting", "Goal"]


@dataclass(frozen=True)
class Goal:
    """What is looked for: `max metrics.map50`, `min node.port.field`.

    Attributes:
        largest: Whether the largest is the best.
        path: The output, and fields in it.
    """

    largest: bool
    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Read what `--best` takes; raises UsageError where it is not of that form."""
        which, _, path = text.strip().partition(" ")
        parts = tuple(part.strip() for part in path.strip().split("."))
        if which not in ("max", "min") or not all(parts):
            raise UsageError(
                f"{text!r} names no best",
                why="it is written max OUTPUT or min OUTPUT",
                fix="--best 'max metrics.map50'",
            )
        return cls(which == "max", parts)

    def output(self, outputs: Mapping[str, Link]) -> tuple[str, tuple[str, ...]]:
        """Return the output that is meant, and the fields in it.

        Args:
            outputs: The graph's own outputs by name; anything else is the output of a node, which may be one of these.
        """
        for length in (1, 2):
            name = ".".join(self.path[:length])
            if name in outputs:
                return name, self.path[length:]
        for name, link in outputs.items():
            if (link.node, link.port) == self.path[:2]:
                return name, self.path[2:]
        if len(self.path) == 1:
            known = ", ".join(outputs) or "none"
            raise UsageError(f"the graph has no output {self.path[0]!r}", fix=f"its outputs: {known}")
        return ".".join(self.path[:2]), self.path[2:]

    def __str__(self) -> str:
        return f"{'max' if self.largest else 'min'} {'.'.join(self.path)}"


@dataclass(frozen=True)
class BestSetting:
    """The best of what was tried.

    Attributes:
        given: The setting by `input` or `node.port`; for a batch without a sweep, what the item gave.
        value: The number, the mean over the items.
        items: How many items it is the mean of.
        name: The item, for a batch without a sweep.
    """

    given: Mapping[str, Any]
    value: float
    items: int
    name: str = ""


class Best:
    """Finds the best setting as results come.

    Args:
        goal: What is looked for.
        output: The output that has it, and the fields in it.
        fields: The fields in that output.
        settings: What the sweep sets; empty for a batch without one, of which the best item is named.
    """

    def __init__(self, goal: Goal, output: str, fields: tuple[str, ...], settings: tuple[str, ...]) -> None:
        self._goal = goal
        self._output = output
        self._fields = fields
        self._settings = settings
        self._sums: dict[tuple[int, ...], tuple[float, int, Mapping[str, Any]]] = {}
        self._best_item: BestSetting | None = None
        self.problem = ""

    def add(self, result: ItemResult) -> None:
        """Take a result into account; one that did not succeed counts nothing."""
        if result.status != "succeeded":
            return
        value = self._number(result.outputs)
        if value is None:
            return
        if not self._settings:
            if self._best_item is None or self._is_better(value, self._best_item.value):
                self._best_item = BestSetting(result.given, value, 1, result.name)
            return
        total, count, given = self._sums.get(result.setting, (0.0, 0, {}))
        given = given or {name: result.given[name] for name in self._settings}
        self._sums[result.setting] = (total + value, count + 1, given)

    def found(self) -> BestSetting | None:
        """Return the best so far; of equal ones the first that was tried. None if no item gave a number."""
        best = self._best_item
        for _, (total, count, given) in sorted(self._sums.items()):
            if best is None or self._is_better(total / count, best.value):
                best = BestSetting(given, total / count, count)
        return best

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self._goal.largest else value < other

    def _number(self, outputs: Mapping[str, Any]) -> float | None:
        value = outputs.get(self._output)
        for field in self._fields:
            value = _field(value, field)
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            self.problem = self.problem or f"{'.'.join(self._goal.path)} is a {type(value).__name__}, not a number"
            return None
        return None if math.isnan(number) else number


def _field(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, (list, tuple)) and name.isdigit() and int(name) < len(value):
        return value[int(name)]
    return getattr(value, name, None) if not name.startswith("_") else None
