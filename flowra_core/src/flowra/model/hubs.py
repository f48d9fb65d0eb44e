"""Finds hubs by name: their class, address, token and cache folder, as packs and settings say."""

from __future__ import annotations

import os
from dataclasses import dataclass

from flowra.config.secrets import read_secret
from flowra.config.settings import Settings, load_settings
from flowra.exceptions import ModelError
from flowra.model.cache import HubCache
from flowra.model.hub import ModelHub
from flowra.plugin.manager import PluginManager, default_manager
from flowra.plugin.nearest import did_you_mean
from flowra.type.model_reference import DEFAULT_HUB

__all__ = ["Hubs", "OpenHub"]

#: The name under which a mirror's models are kept.
_MIRROR = "mirror"


@dataclass(frozen=True)
class OpenHub:
    """A hub with its cache.

    Attributes:
        name: The name that references have.
        hub: The hub.
        cache: What is noted of its models.
    """

    name: str
    hub: ModelHub
    cache: HubCache


class Hubs:
    """The hubs that there are.

    Args:
        settings: The settings; those of the process if None.
        manager: The packs; those that are installed if None.
    """

    def __init__(self, settings: Settings | None = None, manager: PluginManager | None = None) -> None:
        self._settings = settings
        self._manager = manager
        self._open: dict[str, OpenHub] = {}

    @property
    def settings(self) -> Settings:
        """The settings."""
        if self._settings is None:
            self._settings = load_settings()
        return self._settings

    def names(self) -> list[str]:
        """Return the names of the hubs that packs serve."""
        manager = self._manager if self._manager is not None else default_manager()
        return sorted(entry.name for _, entry in manager.entries("model_hubs"))

    def full_name(self, name: str) -> str:
        """Return a hub's own name for what a reference calls it."""
        return self.settings.model_hub if name == DEFAULT_HUB else name

    def of(self, name: str, model: str = "") -> OpenHub:
        """Return a hub, or the mirror where that has the model.

        Args:
            name: The hub, as references have it.
            model: The model that it is asked for.

        Raises:
            ModelError: No pack serves the hub.
            PluginError: Its pack can't be loaded.
            ConfigError: The secret with its token can't be read.
        """
        full = self.full_name(name)
        if model and (mirror := self.mirror()) is not None and mirror.hub.has(model):  # type: ignore[attr-defined]
            return OpenHub(full, mirror.hub, mirror.cache)
        found = self._open.get(full)
        if found is None:
            found = self._open[full] = self._opened(full, model)
        return found

    def mirror(self) -> OpenHub | None:
        """Return the folder that stands in for hubs; None where the settings name none."""
        folder = self.settings.model_mirror
        if folder is None:
            return None
        found = self._open.get("")
        if found is None:
            from flowra.model.mirror import MirrorHub

            cache = (self.settings.model_dir or self.settings.cache_dir / "models") / _MIRROR
            hub = MirrorHub(endpoint=str(folder), token=None, cache=cache)
            found = self._open[""] = OpenHub(_MIRROR, hub, HubCache(_MIRROR, cache))
        return found

    def every(self) -> list[OpenHub]:
        """Return every hub whose pack can be loaded, and the mirror."""
        mirror = self.mirror()
        return [*(self.of(name) for name in self.names()), *([mirror] if mirror is not None else [])]

    def _opened(self, name: str, model: str) -> OpenHub:
        hub_class = self._class_of(name, model)
        folder = self.settings.model_dir
        cache = (folder / name if folder is not None else hub_class.own_cache()).expanduser().absolute()
        hub = hub_class(endpoint=self.settings.hub_endpoints.get(name, ""), token=_token(hub_class), cache=cache)
        return OpenHub(name, hub, HubCache(name, cache))

    def _class_of(self, name: str, model: str) -> type[ModelHub]:
        manager = self._manager if self._manager is not None else default_manager()
        entries = manager.entries("model_hubs")
        for pack, entry in entries:
            if entry.name == name:
                loaded = manager.load(entry.target, pack)
                if isinstance(loaded, type) and issubclass(loaded, ModelHub):
                    return loaded
                raise ModelError(
                    f"{entry.target} is no model hub",
                    where=f"pack {pack.id}",
                    why=f"expected a subclass of flowra.model.ModelHub, got {loaded!r}",
                    fix="correct the pack's flowra_model_hubs hook",
                )
        known = [entry.name for _, entry in entries]
        raise ModelError(
            f"no pack serves the model hub {name}{did_you_mean(name, known)}",
            where=f"{name}://{model}" if model else None,
            why=f"the hubs there are: {', '.join(sorted(known))}" if known else "no pack for a model hub is installed",
            fix=f"pip install flowra-{name}",
        )


def _token(hub_class: type[ModelHub]) -> str | None:
    for variable in hub_class.token_variables:
        if found := os.environ.get(variable):
            return found
    if hub_class.token_secret and (found := read_secret(hub_class.token_secret)):
        return found
    return hub_class.own_token()
