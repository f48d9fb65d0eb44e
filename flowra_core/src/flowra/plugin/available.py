"""A pack together with what it contributes, each entry made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.plugin.conflicts import PACK_ID, UNIQUE_FIELDS, claimed_name
from flowra.plugin.packs import Pack, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowra.plugin.contribution_base import Contribution
    from flowra.plugin.contributions import NodeEntry
    from flowra.plugin.record import PackRecord, State

__all__ = ["AvailablePack"]

_STATUS: dict[State, Status] = {
    "found": "ok",
    "ok": "ok",
    "unreadable": "broken",
    "broken": "broken",
    "incompatible": "incompatible",
}


class AvailablePack:
    """A pack and its contributions.

    Args:
        pack: The pack.
        contributions: Its contributions as plain data, by kind.
        manifest: The path of its manifest, empty if none counts.
    """

    def __init__(
        self, pack: Pack, contributions: Mapping[str, Sequence[Mapping[str, Any]]], manifest: str = ""
    ) -> None:
        self.pack = pack
        self._contributions = contributions
        self._manifest = manifest
        self._entries: dict[str, tuple[Contribution, ...]] = {}
        self._manifest_nodes: Mapping[str, Mapping[str, Any]] | None = None

    @classmethod
    def from_record(cls, record: PackRecord, *, disabled: bool) -> AvailablePack:
        """Make one from what discovery found."""
        pack = Pack(
            id=record.id,
            distribution=record.distribution,
            version=record.version,
            module=record.module,
            location=record.location,
            editable=record.editable,
            requires_flowra=record.requires_flowra,
            status="disabled" if disabled else _STATUS[record.state],
            problem=None if disabled else record.problem,
            python=record.python,
        )
        return cls(pack, {} if disabled else record.contributions, record.manifest)

    def with_pack(self, pack: Pack) -> AvailablePack:
        """Return the same contributions under another description of the pack."""
        return AvailablePack(pack, self._contributions, self._manifest)

    def claims(self) -> Iterator[tuple[str, str, Pack]]:
        """Yield (kind, name, pack) for every name that no other pack may have: its id first."""
        yield PACK_ID, self.pack.id, self.pack
        for kind, entries in self._contributions.items():
            if field := UNIQUE_FIELDS[kind]:
                for entry in entries:
                    yield kind, claimed_name(kind, entry[field], self.pack.id, entry.get("type")), self.pack

    def names(self, kind: str, field: str) -> list[str]:
        """Return one field of all contributions of a kind."""
        return [entry[field] for entry in self._contributions.get(kind, ())]

    def entries(self, kind: str) -> tuple[Contribution, ...]:
        """Return the contributions of a kind."""
        plain = self._contributions.get(kind, ())
        if not plain:
            return ()
        if kind not in self._entries:
            # Only where there are some: the classes take a while to be made.
            from flowra.plugin.contributions import KINDS

            self._entries[kind] = tuple(KINDS[kind].from_json(entry) for entry in plain)
        return self._entries[kind]

    def node(self, name: str) -> NodeEntry | None:
        """Return the node of a name."""
        from flowra.plugin.contributions import NodeEntry

        found = (entry for entry in self.entries("nodes") if isinstance(entry, NodeEntry) and entry.name == name)
        return next(found, None)

    def manifest_nodes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the descriptions of nodes in the manifest that counts; empty if there is none.

        Raises:
            PluginError: If the manifest can't be read.
        """
        if self._manifest_nodes is None:
            from flowra.plugin.manifest import read_manifest

            self._manifest_nodes = read_manifest(Path(self._manifest)).nodes if self._manifest else {}
        return self._manifest_nodes
