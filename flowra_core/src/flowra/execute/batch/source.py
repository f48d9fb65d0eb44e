"""Where the items of a batch come from: what the caller gives, each with every setting of a sweep."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import PurePath
from typing import Any

from flowra.exceptions import FlowraError, UsageError, printable
from flowra.execute.batch.item import BatchItem
from flowra.execute.batch.sweep import Sweep

__all__ = ["Given", "ItemSource"]

#: What an item gives, or why it can't be had.
Given = Mapping[str, Any] | FlowraError
#: Items that are looked at, at most, for one that a graph can be planned with.
SAMPLES = 10


class ItemSource:
    """The items, one after the other, each with every setting before the next.

    Args:
        items: What they give; None for one that gives nothing.
        sweep: The settings.
        inputs: Values of the graph's inputs, for items that don't give them.
        label: What people know an item by; its one text or path if None.

    Attributes:
        sweep: The settings.
        total: How many items there are; None where that is not known.
    """

    def __init__(
        self,
        items: Iterable[Given] | None,
        sweep: Sweep,
        inputs: Mapping[str, Any],
        label: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        self.sweep = sweep
        self.streams = items is not None
        self.total = len(sweep) if items is None else len(items) * len(sweep) if isinstance(items, Sized) else None
        self._items = iter([{}] if items is None else items)
        self._inputs = dict(inputs)
        self._of_graph: dict[str, Any] = {}
        self._label = label if label is not None else _label_of
        self._looked_at: list[Given] = []
        self._names: tuple[str, ...] = ()

    def samples(self) -> Iterator[Mapping[str, Any]]:
        """Yield what the first items give, without taking them away."""
        while len(self._looked_at) < SAMPLES:
            try:
                given = next(self._items)
            except StopIteration:
                return
            self._looked_at.append(given)
            if _mistake_of(given) is None:
                yield given  # type: ignore[misc]

    def add_defaults(self, of_graph: Mapping[str, Any]) -> None:
        """Add what the graph has where an item, and who runs it, gives nothing."""
        self._of_graph.update((name, value) for name, value in of_graph.items() if name not in self._inputs)

    @property
    def problem(self) -> FlowraError | None:
        """Why the first item can't be had; None if it can."""
        return next((problem for each in self._looked_at if (problem := _mistake_of(each)) is not None), None)

    def items(self, names: Iterable[str]) -> Iterator[BatchItem]:
        """Yield the items.

        Args:
            names: What they may give.
        """
        self._names = tuple(names)
        numbers = itertools.count()
        settings = [
            (place, self.sweep.at(place))
            for place in itertools.product(*(range(len(axis)) for axis in self.sweep.axes))
        ]
        for place, given in enumerate(itertools.chain(self._looked_at, self._items)):
            values, label, problem = self._read(given)
            own = self._of_graph.keys() - given.keys() if isinstance(given, Mapping) else frozenset()
            for setting, chosen in settings:
                yield BatchItem(next(numbers), label, {**values, **chosen}, (place, *setting), problem, frozenset(own))

    def _read(self, given: Any) -> tuple[dict[str, Any], str, FlowraError | None]:
        if (mistake := _mistake_of(given)) is not None:
            return {}, mistake.where or "", mistake
        label = self._label(given)
        problem: FlowraError | None = None
        if unknown := [name for name in given if name not in self._names]:
            problem = UsageError(
                f"the item gives {', '.join(map(str, unknown))}, and the first item does not",
                fix="give the same in each item, null where there is nothing to say",
            )
        defaults = {**self._of_graph, **self._inputs}
        values = {name: given.get(name, defaults.get(name)) for name in self._names}
        if missing := [name for name in self._names if name not in given and name not in defaults]:
            problem = problem or UsageError(f"the item does not give {', '.join(missing)}")
        return values, label, problem


def _mistake_of(given: Any) -> FlowraError | None:
    """Return why nothing can be read from an item; None if it can."""
    if isinstance(given, FlowraError):
        return given
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return None
    return UsageError(
        f"an item gives inputs by name, not {printable(repr(given), 80)}",
        fix='give a mapping for each item, such as {"photo": "me.jpg"}',
    )


def _label_of(given: Mapping[str, Any]) -> str:
    texts = [str(value) for value in given.values() if isinstance(value, (str, PurePath))]
    return texts[0] if len(texts) == 1 else ""
