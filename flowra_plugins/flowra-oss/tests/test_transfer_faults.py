"""What networks and services do to transfers, played by a proxy before the double of OSS."""

from __future__ import annotations

import os

import pytest
from fixtures.fault_proxy import (
    FaultProxy,
    answer,
    answer_after,
    changed_download,
    changed_upload,
    hang,
    reset_after,
    reset_before,
    shortened_download,
    truncated_download,
    truncated_upload,
)

from flowra.exceptions import StoreError, StoreUnavailableError
from flowra_oss.objects import OssObjects
from flowra_oss.transfers import PartSizes

_CONTENT = os.urandom(300_000)


@pytest.fixture
def proxy(server):
    with FaultProxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def objects(signed_in, proxy, address):
    parts = PartSizes(part=128 << 10, above=256 << 10)
    with OssObjects(address(proxy.url, more="&timeout=0.5"), part_sizes=parts) as objects:
        yield objects


@pytest.mark.parametrize(
    "fault",
    [answer(500), answer(503), answer(429), reset_before(), reset_after(), hang()],
    ids=["500", "503", "429", "reset", "lost answer", "hang"],
)
@pytest.mark.parametrize("method", ["get", "head", "list", "put", "delete"])
def test_trouble_that_passes_is_worth_another_attempt_and_none_is_made_here(objects, proxy, fault, method):
    arguments = {"put": ("a", [_CONTENT]), "delete": (["a"],), "list": ()}.get(method, ("a",))

    def call():
        result = getattr(objects, method)(*arguments)
        return [*result] if method == "list" else result

    proxy.inject(fault)

    with pytest.raises(StoreUnavailableError):
        call()
    assert proxy.count() == 1
    call()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (truncated_download(100_000), "broke"),
        (shortened_download(100_000), "checksum"),
        (shortened_download(0), "checksum"),
        (changed_download(150_000), "checksum"),
    ],
    ids=["truncated", "shortened", "emptied", "changed"],
)
def test_a_download_that_is_not_what_was_stored_is_refused(objects, proxy, tmp_path, fault, why):
    objects.put("a", [_CONTENT])
    for read in (lambda: objects.get("a"), lambda: objects.download("a", tmp_path / "a")):
        proxy.inject(fault, method="GET")

        with pytest.raises(StoreUnavailableError, match=why):
            read()

        assert read() in {_CONTENT, True}
    assert (tmp_path / "a").read_bytes() == _CONTENT


def test_a_part_of_an_object_that_comes_short_is_refused(objects, proxy):
    objects.put("a", [_CONTENT])
    for fault in (truncated_download(10), shortened_download(10)):
        proxy.inject(fault, method="GET")

        with pytest.raises(StoreUnavailableError):
            objects.get("a", start=1000, length=1000)

    assert objects.get("a", start=1000, length=1000) == _CONTENT[1000:2000]


def test_the_whole_asked_for_as_a_part_is_checked_like_the_whole(objects, proxy):
    objects.put("a", [_CONTENT])
    proxy.inject(changed_download(5), method="GET")

    with pytest.raises(StoreUnavailableError, match="checksum"):
        objects.get("a", length=1 << 20)


@pytest.mark.parametrize("fault", [changed_upload(1000), truncated_upload(1000)], ids=["changed", "truncated"])
def test_an_upload_that_is_not_what_was_sent_is_refused(objects, proxy, fault):
    proxy.inject(fault, method="PUT")

    with pytest.raises(StoreUnavailableError):
        objects.put("a", [_CONTENT])

    assert objects.put("a", [_CONTENT])
    assert objects.get("a") == _CONTENT


@pytest.mark.parametrize(
    ("fault", "method", "path"),
    [
        (answer(503), "PUT", "partNumber=2"),
        (reset_before(), "PUT", "partNumber=3"),
        (changed_upload(7), "PUT", "partNumber=1"),
        (truncated_upload(7), "PUT", "partNumber=1"),
        (answer(503), "POST", "uploadId"),
    ],
    ids=["refused part", "reset part", "changed part", "truncated part", "refused end"],
)
@pytest.mark.parametrize("origin", ["file", "memory"])
def test_an_upload_in_parts_that_fails_leaves_nothing_behind(
    server, objects, proxy, tmp_path, fault, method, path, origin
):
    source = tmp_path / "source"
    source.write_bytes(_CONTENT)

    def send():
        return objects.upload("a", source) if origin == "file" else objects.put("a", [_CONTENT[:7], _CONTENT[7:]])

    proxy.inject(fault, method=method, path=path)

    with pytest.raises(StoreUnavailableError):
        send()

    assert server.uploads == {}
    assert objects.head("a") is None
    send()
    assert objects.get("a") == _CONTENT


def test_an_upload_whose_last_answer_is_lost_is_there_and_can_be_done_again(objects, proxy, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(_CONTENT)
    proxy.inject(reset_after(), method="POST", path="uploadId")

    with pytest.raises(StoreUnavailableError):
        objects.upload("a", source)

    assert objects.get("a") == _CONTENT
    objects.upload("a", source)


def test_after_a_lost_answer_the_object_is_found_to_be_there(objects, proxy):
    proxy.inject(answer_after(503), method="PUT")

    with pytest.raises(StoreUnavailableError):
        objects.put("a", [b"1"], if_absent=True)

    assert objects.put("a", [b"1"], if_absent=True) is False
    assert objects.get("a") == b"1"


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"<ListBucketResult><IsTrunc", b""], ids=["page", "torn", "none"]
)
def test_an_answer_that_is_no_list_is_refused(objects, proxy, body):
    proxy.inject(answer(200, {"Content-Type": "application/xml"}, body), method="GET")

    with pytest.raises(StoreError):
        [*objects.list()]


def test_a_broken_transfer_does_not_spoil_the_next_one(objects, proxy):
    """Its connection is closed, not used again with bytes left in it."""
    objects.put("a", [_CONTENT])
    objects.put("b", [b"b"])
    for _ in range(5):
        proxy.inject(truncated_download(1000), method="GET", path="%2Fa$")
        with pytest.raises(StoreUnavailableError):
            objects.get("a")
        assert objects.get("b") == b"b"
