from __future__ import annotations

import pytest
from fixtures.watched_objects import WatchedObjects

from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import RemoteOptions
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.storage.remote.signing import RecordKeys


class Stores:
    """Opens sessions on one store; they are closed when the test ends."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.opened = []

    def __call__(self, *, keys=None, heartbeat=0.25, **options):
        objects = WatchedObjects(SharedFolder(self.folder))
        store = open_remote(objects, RemoteOptions(heartbeat=heartbeat, **options), keys or RecordKeys())
        self.opened.append(store)
        return store


@pytest.fixture
def stores(tmp_path):
    stores = Stores(tmp_path / "shared")
    yield stores
    for store in reversed(stores.opened):
        store.close()
