"""The nearest name to one that was not found, for "did you mean …?"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest_name"]


def nearest_name(wanted: str, names: Iterable[str]) -> str | None:
    """Return the name most like `wanted`, upper and lower case counting as equal, or None if none is like it."""
    from difflib import get_close_matches

    by_folded: dict[str, str] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), name)
    close = get_close_matches(wanted.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """Return `; did you mean NAME?`, or an empty string if no name is near."""
    nearest = nearest_name(wanted, names)
    return f"; did you mean {nearest}?" if nearest else ""
