"""From a service that keeps objects to a store over it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from flowra.exceptions import StoreError, printable
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.options import RemoteOptions, without_secrets
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.storage.remote.signing import RecordKeys
from flowra.storage.remote.store import RemoteStore

__all__ = ["open_remote", "open_shared_folder"]


def open_remote(
    objects: ObjectStore, options: RemoteOptions | None = None, keys: RecordKeys | None = None
) -> RemoteStore:
    """Open the store over a service.

    Nothing is sent until the store is used.

    Args:
        objects: The service; it is closed with the store.
        options: What the address says to the core, as `split_address` gives it; the usual ones if None.
        keys: Who signs, and who is trusted; those of the settings if None.

    Raises:
        UsageError: A key in the settings is none, or can't be read.
    """
    return RemoteStore(objects, options or RemoteOptions(), keys if keys is not None else RecordKeys.from_settings())


def open_shared_folder(address: str) -> SharedFolder:
    """Return the objects in the folder of an address, `shared:///mnt/team/flowra`.

    Raises:
        StoreError: It is no address of a folder.
        StoreDeniedError: The folder is not there, or can't be looked into.
    """
    parts = urlsplit(address)
    if parts.query:
        option = parts.query.partition("=")[0]
        raise StoreError(
            f"addresses with shared:// have no option {printable(option, 40)!r}",
            where=without_secrets(address),
            why="there are local, uploads, namespace, read_only, heartbeat, connections",
        )
    if parts.netloc or not parts.path or parts.fragment:
        raise StoreError(
            f"{address} is no address of a shared folder",
            fix="write three slashes and the whole path: shared:///mnt/team/flowra",
        )
    return SharedFolder(Path(unquote(parts.path)))
