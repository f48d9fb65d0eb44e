"""Which workers a run may use: those that reach its store and whose packs were compared with its own."""

from __future__ import annotations

from flowra.execute.cluster.members import Member
from flowra.execute.cluster.packs import PackCheck
from flowra.execute.cluster.reach import StoreReach

__all__ = ["UsableWorkers"]


class UsableWorkers:
    """The workers that a run may use.

    Args:
        reach: Which reach the store.
        packs: Which have been compared.
    """

    def __init__(self, reach: StoreReach, packs: PackCheck) -> None:
        self._reach = reach
        self._packs = packs

    def ask(self) -> list[str]:
        """Ask those that came since; return what people are to be told."""
        return [*self._packs.come(), *self._reach.ask()]

    @property
    def members(self) -> list[Member]:
        """Those that can be used by now."""
        compared = set(self._packs.usable)
        return [member for member in self._reach.members if member in compared]
