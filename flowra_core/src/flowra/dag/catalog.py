"""The node types at hand: what each looks like, and its class when it is to run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowra.dag.description import NodeDescription
from flowra.dag.node import Node
from flowra.dag.stand_in import Home, stand_in
from flowra.exceptions import PluginError
from flowra.plugin.contributions import Migration
from flowra.plugin.manager import PluginManager, default_manager
from flowra.type.value.base import short

__all__ = ["NodeCatalog"]


class NodeCatalog:
    """Node types by id, from the installed packs and from classes that a program brings along.

    A description comes from the pack's manifest where there is one, and then costs no import of the pack.

    Args:
        manager: The installed packs; the process's own if None.
        classes: Node classes that no pack contributes: of a notebook, a script, a test.
    """

    def __init__(self, manager: PluginManager | None = None, classes: Iterable[type[Node]] = ()) -> None:
        self.manager = manager if manager is not None else default_manager()
        self._classes: dict[str, type[Node]] = {}
        self._descriptions: dict[str, NodeDescription] = {}
        for node_class in classes:
            self.add(node_class)

    def add(self, node_class: type[Node]) -> None:
        """Make a class known under its own type id; a pack's class of that id is hidden by it."""
        type_id = node_class.type_id()
        self._classes[type_id] = node_class
        self._descriptions[type_id] = replace(node_class.describe(), node_class=node_class)

    def brought(self, node_class: type[Node]) -> NodeDescription:
        """Return what a class looks like that a program brings along; the description leads back to this very class."""
        added = self._descriptions.get(node_class.type_id())
        if added is not None and added.node_class is node_class:
            return added
        return replace(node_class.describe(), node_class=node_class)

    def types(self) -> list[str]:
        """Return every type id, sorted."""
        return sorted({*self.manager.node_types(), *self._classes})

    def describe(self, type_id: str) -> NodeDescription:
        """Return what a node type looks like.

        Raises:
            PluginError: There is no such type, or its pack can't be loaded; the message says what to do.
        """
        known = self._descriptions.get(type_id)
        if known is None:
            known = self._descriptions[type_id] = self._describe(type_id)
        return known

    def node_class(self, type_id: str) -> type[Node]:
        """Return the class of a node type, importing its pack if that has not happened yet.

        For a node of a pack with an environment of its own it is a class that stands for it.

        Raises:
            PluginError: There is no such type, or its pack can't be loaded.
        """
        known = self._classes.get(type_id)
        if known is None:
            known = self._classes[type_id] = self._load(type_id)
        return known

    def class_of(self, description: NodeDescription) -> type[Node]:
        """Return the class that a description is of; raises as `node_class` does."""
        own: type[Node] | None = description.node_class
        return own if own is not None else self.node_class(description.type)

    def loaded(self, type_id: str) -> type[Node] | None:
        """Return the class of a node type if it is at hand already: brought along, or imported before."""
        return self._classes.get(type_id)

    def migrations(self, type_id: str) -> list[Migration]:
        """Return the migrations that the type's pack declares for it, oldest first."""
        pack_id, _, name = type_id.partition("/")
        return sorted(
            (
                entry
                for pack, entry in self.manager.entries("migrations")
                if pack.id == pack_id and entry.node in (name, type_id)
            ),
            key=lambda migration: migration.from_version,
        )

    def _describe(self, type_id: str) -> NodeDescription:
        _, entry = self.manager.node(type_id)
        written = self.manager.manifest_node(type_id)
        if written is None:
            return self.node_class(type_id).describe(entry.group)
        try:
            described = NodeDescription.from_json(dict(written))
        except (ValueError, KeyError, TypeError) as error:
            pack, _ = self.manager.node(type_id)
            raise PluginError(
                f"the manifest of {pack} can't be read",
                where=f"node {type_id}",
                why=f"{type(error).__name__}: {error}",
                fix=f"install it again: pip install --force-reinstall {pack.distribution}",
            ) from error
        pack, _ = self.manager.node(type_id)
        if not pack.python:
            return described
        return replace(described, traits=replace(described.traits, isolation="process"))

    def _load(self, type_id: str) -> type[Node]:
        pack, entry = self.manager.node(type_id)
        if pack.python:
            module, _, name = entry.target.partition(":")
            return stand_in(self.describe(type_id), Home(Path(pack.python), module, name, pack.distribution))
        loaded: Any = self.manager.load(entry.target, pack)
        if not (isinstance(loaded, type) and issubclass(loaded, Node)):
            raise PluginError(
                f"node type {type_id} is no Node class",
                where=f"{pack}, {entry.target}",
                why=f"expected a subclass of flowra.dag.node.Node, got {short(loaded)}",
                fix="correct the pack's flowra_nodes hook",
            )
        loaded.__flowra_type__ = type_id
        return loaded
