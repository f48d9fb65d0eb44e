"""Plugins: hooks that packs answer, discovery of packs, and their manifests.

What a pack's entry-point module needs is here: `hookimpl` and the entries. The manager of the installed packs comes
from `default_manager`. Everything loads when it is first used: a start that only lists packs needs no pluggy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from flowra.plugin.manager import PluginManager, default_manager, use_manager
    from flowra.plugin.markers import hookimpl, hookspec
    from flowra.plugin.packs import Pack, PackProblem

__all__ = [
    "CommandEntry",
    "ComponentTypeEntry",
    "ExecutorEntry",
    "Migration",
    "ModelHubEntry",
    "NodeEntry",
    "ObserverEntry",
    "Pack",
    "PackProblem",
    "PluginManager",
    "StorageEntry",
    "TemplateEntry",
    "ValueTypeEntry",
    "default_manager",
    "hookimpl",
    "hookspec",
    "use_manager",
]

_HOMES = {
    **dict.fromkeys(["PluginManager", "default_manager", "use_manager"], "flowra.plugin.manager"),
    **dict.fromkeys(["hookimpl", "hookspec"], "flowra.plugin.markers"),
    **dict.fromkeys(["Pack", "PackProblem"], "flowra.plugin.packs"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "flowra.plugin.contributions")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
