"""The store in a folder keeps every promise of stores."""

from pathlib import Path

from flowra.storage.local.store import LocalStore
from flowra.testing import StoreSuite


class TestFolder(StoreSuite):
    def open(self, folder):
        return LocalStore(folder / "store")

    def damage(self, store, ref):
        path = Path(store._blobs.path(ref))
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
