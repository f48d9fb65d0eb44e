"""From an address to a store: a folder, `file:///…`, `shared:///…`, or a scheme that a pack serves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from flowra.exceptions import StoreError
from flowra.storage.store import Store

__all__ = ["Durability", "open_store"]

Durability = Literal["off", "batched", "on"]
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def open_store(address: str | Path | None = None, *, durability: Durability = "off") -> Store:
    """Open a store, making it if it is not there.

    Args:
        address: A folder, as a path or as `file:///…`; a folder on a disk that machines share, as `shared:///…`; or an
            address with a scheme that an installed pack serves (`s3://…`). None for the folder `store` in the user's
            cache folder. `shared:` and services that keep objects take the options of
            `flowra.storage.remote.options`.
        durability: What a loss of power may take (a crash of the process takes nothing, in any mode). `off`: what the
            system had not written yet; damaged values are found on reading and computed again. `batched`: what came
            after the last `flush()`. `on`: nothing that was put or published; about 3 ms for each value.

    Raises:
        StoreError: It can't be opened, or no pack serves the scheme.
        PluginError: The pack that serves the scheme can't be loaded.
    """
    if address is None:
        from flowra.config.settings import load_settings

        return _open_folder(load_settings().cache_dir / "store", durability)
    if isinstance(address, Path):
        return _open_folder(address, durability)
    scheme = _SCHEME.match(address)
    if scheme is None:
        return _open_folder(Path(address).expanduser(), durability)
    if scheme[1] == "file":
        return _open_folder(_file_path(address), durability)
    if scheme[1] == "shared":
        return _open_shared(address)
    return _open_with_pack(scheme[1], address, durability)


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


def _open_shared(address: str) -> Store:
    from flowra.storage.remote.opening import open_remote, open_shared_folder
    from flowra.storage.remote.options import split_address

    bare, options = split_address(address)
    return open_remote(open_shared_folder(bare), options)


def _open_with_pack(scheme: str, address: str, durability: Durability) -> Store:
    from flowra.plugin.manager import default_manager

    manager = default_manager()
    backends = manager.entries("storage_backends")
    for pack, entry in backends:
        if entry.scheme == scheme:
            return _opened_by(manager.load(entry.target, pack), entry.target, pack.id, address, durability)
    known = ", ".join(sorted({"file", "shared", *(entry.scheme for _, entry in backends)}))
    raise StoreError(
        f"no store for addresses that begin with {scheme}://",
        where=address,
        why=f"the schemes there are: {known}",
        fix=f"install the pack that serves {scheme}://, or use a folder",
    )


def _opened_by(backend: Any, target: str, pack: str, address: str, durability: Durability) -> Store:
    """Return the store that a pack's backend gives: one of its own, or one over the objects that it keeps."""
    from flowra.storage.remote.objects import ObjectStore
    from flowra.storage.remote.opening import open_remote
    from flowra.storage.remote.options import split_address

    # A store of the pack's own reads its address itself.
    is_store = isinstance(backend, type) and issubclass(backend, Store)
    bare, options = (address, None) if is_store else split_address(address)
    opened = backend(bare, durability=durability)
    if isinstance(opened, ObjectStore):
        return open_remote(opened, options)
    if isinstance(opened, Store):
        return opened
    raise StoreError(
        f"{target} is no store",
        where=f"pack {pack}",
        why="expected a flowra.storage.store.Store or a flowra.storage.remote.objects.ObjectStore, got "
        f"{type(opened).__name__}",
        fix="correct the pack's flowra_storage_backends hook",
    )
