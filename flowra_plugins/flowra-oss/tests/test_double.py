"""The double of OSS is as strict as the real service about what Flowra relies on, asked by oss2 itself."""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request

import oss2
import pytest
import requests
from fixtures.oss_server import Key


def _bucket(server, *, version=4, key=None, region=None):
    key = key or server.key
    provider = oss2.credentials.StaticCredentialsProvider(key.id, key.secret, key.token)
    auth = (oss2.ProviderAuthV4 if version == 4 else oss2.ProviderAuth)(provider)
    return oss2.Bucket(auth, server.url, "pictures", region=region or server.region)


@pytest.mark.parametrize("version", [1, 4])
def test_both_signatures_are_computed_again_in_the_header(server, version):
    bucket = _bucket(server, version=version)
    bucket.put_object("a b+c/ü%.json", b"1", headers={"x-oss-meta-z": "1", "Content-Type": "text/plain"})

    assert bucket.get_object("a b+c/ü%.json").read() == b"1"
    assert [found.key for found in bucket.list_objects_v2("a b+").object_list] == ["a b+c/ü%.json"]
    assert [found.key for found in bucket.list_objects("a b+").object_list] == ["a b+c/ü%.json"]
    assert server.requests[0].startswith(f"V{version} PUT")

    wrong = _bucket(server, version=version, key=Key(server.key.id, "another"))
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
        wrong.get_object("a b+c/ü%.json")


@pytest.mark.parametrize("version", [1, 4])
def test_both_signatures_are_computed_again_in_the_address(server, version):
    bucket = _bucket(server, version=version)
    bucket.put_object("a", b"1")
    url = bucket.sign_url("GET", "a", 60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"1"

    for wrong in (url.replace("/a?", "/b?"), url + "&extra=1" * (version == 4) + "&acl" * (version == 1)):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(wrong)
    server.clock = 120
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url)


@pytest.mark.parametrize("version", [1, 4])
def test_a_signature_holds_for_its_own_headers_only(server, version):
    """A request that is caught and changed on the way is refused."""
    bucket = _bucket(server, version=version)
    sent: list[requests.PreparedRequest] = []
    bucket.session.session.hooks["response"].append(lambda response, **_: sent.append(response.request))
    bucket.put_object("a", b"1")
    (request,) = sent
    request.body = b"1"  # oss2's own body can be read once

    with requests.Session() as session:
        session.trust_env = False
        assert session.send(request).status_code == 200
        request.headers["x-oss-forbid-overwrite"] = "true"
        assert session.send(request).status_code == 403


def test_no_signature_is_no_entry(server):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{server.url}/pictures/a")


def test_the_computed_signature_is_the_one_that_alibaba_cloud_documents():
    """The chain of keys of version 4, written out once more: date, region, product, and the word at its end."""
    from fixtures.oss_signatures import Request, check_signature

    key, date, region = Key("id", "secret"), "20260101T000000Z", "cn-hangzhou"
    canonical = f"GET\n/bucket/a\n\nx-oss-date:{date}\n\n\nUNSIGNED-PAYLOAD"
    scope = f"20260101/{region}/oss/aliyun_v4_request"
    text = f"OSS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing = b"aliyun_v4secret"
    for step in ("20260101", region, "oss", "aliyun_v4_request"):
        signing = hmac.new(signing, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    header = f"OSS4-HMAC-SHA256 Credential=id/{scope}, Signature={signature}"
    request = Request.of("GET", "/bucket/a", {"x-oss-date": date, "Authorization": header}, b"")

    assert check_signature(request, {"id": key}, region, 1767225600.0) == (key, "V4")


def test_digests_and_checksums_are_the_services_own(server):
    bucket = _bucket(server)

    assert bucket.put_object("a", b"123456789").crc == 0x995DC9BBDF1939FA  # the check value of CRC-64/XZ
    with pytest.raises(oss2.exceptions.InvalidDigest):
        bucket.put_object("a", b"1", headers={"Content-MD5": oss2.utils.content_md5(b"2")})


def test_a_range_that_can_not_be_is_ignored_unless_strictness_is_asked_for(server):
    bucket = _bucket(server)
    bucket.put_object("a", b"123")

    assert bucket.get_object("a", byte_range=(1, 1)).read() == b"2"
    assert bucket.get_object("a", byte_range=(None, 2)).read() == b"23"
    assert bucket.get_object("a", byte_range=(7, 9)).read() == b"123"
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidRange"):
        bucket.get_object("a", byte_range=(7, 9), headers={"x-oss-range-behavior": "standard"})


def test_overwriting_is_refused_where_it_is_forbidden(server):
    bucket = _bucket(server)
    bucket.put_object("a", b"1")

    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.put_object("a", b"2", headers={"x-oss-forbid-overwrite": "true"})
    assert (caught.value.status, caught.value.code) == (409, "FileAlreadyExists")


def test_parts_are_put_together_in_order_and_only_those_that_came(server):
    bucket = _bucket(server)
    upload = bucket.init_multipart_upload("a").upload_id
    large = bytes(100 << 10)
    parts = [
        oss2.models.PartInfo(number, bucket.upload_part("a", upload, number, content).etag)
        for number, content in ((2, b"end"), (1, large))
    ]

    assert [found.upload_id for found in bucket.list_multipart_uploads().upload_list] == [upload]
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidPart"):
        bucket.complete_multipart_upload("a", upload, [parts[1], oss2.models.PartInfo(2, "0" * 32)])
    bucket.complete_multipart_upload("a", upload, parts)
    assert bucket.get_object("a").read() == large + b"end"
    assert bucket.head_object("a").object_type == "Multipart"
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.abort_multipart_upload("a", upload)
