"""A store of two tiers does what every store must do, whatever of it goes to the remote tier."""

from __future__ import annotations

from flowra.storage.address import open_store
from flowra.storage.local.store import LocalStore
from flowra.storage.tiers.store import TieredStore
from flowra.testing import StoreSuite


class TestAsOnOneMachine(StoreSuite):
    """Two sessions share the local tier, and nothing is uploaded: what is collected is gone."""

    def open(self, folder):
        return TieredStore(LocalStore(folder / "local"), LocalStore(folder / "remote"), choice="none")

    def damage(self, store, ref):
        [path] = (store.local.path / "blobs").rglob(f"*{ref.digest.hex()[2:]}*")
        path.chmod(0o600)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


class TestWithUploads(TestAsOnOneMachine):
    """Everything goes to the remote tier. What test_tiers.py looks at instead is left out: a damaged value is fetched
    again, and what is collected here is still there."""

    test_a_damaged_value_is_never_returned = None
    test_a_record_whose_value_is_damaged_does_not_count = None
    test_a_check_finds_what_is_damaged = None
    test_what_nobody_uses_is_collected = None

    def open(self, folder):
        return TieredStore(LocalStore(folder / "local"), LocalStore(folder / "remote"), choice="all")


class TestOverObjects(TestWithUploads):
    """The remote tier is a store over objects, as an address gives it."""

    test_clearing_leaves_an_empty_store = None

    def open(self, folder):
        share = folder / "share"
        share.mkdir(exist_ok=True)
        return open_store(f"shared://{share}?heartbeat=0.25&uploads=all&local={folder / 'local'}")
