"""Rows 18, 19, 20, 22, 23, 24 and 34 of the faults over a bucket of S3, by flowra-s3 and a real server on loopback.

The rows are in `fixtures.store_faults`. Rows 28 to 30 are in test_s3_faults.py.
"""

from __future__ import annotations

import pytest
from fixtures.s3_server import s3_server
from fixtures.store_access import ObjectAccess
from fixtures.store_faults import StoreFaults

from flowra_s3.objects import BucketObjects


@pytest.fixture(scope="module")
def server():
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server):
    return server.new_bucket()


class TestS3(StoreFaults):
    @pytest.fixture(autouse=True)
    def use(self, server, bucket, monkeypatch):
        self.server, self.bucket = server, bucket
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

    def make_access(self, folder):
        address = f"s3://{self.bucket}/{folder.name}?endpoint={self.server.url}"
        source = f"from flowra_s3.objects import BucketObjects\nBucketObjects({address!r})"
        return ObjectAccess(BucketObjects(address), source, self.server.environment)
