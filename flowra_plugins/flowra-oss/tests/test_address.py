from __future__ import annotations

import pytest

from flowra.exceptions import StoreError
from flowra_oss.address import parse_address
from flowra_oss.objects import OssObjects


@pytest.mark.parametrize(
    ("address", "endpoint", "region"),
    [
        ("oss://b-1/x?region=cn-hangzhou", "https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("oss://b-1/x?region=oss-cn-hangzhou", "https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        (
            "oss://b-1?region=ap-southeast-1&internal=true",
            "https://oss-ap-southeast-1-internal.aliyuncs.com",
            "ap-southeast-1",
        ),
        (
            "oss://b-1?endpoint=oss-cn-shanghai-internal.aliyuncs.com",
            "https://oss-cn-shanghai-internal.aliyuncs.com",
            "cn-shanghai",
        ),
        ("oss://b-1?endpoint=http://oss-us-west-1.aliyuncs.com/", "http://oss-us-west-1.aliyuncs.com", "us-west-1"),
        ("oss://b-1?endpoint=data.example.com:8443&region=cn-beijing", "https://data.example.com:8443", "cn-beijing"),
        ("oss://b-1?endpoint=localhost:9000&region=cn-beijing", "http://localhost:9000", "cn-beijing"),
        ("oss://b-1?endpoint=[::1]:9000&region=cn-beijing", "http://[::1]:9000", "cn-beijing"),
        ("oss://b-1", "", ""),
    ],
)
def test_region_and_endpoint_follow_from_each_other(address, endpoint, region):
    parsed = parse_address(address)

    assert (parsed.endpoint, parsed.region) == (endpoint, region)


@pytest.mark.parametrize(
    "address",
    [
        "oss://b-1/x/?region=cn-hangzhou",
        "oss://b-1/x?timeout=3&region=cn-hangzhou&internal=true&profile=team",
        "oss://b-1/x?endpoint=oss-cn-hangzhou-internal.aliyuncs.com",
        "oss://b-1/x?endpoint=http://oss-cn-hangzhou.aliyuncs.com/&role=worker",
    ],
)
def test_addresses_of_one_folder_name_one_place(address):
    assert parse_address(address).place == "oss://b-1/x"


def test_a_bucket_of_another_service_is_another_place(monkeypatch):
    places = {
        parse_address(f"oss://b-1{rest}").place
        for rest in ("?region=cn-hangzhou", "?region=cn-x&endpoint=oss.example.org", "/x?region=cn-hangzhou")
    }
    assert len(places) == 3
    monkeypatch.setenv("OSS_ENDPOINT", "https://oss.example.org/")
    assert parse_address("oss://b-1?region=cn-hangzhou").place in places


def test_the_environment_names_region_and_endpoint_where_the_address_does_not(monkeypatch):
    monkeypatch.setenv("OSS_REGION", "cn-shenzhen")
    assert parse_address("oss://b-1").endpoint == "https://oss-cn-shenzhen.aliyuncs.com"
    assert parse_address("oss://b-1?region=cn-beijing").region == "cn-beijing"

    monkeypatch.setenv("OSS_ENDPOINT", "https://inside.example.com")
    assert parse_address("oss://b-1").endpoint == "https://inside.example.com"


@pytest.mark.parametrize(
    ("endpoint", "in_path"),
    [("127.0.0.1:80", True), ("localhost", True), ("10.1.2.3", True), ("[::1]:1", True), ("oss.example.com", False)],
)
def test_the_bucket_stands_in_the_path_where_it_can_not_stand_in_the_host(endpoint, in_path):
    assert parse_address(f"oss://b-1?region=cn-test&endpoint={endpoint}").path_style is in_path


def test_one_place_has_one_spelling():
    spelled = parse_address("oss://b-1/team/a/?internal=true&region=cn-beijing").location

    assert spelled == "oss://b-1/team/a?region=cn-beijing&internal=true"
    assert parse_address(spelled).location == spelled
    assert parse_address("oss://b-1/").location == "oss://b-1"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("oss://B_1/x?region=cn-test", "names no place in a bucket"),
        ("oss://b1/a b?region=cn-test", "names no place in a bucket"),
        ("oss://b-1/../x?region=cn-test", "names no place in a bucket"),
        ("oss://b-1/a//b?region=cn-test", "names no place in a bucket"),
        ("oss:///x?region=cn-test", "names no place in a bucket"),
        ("oss://b-1?region=north", "'north' is no region"),
        ("oss://b-1?endpoint=http://a/b", "that is no endpoint"),
        ("oss://b-1?endpoint=ftp://a", "that is no endpoint"),
        ("oss://b-1?timeout=soon", "a number of seconds from 0.1 to 600"),
        ("oss://b-1?timeout=0", "a number of seconds from 0.1 to 600"),
        ("oss://b-1?internal=perhaps", "internal is true or false"),
    ],
)
def test_what_is_no_address_is_refused(address, why):
    with pytest.raises(StoreError, match=why):
        parse_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "oss://id:hidden@b-1/x",
        "oss://b-1/x?secret=hidden",
        "oss://b-1/x#hidden",
        "oss://id:a/hidden@b-1/x",
        "oss://b-1/x?region=cn-test&endpoint=https://id:hidden@oss-cn-test.aliyuncs.com",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(address):
    with pytest.raises(StoreError) as caught:
        parse_address(address)

    assert "hidden" not in str(caught.value)
    assert "hidden" not in repr(caught.value.to_json())


def test_a_bucket_needs_a_region(signed_in):
    with pytest.raises(StoreError, match="the region of the bucket is not known"):
        OssObjects("oss://pictures")
