"""The plugin manager: the packs that are installed, what they contribute, and the way to their code."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, overload

from flowra.exceptions import PluginError
from flowra.plugin.available import AvailablePack
from flowra.plugin.conflicts import UNIQUE_FIELDS, claimed_name
from flowra.plugin.discovery import RESERVED_PACK_IDS, Discovery
from flowra.plugin.environments import is_inside
from flowra.plugin.names import canonical_name
from flowra.plugin.packs import Pack
from flowra.plugin.view import PackView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from flowra.plugin.conflicts import Conflict
    from flowra.plugin.contribution_base import Contribution
    from flowra.plugin.contributions import (
        CommandEntry,
        ComponentTypeEntry,
        ExecutorEntry,
        Migration,
        ModelHubEntry,
        NodeEntry,
        ObserverEntry,
        StorageEntry,
        TemplateEntry,
        ValueTypeEntry,
    )

__all__ = ["PluginManager", "default_manager", "forget_default_manager", "manager_in_context", "use_manager"]


class PluginManager:
    """Packs and their contributions.

    `PluginManager()` has no packs; `PluginManager.discover()` has the installed ones.

    Attributes:
        value_handlers: The handlers of value types that were made so far, by the name of the type.
    """

    def __init__(self) -> None:
        self._discovery: Discovery | None = None
        self._cache_dir: Path | None = None
        self._environments: Path | None = None
        self._disabled: frozenset[str] = frozenset()
        self._registered: list[AvailablePack] = []
        self._view: PackView | None = None
        self.value_handlers: dict[str, Any] = {}

    @classmethod
    def discover(
        cls,
        disabled: Iterable[str] = (),
        *,
        cache_dir: Path | None = None,
        refresh: bool = False,
        environments: Path | None = None,
    ) -> PluginManager:
        """Return a manager of the installed packs. Whatever a pack does, this does not raise.

        Args:
            disabled: Packs to leave out, by pack id or by the name of their distribution.
            cache_dir: The folder that keeps the index of packs between processes; None for no index.
            refresh: Look at every pack again, whatever the index says.
            environments: The folder of packs' own environments; None to look for none. The Python of one of them looks
                for none either way.
        """
        manager = cls()
        manager._disabled = frozenset(map(canonical_name, disabled))
        manager._cache_dir = cache_dir
        if environments is not None and not is_inside(environments):
            manager._environments = environments
        manager._discovery = manager._discover(refresh=refresh)
        return manager

    def refresh(self) -> None:
        """Look at every installed pack again, whatever the index says; registered packs stay."""
        if self._discovery is not None:
            self._discovery = self._discover(refresh=True)
            self._view = None

    def register(self, plugin: object, pack_id: str) -> Pack:
        """Add a pack that is made in this process, as tests do.

        Args:
            plugin: A module, or any object, with functions marked by `hookimpl`.
            pack_id: The pack's id.

        Raises:
            PluginError: If the id or the hooks are not as they have to be.
        """
        from flowra.plugin.contribution_base import NAME_PATTERN
        from flowra.plugin.inspection import ask_hooks

        if not NAME_PATTERN.fullmatch(pack_id) or pack_id in RESERVED_PACK_IDS:
            raise PluginError(f"{pack_id!r} can't be a pack's id")
        try:
            contributions = ask_hooks(plugin, pack_id)
        except PluginError as error:
            raise PluginError(f"pack {pack_id}: {error.what}", why=error.why, fix=error.fix) from error
        module = getattr(plugin, "__name__", type(plugin).__name__)
        pack = Pack(
            id=pack_id,
            distribution="",
            version="",
            module=str(module),
            location=str(getattr(plugin, "__file__", None) or ""),
            editable=False,
            requires_flowra="",
            status="ok",
        )
        plain = {kind: [entry.to_json() for entry in entries] for kind, entries in contributions.items()}
        self._registered.append(AvailablePack(pack, plain))
        self._view = None
        return pack

    @property
    def packs(self) -> tuple[Pack, ...]:
        """Every pack, usable or not, by id."""
        return self._checked_view().packs

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Every name that more than one pack claims."""
        return tuple(self._checked_view().conflicts.values())

    @property
    def unknown_disabled(self) -> tuple[str, ...]:
        """The names that were to be disabled, and that no pack and no distribution of a pack has."""
        known = {canonical_name(name) for pack in self.packs for name in (pack.id, pack.distribution)}
        return tuple(sorted(self._disabled - known))

    if TYPE_CHECKING:

        @overload
        def entries(self, kind: Literal["nodes"]) -> tuple[tuple[Pack, NodeEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["value_types"]) -> tuple[tuple[Pack, ValueTypeEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["component_types"]) -> tuple[tuple[Pack, ComponentTypeEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["storage_backends"]) -> tuple[tuple[Pack, StorageEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["model_hubs"]) -> tuple[tuple[Pack, ModelHubEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["executors"]) -> tuple[tuple[Pack, ExecutorEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["templates"]) -> tuple[tuple[Pack, TemplateEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["commands"]) -> tuple[tuple[Pack, CommandEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["observers"]) -> tuple[tuple[Pack, ObserverEntry], ...]: ...
        @overload
        def entries(self, kind: Literal["migrations"]) -> tuple[tuple[Pack, Migration], ...]: ...
        @overload
        def entries(self, kind: str) -> tuple[tuple[Pack, Contribution], ...]: ...

    def entries(self, kind: str) -> tuple[tuple[Pack, Contribution], ...]:
        """Return the usable contributions of a kind, each with its pack, by pack id.

        Contested names are left out. Commands are answered from the index as it stands, so that the start of a
        command runs no pack's code; for any other kind, packs that were broken are first looked at again.

        Raises:
            KeyError: If there is no such kind.
        """
        unique_field = UNIQUE_FIELDS[kind]
        view = self._current_view() if kind == "commands" else self._checked_view()
        return tuple(
            (available.pack, entry)
            for available in view.usable.values()
            for entry in available.entries(kind)
            if not unique_field or (kind, self._claimed(available.pack, entry, unique_field)) not in view.conflicts
        )

    @staticmethod
    def _claimed(pack: Pack, entry: Contribution, field: str) -> str:
        return claimed_name(entry.kind, getattr(entry, field), pack.id, getattr(entry, "type", None))

    def node_types(self) -> tuple[str, ...]:
        """Return the type ids of all nodes, sorted."""
        usable = self._checked_view().usable.values()
        return tuple(
            sorted(f"{available.pack.id}/{name}" for available in usable for name in available.names("nodes", "name"))
        )

    def node(self, type_id: str) -> tuple[Pack, NodeEntry]:
        """Return the pack and the entry of a node type.

        Raises:
            PluginError: If no usable pack has it; the error says which pack would, or what is nearest.
        """
        pack_id, _, name = type_id.partition("/")
        available = self._checked_view().usable.get(pack_id)
        if available is not None:
            entry = available.node(name)
            if entry is not None:
                return available.pack, entry
        raise self._no_node(type_id)

    def manifest_node(self, type_id: str) -> Mapping[str, Any] | None:
        """Return a node's description from its pack's manifest, None where no manifest counts; nothing is imported.

        Raises:
            PluginError: If no usable pack has the node, or the manifest went bad since it was indexed.
        """
        pack, entry = self.node(type_id)
        return self._checked_view().usable[pack.id].manifest_nodes().get(entry.name)

    def nearest(self, type_id: str) -> str | None:
        """Return the node type most like `type_id`, which may lack the pack's id, or None if none is like it."""
        from flowra.plugin.nearest import nearest_name

        types = self.node_types()
        wanted = type_id.rpartition("/")[2]
        by_name: dict[str, str] = {}
        for each in types:
            by_name.setdefault(each.rpartition("/")[2], each)
        nearest = nearest_name(type_id, types)
        if nearest is None or wanted in by_name:
            name = nearest_name(wanted, by_name)
            nearest = by_name[name] if name else nearest
        return nearest

    def load(self, target: str, pack: Pack | None = None) -> Any:
        """Import what an entry's target names.

        Args:
            target: `"module:Attribute"`.
            pack: The pack that it belongs to, as `entries` and `node` return it; found by the module's top-level
                package if left out.

        Raises:
            PluginError: If the module can't be imported or lacks the attribute; it names the pack.
        """
        from flowra.plugin.loading import load_target

        if pack is None:
            top = target.partition(":")[0].partition(".")[0]
            owners = (each for each in self._current_view().packs if each.module.partition(".")[0] == top)
            pack = next(owners, None)
        return load_target(target, pack)

    def _discover(self, *, refresh: bool) -> Discovery:
        return Discovery(
            lambda record: self._is_disabled(record.id, record.distribution),
            cache_dir=self._cache_dir,
            refresh=refresh,
            environments=self._environments,
        )

    def _is_disabled(self, pack_id: str, distribution: str) -> bool:
        return bool(self._disabled) and not self._disabled.isdisjoint(
            {canonical_name(pack_id), canonical_name(distribution)}
        )

    def _no_node(self, type_id: str) -> PluginError:
        pack_id = type_id.partition("/")[0]
        nearest = self.nearest(type_id)
        fix = f"did you mean {nearest}?" if nearest else "`flowra node list` shows the nodes there are"
        owners = [pack for pack in self.packs if pack.id == pack_id]
        unusable = next((pack for pack in owners if pack.status != "ok"), None)
        if unusable is not None and pack_id not in self._checked_view().usable:
            why = f"{unusable} is {unusable.status}"
            if unusable.problem is not None:
                why, fix = f"{why}: {unusable.problem.what}", unusable.problem.mend
            elif unusable.status == "disabled":
                fix = "take it off packs_disabled and FLOWRA_DISABLE_PACKS"
        elif owners:
            why = f"{owners[0]} has no such node"
        else:
            why = f"no pack {pack_id} is installed" if "/" in type_id else "a node type is written pack/Node"
        return PluginError(f"there is no node type {type_id}", why=why, fix=fix)

    def _checked_view(self) -> PackView:
        if self._discovery is not None and self._discovery.recheck_broken():
            self._view = None
        return self._current_view()

    def _current_view(self) -> PackView:
        if self._view is None:
            self._view = PackView([*self._discovered(), *self._registered])
        return self._view

    def _discovered(self) -> Iterator[AvailablePack]:
        for record in self._discovery.records if self._discovery is not None else ():
            yield AvailablePack.from_record(record, disabled=self._is_disabled(record.id, record.distribution))


_default: PluginManager | None = None
_in_context: ContextVar[PluginManager | None] = ContextVar("flowra_manager", default=None)


def default_manager() -> PluginManager:
    """Return the manager that counts here: that of the session whose run this is a part of, or else the process's.

    On the first call, the installed packs are discovered as the settings say.

    Raises:
        ConfigError: If the settings can't be read.
    """
    if (own := _in_context.get()) is not None:
        return own
    global _default  # noqa: PLW0603 - one per process is the point
    if _default is None:
        from flowra.config.settings import load_settings

        settings = load_settings()
        _default = PluginManager.discover(
            settings.packs_disabled, cache_dir=settings.cache_dir, environments=settings.environments
        )
    return _default


def forget_default_manager() -> None:
    """Have the next call of `default_manager` look for packs again; what has the manager so far keeps it."""
    global _default  # noqa: PLW0603 - as above
    _default = None


@contextmanager
def use_manager(manager: PluginManager) -> Iterator[PluginManager]:
    """Make `manager` this process's manager, in all threads, while the block runs: tests shut real packs out so."""
    global _default  # noqa: PLW0603 - as above
    before, _default = _default, manager
    try:
        with manager_in_context(None):
            yield manager
    finally:
        _default = before


@contextmanager
def manager_in_context(manager: PluginManager | None) -> Iterator[None]:
    """Make `manager` the one that counts for what is run in the block, and only for that; None for the process's.

    What the block starts in other threads has it too if it is started in a copy of the context.
    """
    token = _in_context.set(manager)
    try:
        yield
    finally:
        _in_context.reset(token)
