"""The suites that every object store, and every store over one, is held to; on the double of OSS."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.oss_server import ROOT_KEY, oss_process

from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import RemoteOptions
from flowra.testing import ObjectStoreSuite, StoreSuite
from flowra_oss.objects import OssObjects


@pytest.fixture(scope="module")
def server():
    """The double in a process of its own, since the suite measures memory in this one."""
    with oss_process("shared") as url:
        yield url


class _InABucket:
    @pytest.fixture(autouse=True)
    def use(self, server, monkeypatch):
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", ROOT_KEY.id)
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", ROOT_KEY.secret)
        self.server, self.patch = server, monkeypatch

    def objects_in(self, folder: Path, server: str = "") -> OssObjects:
        # A folder in the bucket for each test.
        return OssObjects(f"oss://shared/{folder.name}?region=cn-test&endpoint={server or self.server}")


class TestOssObjects(_InABucket, ObjectStoreSuite):
    secrets = (ROOT_KEY.id, ROOT_KEY.secret, "wrong-secret")

    def open(self, folder):
        return self.objects_in(folder)

    def open_denied(self, folder):
        self.patch.setenv("OSS_ACCESS_KEY_SECRET", "wrong-secret")
        return self.objects_in(folder)

    def open_unreachable(self, folder):
        return self.objects_in(folder, "http://127.0.0.1:9")


class TestStoreInABucket(_InABucket, StoreSuite):
    def open(self, folder):
        return open_remote(self.objects_in(folder), RemoteOptions(heartbeat=0.5))

    def damage(self, store, ref):
        with self.objects_in(Path(store.objects.location.partition("?")[0])) as objects:
            [name] = [found.name for found in objects.list() if ref.digest.hex() in found.name.replace("/", "")]
            content = bytearray(objects.get(name))
            content[len(content) // 2] ^= 1
            objects.put(name, [bytes(content)])
