"""The store over objects in a shared folder keeps every promise of stores."""

from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import RemoteOptions
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.testing import StoreSuite


def open_on(folder, conditional_put):
    shared = folder / "shared"
    shared.mkdir(exist_ok=True)
    objects = SharedFolder(shared)
    assert objects.conditional_put
    objects.conditional_put = conditional_put
    return open_remote(objects, RemoteOptions(heartbeat=0.3))


def damage(store, ref):
    path = store.objects.path / store._layout.blob(ref)
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


class TestSharedFolder(StoreSuite):
    def open(self, folder):
        return open_on(folder, conditional_put=True)

    def damage(self, store, ref):
        damage(store, ref)


class TestWithoutConditionalPut(StoreSuite):
    """As on a service that can't put an object only if there is none."""

    def open(self, folder):
        return open_on(folder, conditional_put=False)

    def damage(self, store, ref):
        damage(store, ref)
