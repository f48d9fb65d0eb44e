"""From an address to a store: a folder, `file:///…`, `shared:///…`, or a scheme that a pack serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from flowra.exceptions import StoreError
from flowra.storage.store import Store

if TYPE_CHECKING:
    from flowra.storage.remote.objects import ObjectStore

__all__ = ["Durability", "default_folder", "open_objects", "open_store"]

Durability = Literal["off", "batched", "on"]
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def open_store(address: str | Path | None = None, *, durability: Durability = "off") -> Store:
    """Open a store, making it if it is not there.

    Args:
        address: A folder, as a path or as `file:///…`; a folder on a disk that machines share, as `shared:///…`; or an
            address with a scheme that an installed pack serves (`s3://…`). None for the folder `store` in the user's
            cache folder. Before what machines share there is a local tier (`flowra.storage.tiers`): the folder that
            None names, or the one in the address. Such addresses take the options of `flowra.storage.tiers.options` and
            `flowra.storage.remote.options`.
        durability: What a loss of power may take (a crash of the process takes nothing, in any mode). `off`: what the
            system had not written yet; damaged values are found on reading and computed again. `batched`: what came
            after the last `flush()`. `on`: nothing that was put or published; about 3 ms for each value.

    Raises:
        StoreDeniedError: Its service lets us not even read.
        StoreError: It can't be opened, or no pack serves the scheme.
        PluginError: The pack that serves the scheme can't be loaded.
    """
    if address is None:
        return _open_folder(default_folder(), durability)
    if isinstance(address, Path):
        return _open_folder(address, durability)
    scheme = _SCHEME.match(address)
    if scheme is None:
        return _open_folder(Path(address).expanduser(), durability)
    if scheme[1] == "file":
        return _open_folder(_file_path(address), durability)
    backend = _backend(scheme[1], address)
    if backend.keeps_objects:
        from flowra.storage.tiers.opening import open_tiers

        return open_tiers(address, backend.open, durability=durability)
    return backend.open_store(address, durability)


def default_folder() -> Path:
    """Return the folder that results are kept in unless somebody names another."""
    from flowra.config.settings import load_settings

    return load_settings().cache_dir / "store"


def open_objects(address: str) -> ObjectStore | None:
    """Open the service behind an address as it is: without retries, tiers, values or records.

    Returns:
        The service, at the address without the options that are the core's; None for a folder, and for an address that
        a pack serves with a store of its own.

    Raises:
        StoreError: It can't be opened, or no pack serves the scheme.
        PluginError: The pack that serves the scheme can't be loaded.
    """
    scheme = _SCHEME.match(address)
    if scheme is None or scheme[1] == "file":
        return None
    backend = _backend(scheme[1], address)
    if not backend.keeps_objects:
        return None
    from flowra.storage.remote.options import split_address
    from flowra.storage.tiers.options import split_tier_options

    return backend.open(split_address(split_tier_options(address)[0])[0])


def _open_folder(folder: Path, durability: Durability) -> Store:
    from flowra.storage.local.store import LocalStore

    return LocalStore(folder, durability=durability)


def _file_path(address: str) -> Path:
    parts = urlsplit(address)
    if parts.netloc not in {"", "localhost"} or not parts.path or parts.query or parts.fragment:
        raise StoreError(
            f"{address} is no address of a folder", fix="write three slashes and the whole path: file:///home/me/store"
        )
    return Path(unquote(parts.path))


class _Backend:
    """What serves a scheme.

    Args:
        target: What a pack names: a class of object stores, or what gives a store.
        name: Its name.
        pack: The pack's id.
        keeps_objects: Whether it opens object stores, from an address alone.

    Attributes:
        keeps_objects: Whether it opens object stores.
    """

    def __init__(self, target: Any, name: str, pack: str, *, keeps_objects: bool) -> None:
        self._target = target
        self._name = name
        self._pack = pack
        self.keeps_objects = keeps_objects

    def open(self, address: str) -> ObjectStore:
        """Open the service, where the backend is one that keeps objects."""
        objects: ObjectStore = self._target(address)
        return objects

    def open_store(self, address: str, durability: Durability) -> Store:
        """Open the store, where the backend is one."""
        store = self._target(address, durability=durability)
        if isinstance(store, Store):
            return store
        raise StoreError(
            f"{self._name} is no store",
            where=f"pack {self._pack}",
            why="expected a subclass of flowra.storage.store.Store or of flowra.storage.remote.objects.ObjectStore, "
            f"got {type(store).__name__}",
            fix="correct the pack's flowra_storage_backends hook",
        )


def _backend(scheme: str, address: str) -> _Backend:
    if scheme == "shared":
        from flowra.storage.remote.opening import open_shared_folder

        return _Backend(open_shared_folder, "open_shared_folder", "flowra", keeps_objects=True)
    from flowra.plugin.manager import default_manager

    manager = default_manager()
    backends = manager.entries("storage_backends")
    for pack, entry in backends:
        if entry.scheme == scheme:
            from flowra.storage.remote.objects import ObjectStore

            target = manager.load(entry.target, pack)
            keeps_objects = isinstance(target, type) and issubclass(target, ObjectStore)
            return _Backend(target, entry.target, pack.id, keeps_objects=keeps_objects)
    from flowra.storage.remote.options import without_secrets

    known = ", ".join(sorted({"file", "shared", *(entry.scheme for _, entry in backends)}))
    raise StoreError(
        f"no store for addresses that begin with {scheme}://",
        where=without_secrets(address),
        why=f"the schemes there are: {known}",
        fix=f"install the pack that serves {scheme}://, or use a folder",
    )
