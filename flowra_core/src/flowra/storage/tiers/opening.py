"""From an address to a store of two tiers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import cast

from flowra.config.settings import load_settings
from flowra.storage.address import Durability, default_folder
from flowra.storage.local.store import LocalStore
from flowra.storage.remote.guarded import GuardedObjects
from flowra.storage.remote.objects import ObjectStore
from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import split_address
from flowra.storage.tiers.options import split_tier_options
from flowra.storage.tiers.store import TieredStore
from flowra.storage.tiers.worth import UploadChoice

__all__ = ["open_tiers"]


def open_tiers(address: str, open_objects: Callable[[str], ObjectStore], *, durability: Durability) -> TieredStore:
    """Open a local store, and the one that machines share behind it.

    Args:
        address: The address, with the options of the tiers, of the core and of the service.
        open_objects: Opens the service at an address.
        durability: What a loss of power may take of what is local.

    Raises:
        StoreDeniedError: The service lets us not even read.
        StoreError: It, or the local store, can't be opened.
    """
    address, tiers = split_tier_options(address)
    bare, options = split_address(address)
    choice = tiers.uploads or cast("UploadChoice", load_settings().uploads)
    with ExitStack() as opened:
        objects = GuardedObjects(open_objects(bare))
        opened.callback(objects.close)
        remote = open_remote(objects, options)
        opened.callback(remote.close)
        local = LocalStore(tiers.local or default_folder(), durability=durability)
        opened.callback(local.close)
        # Workers are given the address alone, and may have other settings.
        stated = tiers if choice == "auto" else type(tiers)(tiers.local, choice)
        store = TieredStore(local, remote, choice=choice, breaker=objects.breaker, location=stated.on(remote.location))
        opened.pop_all()
    return store
