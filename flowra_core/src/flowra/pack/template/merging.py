"""A three-way merge of texts: what two sides changed of one base, by lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

__all__ = ["Merged", "merge"]


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Attributes:
        text: The text, with markers around each conflict.
        conflicts: How many conflicts there are.
    """

    text: str
    conflicts: int


def merge(base: str, ours: str, theirs: str, *, our_name: str, their_name: str) -> Merged:
    """Merge what was changed on two sides.

    A part that only one side changed is as that side has it; one that both changed alike too. Where they differ, both
    are kept between markers.

    Args:
        base: What both sides began with.
        ours: One side.
        theirs: The other side.
        our_name: What the markers call the one side.
        their_name: What they call the other.
    """
    newline = "\r\n" if "\r\n" in ours else "\n"
    lines = [text.replace("\r\n", "\n").splitlines(keepends=True) for text in (base, ours, theirs)]
    made: list[str] = []
    conflicts = 0
    for before, mine, other in _regions(*lines):
        if mine in (other, before):
            made += other
        elif other == before:
            made += mine
        else:
            conflicts += 1
            made += [f"<<<<<<< {our_name}\n", *_ended(mine), "=======\n", *_ended(other), f">>>>>>> {their_name}\n"]
    return Merged("".join(made).replace("\n", newline), conflicts)


def _regions(base: list[str], ours: list[str], theirs: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Cut all three texts at the lines that they share, and return what lies between, and those lines themselves."""
    at_base = at_ours = at_theirs = 0
    for start, mine, other, length in _common(base, ours, theirs):
        if (start, mine, other) != (at_base, at_ours, at_theirs):
            yield base[at_base:start], ours[at_ours:mine], theirs[at_theirs:other]
        if length:
            same = base[start : start + length]
            yield same, same, same
        at_base, at_ours, at_theirs = start + length, mine + length, other + length


def _common(base: list[str], ours: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Return runs of lines that all three have, as their places and length, and last of all the three ends."""
    in_ours = {
        block.a + each: block.b + each
        for block in SequenceMatcher(None, base, ours, autojunk=False).get_matching_blocks()
        for each in range(block.size)
    }
    in_theirs = {
        block.a + each: block.b + each
        for block in SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks()
        for each in range(block.size)
    }
    shared = sorted(in_ours.keys() & in_theirs.keys())
    at = 0
    while at < len(shared):
        start, length = shared[at], 1
        while (
            at + length < len(shared)
            and all(place.get(start + length) == place[start] + length for place in (in_ours, in_theirs))
            and shared[at + length] == start + length
        ):
            length += 1
        yield start, in_ours[start], in_theirs[start], length
        at += length
    yield len(base), len(ours), len(theirs), 0


def _ended(lines: list[str]) -> list[str]:
    """Return lines of which the last ends with a line break, so that a marker behind them stands on its own line."""
    return [*lines[:-1], f"{lines[-1]}\n"] if lines and not lines[-1].endswith("\n") else lines
