"""The pack in whose source tree a person works: its nodes are meant by their names, and it may not be installed yet."""

from __future__ import annotations

from pathlib import Path

from flowra.dag.catalog import NodeCatalog
from flowra.dag.description import NodeDescription
from flowra.exceptions import PluginError, UsageError
from flowra.pack.project import PackProject

__all__ = ["described", "full_type_id"]


def full_type_id(name: str) -> str:
    """Return the type id of a node: `Emboss` is one of the pack around the current folder."""
    project = None if "/" in name else _pack_here()
    return name if project is None else f"{project.pack}/{name}"


def described(catalog: NodeCatalog, type_id: str) -> NodeDescription:
    """Return the description of a node type.

    Raises:
        PluginError: There is no such node; if its pack is here and just not installed, the mend is to install it.
    """
    try:
        return catalog.describe(type_id)
    except PluginError as error:
        project = _pack_here()
        if project is None or type_id.partition("/")[0] != project.pack:
            raise
        if any(pack.id == project.pack for pack in catalog.manager.packs):
            raise
        raise PluginError(error.what, why=error.why, fix=f"pip install -e {project.root}") from error


def _pack_here() -> PackProject | None:
    try:
        return PackProject.find(Path.cwd())
    except UsageError:
        return None
