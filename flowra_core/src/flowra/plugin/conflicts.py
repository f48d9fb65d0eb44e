"""Names that more than one pack claims."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowra.plugin.mending import disable_command, in_words, install_command
from flowra.plugin.packs import PackProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowra.plugin.packs import Pack

__all__ = ["PACK_ID", "UNIQUE_FIELDS", "Conflict", "claimed_name", "find_conflicts"]

#: The `kind` of a conflict about the id of packs, and with it about everything that they contribute.
PACK_ID = "packs"

#: The field of each kind of contribution whose value only one pack may claim; empty for those whose names belong to
#: their pack.
UNIQUE_FIELDS = {
    "nodes": "",
    "migrations": "",
    "value_types": "name",
    "component_types": "name",
    "storage_backends": "scheme",
    "model_hubs": "name",
    "executors": "name",
    "templates": "name",
    "commands": "name",
    "observers": "name",
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """One name, and all packs that claim it; none of them gets it.

    Attributes:
        kind: The kind of contribution, or `packs` if the packs' own id is contested.
        name: The contested name.
        providers: The packs, as text: `pack image (flowra-image 0.1.0)`.
        distributions: Their distributions.
        pack_ids: Their ids.
        isolated: Which of them have environments of their own.
    """

    kind: str
    name: str
    providers: tuple[str, ...]
    distributions: tuple[str, ...]
    pack_ids: tuple[str, ...]
    isolated: tuple[bool, ...]

    def problem(self) -> PackProblem:
        """Return the conflict as each of the packs shows it."""
        thing = "the pack id" if self.kind == PACK_ID else f"{self.kind.replace('_', ' ').removesuffix('s')}"
        removable = [name for name in self.distributions if name]
        isolated = next((name for name, apart in zip(self.pack_ids, self.isolated, strict=True) if apart), None)
        if isolated is not None:
            mend = f"keep one: `flowra pack uninstall --isolated {isolated}`, or uninstall the other"
        elif removable:
            uninstall = install_command(removable[-1]).replace("install", "uninstall", 1)
            mend = f"keep one: `{uninstall}`, or {disable_command(removable[-1])}"
        else:
            mend = "register one of them under another id"
        return PackProblem(
            what=f"{thing} {self.name} is claimed by {in_words(self.providers)}",
            why="a name that two packs claim is given to neither, so that no graph changes its meaning unnoticed",
            mend=mend,
        )


def claimed_name(kind: str, name: str, pack_id: str, own_type: str | None = None) -> str:
    """Return the name that a pack claims with a contribution.

    A value type of its own bears the pack's name, as its nodes do, and so no other pack can have it; a handler alone is
    for a type that Flowra declares.

    Args:
        kind: The kind of contribution.
        name: The name that the contribution gives itself.
        pack_id: The pack's id.
        own_type: For a value type, the class of the pack's own type; None or empty for a handler alone.
    """
    return f"{pack_id}/{name}" if kind == "value_types" and own_type else name


def find_conflicts(claims: Iterable[tuple[str, str, Pack]]) -> Mapping[tuple[str, str], Conflict]:
    """Return the conflicts among claims of the form (kind, name, pack), by kind and name."""
    claimants: defaultdict[tuple[str, str], list[Pack]] = defaultdict(list)
    for kind, name, pack in claims:
        claimants[kind, name].append(pack)
    return {key: _conflict(*key, packs) for key, packs in claimants.items() if len(packs) > 1}


def _conflict(kind: str, name: str, packs: Sequence[Pack]) -> Conflict:
    return Conflict(
        kind=kind,
        name=name,
        providers=tuple(str(pack) for pack in packs),
        distributions=tuple(pack.distribution for pack in packs),
        pack_ids=tuple(pack.id for pack in packs),
        isolated=tuple(bool(pack.python) for pack in packs),
    )
