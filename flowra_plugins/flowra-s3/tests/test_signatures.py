"""Keys that are wrong, before a server that looks at them: with moto there is nothing to see (`tox run -e ceph`)."""

from __future__ import annotations

import pytest

from flowra.exceptions import StoreDeniedError
from flowra_s3.objects import BucketObjects


@pytest.fixture(autouse=True)
def strict(server):
    if not server.checks:
        pytest.skip("moto takes any keys: tox run -e ceph")


def test_wrong_keys_are_refused_and_named_as_what_is_wrong(server, bucket, keys, monkeypatch):
    for variable in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(variable, "wrong-and-never-shown")
        with BucketObjects(f"s3://{bucket}?endpoint={server.url}") as objects:
            for ask in (lambda: objects.get("a"), lambda: list(objects.list()), lambda: objects.put("a", [b"1"])):
                with pytest.raises(StoreDeniedError, match="give the keys of this service") as caught:
                    ask()
                assert "never-shown" not in str(caught.value)
            with pytest.raises(StoreDeniedError):
                objects.head("a")


def test_without_a_signature_a_private_bucket_is_closed(server, bucket):
    with (
        BucketObjects(f"s3://{bucket}?endpoint={server.url}&anonymous=true") as objects,
        pytest.raises(StoreDeniedError, match="AccessDenied"),
    ):
        objects.get("a")


def test_a_public_object_is_read_without_keys(server, bucket):
    server.client().put_object(Bucket=bucket, Key="a", Body=b"for all", ACL="public-read")
    with BucketObjects(f"s3://{bucket}?endpoint={server.url}&anonymous=true") as objects:
        assert objects.get("a") == b"for all"
