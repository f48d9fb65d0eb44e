"""Which results of earlier runs a run uses."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CachePolicy"]


@dataclass(frozen=True)
class CachePolicy:
    """Which nodes a run takes from the cache, and which it computes anew.

    Attributes:
        off: Nodes that are neither looked up nor recorded; all of them if `everything_off`.
        refresh: Nodes that are not looked up, but recorded.
        everything_off: Whether no node is looked up or recorded.
    """

    off: frozenset[str] = frozenset()
    refresh: frozenset[str] = frozenset()
    everything_off: bool = False
