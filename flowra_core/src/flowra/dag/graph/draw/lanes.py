"""Nodes below each other with the links as lines beside them, as `git log --graph` draws commits.

A line is a lane: it carries either the outputs of one node to several others, or the outputs of several nodes to one.
So a node that feeds thirty others, which one node collects, takes two lanes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

__all__ = ["Row", "chain_order", "draw_lanes"]


T = TypeVar("T")


@dataclass
class _Lane:
    """A line that goes down: from one node to those that `waits_for` names, or to one node from those."""

    waits_for: set[str]


@dataclass(frozen=True)
class Row:
    """A node and the lines beside it.

    Attributes:
        node: The node's id.
        beside: The lines beside its name, its own dot with them.
        below: The lines right below, where the node joins a line; None if there is nothing to draw.
        after: The lines that go on to the next node.
    """

    node: str
    beside: str
    below: str | None
    after: str


def chain_order(sources: Mapping[T, Iterable[T]]) -> list[T]:
    """Return an order in which nodes come after their sources and, where that leaves a choice, follow their chain.

    What depends on a cycle comes last, in the order given.
    """
    targets: dict[T, list[T]] = {node: [] for node in sources}
    missing = dict.fromkeys(sources, 0)
    for node, needed in sources.items():
        for source in needed:
            targets[source].append(node)
            missing[node] += 1
    ready = [node for node, count in reversed(missing.items()) if count == 0]
    order: dict[T, None] = {}
    while ready:
        node = ready.pop()
        order[node] = None
        for target in reversed(targets[node]):
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return [*order, *(node for node in sources if node not in order)]


def draw_lanes(order: list[str], sources: Mapping[str, Iterable[str]], dots: Mapping[str, str]) -> list[Row]:
    """Draw the lines of a graph.

    Args:
        order: The nodes from top to bottom; a link that goes up (in a cycle) is left out.
        sources: The nodes that each node takes values from.
        dots: The character that stands for each node.
    """
    position = {node: index for index, node in enumerate(order)}
    targets: dict[str, set[str]] = {node: set() for node in order}
    for node in order:
        for source in sources[node]:
            if position[source] < position[node]:
                targets[source].add(node)
    drawing = _Drawing(targets)
    return [drawing.row(node, dots[node]) for node in order]


@dataclass
class _Drawing:
    targets: Mapping[str, set[str]]
    lanes: list[_Lane | None] = field(default_factory=list)
    out_of: dict[str, int] = field(default_factory=dict)
    into: dict[str, int] = field(default_factory=dict)

    def row(self, node: str, dot: str) -> Row:
        incoming = self._incoming(node)
        ending = {column for column in incoming if self._arrives(column, node)}
        for column in ending:
            self.lanes[column] = None
        column = min(ending) if ending else self._free_column()
        beside = self._joined(incoming - {column}, ending, column, dot)
        below = self._leave(node, column)
        return Row(node, beside, below, self._straight())

    def _incoming(self, node: str) -> set[int]:
        """Return the columns of the lines that lead to a node."""
        found = {column for source, column in self.out_of.items() if node in self._waiting(column)}
        if node in self.into:
            found.add(self.into[node])
        return found

    def _waiting(self, column: int) -> set[str]:
        lane = self.lanes[column]
        return lane.waits_for if lane is not None else set()

    def _arrives(self, column: int, node: str) -> bool:
        """Note that a line reached a node, and tell whether it ends there."""
        if self.into.get(node) == column:
            del self.into[node]
            return True
        waiting = self._waiting(column)
        waiting.discard(node)
        if waiting:
            return False
        self.out_of = {source: each for source, each in self.out_of.items() if each != column}
        return True

    def _leave(self, node: str, column: int) -> str | None:
        """Start the line that leaves a node, or join the one that is there; return the drawing of a join."""
        targets = self.targets[node]
        if len(targets) == 1:
            [target] = targets
            if target in self.into:
                goal = self.into[target]
                marks = self._marks()
                marks[column] = "╰" if goal > column else "╯"
                marks[goal] = "┤" if goal > column else "├"
                return _connected(marks, min(column, goal), max(column, goal))
            self.into[target] = column
        elif targets:
            self.out_of[node] = column
        if targets:
            self.lanes[column] = _Lane(set(targets))
        while self.lanes and self.lanes[-1] is None:
            self.lanes.pop()
        return None

    def _free_column(self) -> int:
        for column, lane in enumerate(self.lanes):
            if lane is None:
                return column
        self.lanes.append(None)
        return len(self.lanes) - 1

    def _marks(self) -> list[str]:
        return ["│" if lane is not None else " " for lane in self.lanes]

    def _joined(self, incoming: set[int], ending: set[int], column: int, dot: str) -> str:
        """Draw the lines that come in from the sides, and the node."""
        marks = self._marks()
        for each in incoming:
            if each in ending:
                marks[each] = "╰" if each < column else "╯"
            else:
                marks[each] = "├" if each < column else "┤"
        # Between the ends, several lines come in on the same row.
        for each in incoming & ending:
            if min(incoming) < each < column or column < each < max(incoming):
                marks[each] = "┴"
        marks[column] = dot
        first, last = min({column, *incoming}), max({column, *incoming})
        return _connected(marks, first, last)

    def _straight(self) -> str:
        return " ".join(self._marks()).rstrip()


def _connected(marks: list[str], first: int, last: int) -> str:
    """Join the marks of a row, with a line from the first to the last column; lines that it crosses stay whole."""
    parts = []
    for column, mark in enumerate(marks):
        inside = first < column < last
        parts.append("─" if inside and mark == " " else mark)
        parts.append("─" if first <= column < last else " ")
    return "".join(parts).rstrip()
