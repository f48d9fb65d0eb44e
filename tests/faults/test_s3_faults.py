"""Rows 28, 29 and 30 of the faults over S3: whole runs, with a proxy between them and a real server on loopback.

The rows are in `fixtures.service_faults`; what becomes of single transfers is in flowra-s3's own tests.
"""

from __future__ import annotations

import pytest
from fixtures.s3_server import s3_server
from fixtures.service_faults import ServiceFaults


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server):
    return server.new_bucket()


class TestS3(ServiceFaults):
    pack = "s3"

    @pytest.fixture(autouse=True)
    def use(self, server, bucket, monkeypatch):
        self.server, self.bucket = server, bucket
        self.keeps_wrong_bytes = not server.checks
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

    def server_url(self):
        return self.server.url

    def address(self, url, name):
        return f"s3://{self.bucket}/{name}?endpoint={url}"
