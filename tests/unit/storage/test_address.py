import sys
from pathlib import Path
from types import ModuleType

import pytest

from flowra.exceptions import StoreError
from flowra.plugin import StorageEntry, hookimpl
from flowra.plugin.manager import PluginManager, use_manager
from flowra.storage.address import open_store
from flowra.storage.local.store import LocalStore
from flowra.storage.remote.shared_folder import SharedFolder
from flowra.storage.tiers.store import TieredStore


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_is_a_store(tmp_path, form):
    with open_store(form.format(tmp_path / "a store")) as store:
        assert Path(store.location) == tmp_path / "a store"


def test_an_address_is_unquoted(tmp_path):
    with open_store(f"file://{tmp_path}/a%20store") as store:
        assert Path(store.location) == tmp_path / "a store"


def test_the_default_is_in_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path))
    with open_store() as store:
        assert Path(store.location) == tmp_path / "store"


@pytest.mark.parametrize("address", ["file://host/store", "file://", "file:///a?b"])
def test_an_address_of_another_machine_is_refused(address):
    with pytest.raises(StoreError, match="three slashes"):
        open_store(address)


def test_a_scheme_that_nobody_serves_is_refused_with_those_there_are():
    with use_manager(PluginManager()), pytest.raises(StoreError, match="the schemes there are: file"):
        open_store("s3://bucket/store")


class MirrorStore(LocalStore):
    """A backend as a pack gives it."""

    def __init__(self, address, *, durability):
        super().__init__(Path(address.removeprefix("mirror://")), durability=durability)


def no_store(address, *, durability):
    return address


class BucketObjects(SharedFolder):
    """A service that keeps objects, as a pack gives it."""

    def __init__(self, address):
        assert "?" not in address
        super().__init__(Path(address.removeprefix("bucket://")))
        self.location = address


class Plugin:
    """A pack with storage."""

    @hookimpl
    def flowra_storage_backends(self):
        return [
            StorageEntry("mirror", "mirrors:MirrorStore"),
            StorageEntry("wrong", "mirrors:no_store"),
            StorageEntry("bucket", "mirrors:BucketObjects"),
        ]


@pytest.fixture
def manager(monkeypatch):
    module = ModuleType("mirrors")
    module.MirrorStore, module.no_store, module.BucketObjects = MirrorStore, no_store, BucketObjects
    monkeypatch.setitem(sys.modules, "mirrors", module)
    manager = PluginManager()
    manager.register(Plugin(), "mirrors")
    with use_manager(manager):
        yield manager


def test_a_pack_serves_a_scheme(manager, tmp_path):
    with open_store(f"mirror://{tmp_path}/store", durability="on") as store:
        assert isinstance(store, MirrorStore)


def test_a_backend_that_is_no_store_is_refused(manager):
    with pytest.raises(StoreError, match="pack mirrors"):
        open_store("wrong://x")


def test_a_service_that_keeps_objects_becomes_a_store(manager, tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    with open_store(f"bucket://{tmp_path}?namespace=lab&read_only=true") as store:
        assert isinstance(store, TieredStore)
        assert store.location == f"bucket://{tmp_path}?namespace=lab&read_only=true"


def test_a_shared_folder_is_a_store(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "a team").mkdir()
    with open_store(f"shared://{tmp_path}/a%20team?connections=2") as store:
        assert isinstance(store, TieredStore)
        with open_store(store.location) as again:
            assert again.location == store.location == f"shared://{tmp_path}/a%20team?connections=2"


@pytest.mark.parametrize("address", ["shared://host/store", "shared://", "shared:///tmp?unknown=1"])
def test_what_names_no_shared_folder_is_refused(address):
    with pytest.raises(StoreError, match=r"no address of a shared folder|have no option"):
        open_store(address)
