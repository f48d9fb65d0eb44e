"""Makes a pack's manifest from its code, and tells whether the one that lies there still says the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

from flowra.dag.node import Node
from flowra.exceptions import FlowraError, PluginError
from flowra.pack.project import PackProject
from flowra.plugin.contributions import NodeEntry
from flowra.plugin.inspection import ask_hooks, import_quietly
from flowra.plugin.loading import load_target
from flowra.plugin.manifest import MANIFEST_NAME, manifest_data, read_manifest, write_manifest

__all__ = ["manifest_changes", "manifest_of", "remove_doubtful_byte_code", "sync_manifest"]

#: Byte code that is not this much newer than its source, in seconds, may be that of an earlier state of it.
BYTE_CODE_DOUBT = 2.0


def manifest_of(project: PackProject) -> dict[str, Any]:
    """Import a pack from its source tree and return its manifest.

    Raises:
        PluginError: The pack can't be imported, or a node is no Node class.
        NodeDefinitionError: A node class has mistakes.
    """
    with _importable(project):
        try:
            plugin = import_quietly(project.module)
        except FlowraError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"importing {project.module} failed", where=str(project.root), why=f"{type(error).__name__}: {error}"
            ) from error
        contributions = ask_hooks(plugin, project.pack)
        nodes = {
            entry.name: _described(project, entry)
            for entry in contributions.get("nodes", ())
            if isinstance(entry, NodeEntry)
        }
    entries = [entry for kind in contributions.values() for entry in kind]
    return manifest_data(project.pack, project.package_dir, entries, nodes)


def sync_manifest(project: PackProject) -> tuple[Path, list[str]]:
    """Write a pack's manifest as its code says, if that changed, and return the file and the changes in words."""
    path = project.package_dir / MANIFEST_NAME
    data = manifest_of(project)
    changes = manifest_changes(path, data)
    if changes:
        write_manifest(path, data)
    return path, changes


def manifest_changes(path: Path, data: dict[str, Any]) -> list[str]:
    """Say in words how a manifest differs from what the code says; empty where it doesn't."""
    if not path.is_file():
        return ["there is no manifest yet"]
    try:
        written = read_manifest(path)
    except PluginError as error:
        return [f"the manifest can't be read: {error.why or error.what}"]
    found = []
    nodes: dict[str, Any] = data["nodes"]
    found += [f"node {name} is new" for name in nodes.keys() - written.nodes.keys()]
    found += [f"node {name} is gone" for name in written.nodes.keys() - nodes.keys()]
    found += [
        f"node {name} changed" for name in nodes.keys() & written.nodes.keys() if nodes[name] != written.nodes[name]
    ]
    by_kind = {kind: [entry.to_json() for entry in entries] for kind, entries in written.contributions.items()}
    found += [
        f"contributions of {kind} changed"
        for kind in data["contributions"].keys() | by_kind.keys()
        if data["contributions"].get(kind, []) != by_kind.get(kind, [])
    ]
    if written.sources != data["sources"] and not found:
        found.append("the code changed, the nodes did not")
    return sorted(found)


def _described(project: PackProject, entry: NodeEntry) -> dict[str, Any]:
    loaded = load_target(entry.target, None)
    if not (isinstance(loaded, type) and issubclass(loaded, Node)):
        raise PluginError(f"{entry.target} is no Node class", where=f"node {project.pack}/{entry.name}")
    loaded.__flowra_type__ = f"{project.pack}/{entry.name}"
    return loaded.describe(entry.group).to_json()


@contextmanager
def _importable(project: PackProject) -> Iterator[None]:
    """Put the source tree first on the import path."""
    remove_doubtful_byte_code(project.package_dir)
    sys.path.insert(0, str(project.source))
    try:
        yield
    finally:
        sys.path.remove(str(project.source))


def remove_doubtful_byte_code(package: Path) -> None:
    """Remove the byte code that Python may take for that of a source which was changed right after it was compiled.

    Python compares size and time, to the second: without this, a manifest could hold old nodes beside the digest of
    the new code, and count.
    """
    for source in package.rglob("*.py"):
        compiled = Path(cache_from_source(str(source)))
        with suppress(OSError):
            if compiled.stat().st_mtime - source.stat().st_mtime < BYTE_CODE_DOUBT:
                compiled.unlink()
