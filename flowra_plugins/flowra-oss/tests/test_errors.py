"""What OSS refuses, and what the error says about it."""

from __future__ import annotations

import pytest
from fixtures.oss_server import Key

from flowra.exceptions import StoreDeniedError, StoreUnavailableError
from flowra_oss.objects import OssObjects


def _refused(call, *words):
    with pytest.raises(StoreDeniedError) as caught:
        call()
    text = str(caught.value)
    assert [word for word in words if word not in text] == []
    assert len(text.splitlines()) <= 15
    return text


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_wrong_secret_names_key_and_region(server, objects, method):
    """Also where only the head of an answer comes, which has no document."""
    server.keys[server.key.id] = Key(server.key.id, "another")

    _refused(lambda: getattr(objects, method)("a"), "SignatureDoesNotMatch", "check the secret of the access key")


def test_an_unknown_key_is_told(server, objects):
    del server.keys[server.key.id]

    _refused(lambda: objects.get("a"), "InvalidAccessKeyId", "check the access key")


def test_temporary_credentials_that_ran_out_are_told(server, address, monkeypatch):
    key = server.add_key(Key("temporary", "secret", token="token", expired=True))
    for name, value in [("KEY_ID", key.id), ("KEY_SECRET", key.secret)]:
        monkeypatch.setenv(f"OSS_ACCESS_{name}", value)
    monkeypatch.setenv("OSS_SESSION_TOKEN", key.token)
    with OssObjects(address()) as objects:
        _refused(lambda: objects.put("a", [b"1"]), "SecurityTokenExpired", "get new ones")


def test_somebody_elses_bucket_is_told_with_the_permissions_needed(server, signed_in, address):
    server.keys[server.key.id] = Key(server.key.id, server.key.secret, buckets=frozenset({"another"}))
    with OssObjects(address()) as objects:
        _refused(lambda: [*objects.list()], "AccessDenied", "oss:ListObjects")
        _refused(lambda: objects.put("a", [b"1"]), "AccessDenied", "oss:PutObject")


def test_who_may_only_read_can_read(server, objects):
    objects.put("a", [b"1"])
    server.keys[server.key.id] = Key(server.key.id, server.key.secret, read_only=True)

    assert objects.get("a") == b"1"
    _refused(lambda: objects.put("a", [b"2"]), "AccessDenied")
    _refused(lambda: objects.delete(["a"]), "AccessDenied")


@pytest.mark.parametrize("method", ["get", "head", "list"])
def test_a_bucket_that_is_not_there_is_no_missing_object(signed_in, address, method):
    with OssObjects(address(bucket="nothing")) as objects:
        _refused(lambda: [*(getattr(objects, method)("a") or ())], "NoSuchBucket", "make the bucket")


def test_a_bucket_of_another_region_is_told_with_its_endpoint(server, signed_in, address):
    server.add_bucket("far-away", endpoint="oss-cn-beijing.aliyuncs.com")
    with OssObjects(address(bucket="far-away")) as objects:
        _refused(lambda: objects.get("a"), "AccessDenied", "write endpoint=oss-cn-beijing.aliyuncs.com")


def test_a_signature_for_another_region_is_told_with_the_right_one(server, signed_in, address):
    with OssObjects(address(region="cn-beijing")) as objects:
        _refused(lambda: objects.get("a"), "region", f"write region={server.region} into the address")


def test_a_clock_that_is_off_is_told(server, objects):
    server.clock = 3600

    _refused(lambda: objects.get("a"), "RequestTimeTooSkewed", "set this machine's clock")


def test_nobody_at_the_address_is_worth_another_attempt(signed_in):
    with (
        OssObjects("oss://pictures?region=cn-test&endpoint=http://127.0.0.1:1") as objects,
        pytest.raises(StoreUnavailableError, match="Connection refused"),
    ):
        objects.get("a")


def test_the_request_is_named_for_those_who_ask_the_service_about_it(server, objects):
    server.clock = 3600

    text = _refused(lambda: objects.get("a"), "request ")

    assert f"{1:024X}" in text
