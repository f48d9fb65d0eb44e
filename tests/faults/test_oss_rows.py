"""Rows 18, 19, 20, 22, 23, 24 and 34 of the faults over a bucket of OSS, on its double (no real one can be started).

The rows are in `fixtures.store_faults`. Rows 28 to 30 are in test_oss_faults.py.
"""

from __future__ import annotations

import pytest
from fixtures.oss_server import ROOT_KEY, oss_process
from fixtures.store_access import ObjectAccess
from fixtures.store_faults import StoreFaults

from flowra_oss.objects import OssObjects


@pytest.fixture(scope="module")
def server():
    """The double in a process of its own: those that the rows start and kill share it."""
    with oss_process("shared") as url:
        yield url


class TestOss(StoreFaults):
    @pytest.fixture(autouse=True)
    def use(self, server, monkeypatch):
        self.server = server
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", ROOT_KEY.id)
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", ROOT_KEY.secret)

    def make_access(self, folder):
        address = f"oss://shared/{folder.name}?region=cn-test&endpoint={self.server}"
        environment = {"OSS_ACCESS_KEY_ID": ROOT_KEY.id, "OSS_ACCESS_KEY_SECRET": ROOT_KEY.secret}
        source = f"from flowra_oss.objects import OssObjects\nOssObjects({address!r})"
        return ObjectAccess(OssObjects(address), source, environment)
