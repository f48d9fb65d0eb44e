"""What packs come to when they are taken together: which are usable, and which names are contested."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowra.plugin.conflicts import PACK_ID, find_conflicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowra.plugin.available import AvailablePack

__all__ = ["PackView"]


class PackView:
    """All packs of a manager.

    Attributes:
        packs: Every pack, by id, with the status that it has among the others.
        conflicts: Every contested name, by kind and name.
        usable: The packs that can be used, by id. A pack with a contested scheme or command stays usable in
            everything else; one whose id is contested is not usable at all.
    """

    def __init__(self, available: Sequence[AvailablePack]) -> None:
        ok = [each for each in available if each.pack.status == "ok"]
        self.conflicts = find_conflicts(claim for each in ok for claim in each.claims())
        marked = sorted((self._mark(each) for each in available), key=lambda each: each.pack.id)
        self.packs = tuple(each.pack for each in marked)
        self.usable = {
            each.pack.id: each
            for each in marked
            if each.pack.status in {"ok", "conflict"} and (PACK_ID, each.pack.id) not in self.conflicts
        }

    def _mark(self, available: AvailablePack) -> AvailablePack:
        if available.pack.status != "ok" or not self.conflicts:
            return available
        conflict = next(
            (self.conflicts[kind, name] for kind, name, _ in available.claims() if (kind, name) in self.conflicts), None
        )
        if conflict is None:
            return available
        return available.with_pack(replace(available.pack, status="conflict", problem=conflict.problem()))
