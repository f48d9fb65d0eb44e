"""The suites that every object store, and every store over one, is held to."""

from __future__ import annotations

import pytest
from fixtures.s3_server import S3Server

from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.options import RemoteOptions
from flowra.storage.remote.signing import RecordKeys
from flowra.testing import ObjectStoreSuite, StoreSuite
from flowra_s3.objects import BucketObjects


@pytest.fixture(scope="module")
def shared_bucket(server: S3Server):
    return server.new_bucket()


class _InABucket:
    @pytest.fixture(autouse=True)
    def use(self, server, shared_bucket, keys):
        self.server, self.bucket = server, shared_bucket

    def objects_of(self, folder, **options):
        # A prefix for each test: a bucket costs more than a name.
        query = "&".join(f"{name}={value}" for name, value in {"endpoint": self.server.url, **options}.items())
        return BucketObjects(f"s3://{self.bucket}/{folder.name}?{query}")


class TestBucketObjects(_InABucket, ObjectStoreSuite):
    secrets = ("testkey", "testsecret-never-shown", "cephkey", "cephsecret-never-shown")

    def open(self, folder):
        return self.objects_of(folder)

    def open_denied(self, folder):
        """With Ceph by keys that it doesn't know; moto knows all keys, and refuses only where there is no bucket."""
        if self.server.checks:
            return self.objects_of(folder, anonymous="true")
        return BucketObjects(f"s3://no-such-bucket/{folder.name}?endpoint={self.server.url}")

    def open_unreachable(self, folder):
        return BucketObjects(f"s3://{self.bucket}/{folder.name}?endpoint=http://127.0.0.1:9")


class TestStoreInABucket(_InABucket, StoreSuite):
    def open(self, folder):
        return open_remote(self.objects_of(folder), RemoteOptions(heartbeat=0.5), RecordKeys())

    def damage(self, store, ref):
        client, name = self.server.client(), None
        prefix = store.objects.address.prefix
        for found in client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]:
            if ref.digest.hex() in found["Key"].replace("/", ""):
                name = found["Key"]
        stored = client.get_object(Bucket=self.bucket, Key=name)
        content = bytearray(stored["Body"].read())
        content[len(content) // 2] ^= 1
        client.put_object(Bucket=self.bucket, Key=name, Body=bytes(content), Metadata=stored["Metadata"])
