"""How an edit ends: tried in a copy, then written all at once.

Each edit is worked out in memory, tried in a copy (the pack is imported there, and its manifest made), and then
written: where anything fails, the tree is as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowra.exceptions import UsageError
from flowra.pack.edit.layout import Layout
from flowra.pack.manifest_process import manifest_bytes
from flowra.pack.template.variables import reason_against_identifier
from flowra.plugin.manifest import MANIFEST_NAME

__all__ = ["Edited", "check_class", "check_group", "finish"]


@dataclass(frozen=True)
class Edited:
    """What an edit did.

    Attributes:
        files: Each file that was written, changed or removed, with a word for which.
        notes: What is left to the author.
    """

    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def finish(layout: Layout, notes: Sequence[str] = ()) -> Edited:
    """Try the changes in a copy of the pack, make its manifest there, and write everything.

    Raises:
        PluginError: The pack can't be imported as it would be.
        UsageError: A file can't be written.
    """
    project, changes = layout.project, layout.changes
    manifest = (project.package_dir / MANIFEST_NAME).relative_to(project.root).as_posix()
    with changes.staged(project) as staged:
        changes.write(manifest, manifest_bytes(staged))
    files = []
    for name in changes.names():
        gone, there = changes.contents[name] is None, (project.root / name).exists()
        files.append((name, "removed" if gone else "changed" if there else "new"))
    changes.apply()
    return Edited(tuple(files), tuple(notes))


def check_class(name: str) -> None:
    """Refuse what can't be the name of a node's class."""
    reason = reason_against_identifier(name)
    if reason is None and (not name[:1].isupper() or "_" in name):
        reason = "classes are written like EdgeMap"
    if reason is not None:
        raise UsageError(f"a node can't be called {name!r}", why=reason)


def check_group(group: str) -> None:
    """Refuse what can't be the name of a group, and of its module."""
    reason = reason_against_identifier(group.replace(" ", "_"))
    if reason is not None or group != group.lower():
        raise UsageError(f"a group can't be called {group!r}", why=reason or "groups are in lower case")
