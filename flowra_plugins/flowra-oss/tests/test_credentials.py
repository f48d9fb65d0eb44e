"""Where credentials come from, and that they go nowhere but into signatures."""

from __future__ import annotations

import json
import logging
import pickle  # noqa: TID251  what must not be possible
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fixtures.oss_server import Key

from flowra.config.secrets import keep_secret
from flowra.exceptions import StoreDeniedError, StoreError
from flowra_oss.address import parse_address
from flowra_oss.credentials import find_profile
from flowra_oss.objects import OssObjects


def write_aliyun(home, *profiles, current="default"):
    file = home / ".aliyun" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"current": current, "profiles": profiles}))


def found(more=""):
    return find_profile(parse_address(f"oss://pictures?region=cn-test{more}"))


def test_what_is_meant_for_flowra_alone_counts_before_what_all_tools_share(nobodys_credentials, monkeypatch):
    (nobodys_credentials / ".ossutilconfig").write_text(
        "[Credentials]\nlanguage=EN\naccessKeyID = ossutil-id\naccessKeySecret = ossutil-secret\n"
    )
    assert found().id == "ossutil-id"

    key = {"name": "default", "mode": "AK", "access_key_id": "aliyun-id", "access_key_secret": "aliyun-secret"}
    write_aliyun(nobodys_credentials, {**key, "region_id": "cn-beijing", "sts_token": "left over"})
    assert (found().id, found().secret, found().token, found().region) == (
        "aliyun-id",
        "aliyun-secret",
        "",
        "cn-beijing",
    )

    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "cloud-id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "cloud-secret")
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "cloud-token")
    assert (found().id, found().secret, found().token) == ("cloud-id", "cloud-secret", "cloud-token")

    monkeypatch.setenv("OSS_ACCESS_KEY_ID", "oss-id")
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", "oss-secret")
    assert (found().id, found().token) == ("oss-id", "")

    keep_secret("oss_access_key_id", "flowra-id")
    keep_secret("oss_access_key_secret", "flowra-secret")
    assert (found().id, found().secret) == ("flowra-id", "flowra-secret")

    assert found("&profile=default").id == "aliyun-id"
    assert found("&role=worker").role == "worker"


def test_a_profile_is_the_one_named_in_the_address_or_in_the_environment_or_the_current_one(
    nobodys_credentials, monkeypatch
):
    profiles = [{"name": name, "mode": "AK", "access_key_id": name, "access_key_secret": "s"} for name in "abc"]
    write_aliyun(nobodys_credentials, *profiles, current="a")
    assert found().id == "a"

    monkeypatch.setenv("ALIBABA_CLOUD_PROFILE", "b")
    assert found().id == "b"
    assert found("&profile=c").id == "c"
    with pytest.raises(StoreDeniedError, match=r"no profile 'd'\n.*\n.*the profiles there are: a, b, c"):
        found("&profile=d")


def test_version_2_of_ossutil_keeps_them_elsewhere_in_its_file(nobodys_credentials):
    (nobodys_credentials / ".ossutilconfig").write_text(
        "[default]\naccessKeyID=id\naccessKeySecret=se%cret\nstsToken=token\nregion=cn-beijing\n"
    )

    profile = found()

    assert (profile.id, profile.secret, profile.token, profile.region) == ("id", "se%cret", "token", "cn-beijing")


def test_without_credentials_the_error_says_where_they_may_be():
    with pytest.raises(StoreDeniedError, match="there are no credentials for OSS") as caught:
        found()

    assert "OSS_ACCESS_KEY_ID" in str(caught.value)
    with pytest.raises(StoreDeniedError, match="there is no profile 'x'"):
        found("&profile=x")


def test_half_of_a_key_is_told(monkeypatch):
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", "id")

    with pytest.raises(StoreDeniedError, match="there is OSS_ACCESS_KEY_ID, but no OSS_ACCESS_KEY_SECRET"):
        found()


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ({"mode": "RamRoleArn", "access_key_secret": "hidden"}, "a profile of mode RamRoleArn can't be used"),
        (
            {"mode": "StsToken", "access_key_id": "id", "access_key_secret": "hidden"},
            "the profile holds no credentials",
        ),
        ({"mode": "EcsRamRole"}, "the profile holds no credentials"),
        ({}, "the profile holds no credentials"),
    ],
)
def test_a_profile_that_can_not_be_used_says_why(nobodys_credentials, profile, why):
    write_aliyun(nobodys_credentials, {"name": "default", **profile})

    with pytest.raises(StoreDeniedError, match=why) as caught:
        found()
    assert "hidden" not in repr(caught.value.to_json())


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (".aliyun/config.json", '{"profiles": [{"access_key_secret": "hidden"'),
        (".aliyun/config.json", '["hidden"]'),
        (".ossutilconfig", "accessKeySecret=hidden\n"),
    ],
)
def test_a_file_that_can_not_be_read_is_not_quoted(nobodys_credentials, file, content):
    path = nobodys_credentials / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)

    with pytest.raises(StoreDeniedError, match="the profile can't be read") as caught:
        found()
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


class Metadata:
    """An instance's metadata, on loopback: credentials of the role `worker` that run out after so many seconds."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.lasting = 7200
        self.asked: list[str] = []
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def do_GET(self) -> None:
                metadata.asked.append(self.path)
                known = self.path == "/roles/worker"
                self.send_response(200 if known else 404)
                self.end_headers()
                now = time.time()
                if known:
                    answer = {
                        "Code": "Success",
                        "AccessKeyId": metadata.key.id,
                        "AccessKeySecret": metadata.key.secret,
                        "SecurityToken": metadata.key.token,
                        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + metadata.lasting)),
                        "LastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600)),
                    }
                    self.wfile.write(json.dumps(answer).encode())

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/roles/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def metadata(server):
    metadata = Metadata(server.add_key(Key("role-id", "role-secret", "role-token")))
    yield metadata
    metadata.server.shutdown()
    metadata.server.server_close()


def test_the_role_of_an_instance_is_asked_for_and_renewed_before_it_runs_out(server, address, metadata):
    with OssObjects(address(more="&role=worker"), metadata_address=metadata.url) as objects:
        objects.put("a", [b"1"])
        objects.get("a")
        assert metadata.asked == ["/roles/worker"]

    metadata.lasting = 60
    with OssObjects(address(more="&role=worker"), metadata_address=metadata.url) as objects:
        objects.put("a", [b"1"])
        metadata.key = server.add_key(Key("role-id-2", "role-secret-2", "role-token-2"))
        del server.keys["role-id"]

        assert objects.get("a") == b"1"


def test_a_role_that_the_instance_does_not_have_is_told(address, metadata, caplog):
    with (
        OssObjects(address(more="&role=other"), metadata_address=metadata.url) as objects,
        pytest.raises(StoreDeniedError, match="gives no credentials for the RAM role other"),
    ):
        objects.get("a")


def test_temporary_credentials_are_sent_with_their_token(server, address, monkeypatch):
    key = server.add_key(Key("temporary", "secret", token="token"))
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", key.id)
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", key.secret)
    monkeypatch.setenv("OSS_SESSION_TOKEN", key.token)

    with OssObjects(address()) as objects:
        assert objects.put("a", [b"1"])


# ---- nowhere but into signatures


@pytest.fixture
def very_secret(server, monkeypatch):
    """A temporary key whose three parts are easily found."""
    key = server.add_key(Key("VERY-id", "VERY-secret", token="VERY-token"))
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", key.id)
    monkeypatch.setenv("OSS_ACCESS_KEY_SECRET", key.secret)
    monkeypatch.setenv("OSS_SESSION_TOKEN", key.token)
    return key


def test_no_log_shows_them_at_any_level(very_secret, server, address, caplog):
    caplog.set_level(logging.DEBUG)
    with OssObjects(address()) as objects:
        objects.put("a", [b"1"])
        objects.get("a")
        server.keys["VERY-id"] = Key("VERY-id", "another", token="VERY-token")
        with pytest.raises(StoreDeniedError):
            objects.get("a")

    assert "SignatureDoesNotMatch" in caplog.text  # oss2 does log what was answered
    assert "VERY" not in caplog.text
    signatures = [record.getMessage() for record in caplog.records if "Signature=" in record.getMessage()]
    assert signatures == []


def test_no_error_shows_them_or_holds_one_that_does(very_secret, server, address):
    server.keys["VERY-id"] = Key("VERY-id", "another", token="VERY-token")
    with OssObjects(address()) as objects, pytest.raises(StoreDeniedError, match="SignatureDoesNotMatch") as caught:
        objects.put("a", [b"1"])

    assert "VERY" not in str(caught.value)
    assert "VERY" not in repr(caught.value.to_json())
    assert b"VERY" not in pickle.dumps(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_neither_the_address_nor_the_representation_shows_them(very_secret, address):
    with OssObjects(address()) as objects:
        assert "VERY" not in objects.location + repr(objects) + repr(find_profile(parse_address(address())))
        with pytest.raises(StoreError):
            pickle.dumps(objects)
