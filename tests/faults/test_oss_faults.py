"""Rows 28, 29 and 30 of the faults over OSS: whole runs, with a proxy between them and the service's double.

The rows are in `fixtures.service_faults`; what becomes of single transfers is in flowra-oss's own tests.
"""

from __future__ import annotations

import pytest
from fixtures.fault_proxy import FaultProxy
from fixtures.oss_server import ROOT_KEY, Key, OssServer
from fixtures.service_faults import ServiceFaults

from flowra.exceptions import StoreDeniedError
from flowra.storage.address import open_store


class _EncodedPaths(FaultProxy):
    """A proxy that finds a slash where oss2 has encoded it."""

    def inject(self, fault, *, path="", **options):
        super().inject(fault, path=path.replace("/", "(?:/|%2F)"), **options)


class TestOss(ServiceFaults):
    pack = "oss"

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch):
        monkeypatch.setenv("OSS_ACCESS_KEY_ID", ROOT_KEY.id)
        monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", ROOT_KEY.secret)
        with OssServer() as server:
            server.add_bucket("shared")
            self.double = server
            yield server

    @pytest.fixture
    def proxy(self, server):
        with _EncodedPaths(server.url) as proxy:
            yield proxy

    def server_url(self):
        return self.double.url

    def address(self, url, name):
        return f"oss://shared/{name}?region=cn-test&timeout=2&endpoint={url}"

    @pytest.mark.parametrize(
        ("key", "why"),
        [
            (Key(ROOT_KEY.id, "another"), "SignatureDoesNotMatch"),
            (Key(ROOT_KEY.id, ROOT_KEY.secret, expired=True), "SecurityTokenExpired"),
            (Key(ROOT_KEY.id, ROOT_KEY.secret, buckets=frozenset()), "AccessDenied"),
        ],
        ids=["wrong secret", "expired", "private bucket"],
    )
    def test_who_is_not_let_in_is_told_before_the_run(self, tmp_path, monkeypatch, key, why):
        monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
        self.double.add_key(key)

        with pytest.raises(StoreDeniedError, match=why):
            open_store(self.address(self.double.url, "x"))
