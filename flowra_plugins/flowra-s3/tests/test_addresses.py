from __future__ import annotations

import pytest

from flowra.exceptions import StoreError
from flowra_s3.address import BucketAddress, parse_address


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket",
        "s3://bucket/some/prefix",
        "s3://bucket?endpoint=http://127.0.0.1:9000&region=eu-west-1&profile=team",
        "s3://bucket/p?path_style=false&anonymous=true&conditional_put=false",
        "gs://bucket/prefix?secret=cloud",
        "az://container/prefix?account=name",
    ],
)
def test_an_address_is_written_as_it_was_read(address):
    assert str(parse_address(address)) == address


def test_slashes_at_the_ends_say_nothing():
    assert parse_address("s3://bucket//a/b//") == BucketAddress("s3", "bucket", "a/b")
    assert parse_address("s3://bucket/?endpoint=https://host/").endpoint == "https://host"
    assert str(parse_address("s3://bucket/?path_style=yes")) == "s3://bucket"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://", "can't be the name of a bucket"),
        ("s3://a b/c", "can't be the name of a bucket"),
        ("s3://bucket:9000/c", "can't be the name of a bucket"),
        ("s3://bucket/../other", "can't be a prefix"),
        ("s3://bucket/%2e%2e/other", "can't be a prefix"),
        ("s3://bucket?path_style=maybe", "path_style is true or false"),
        ("s3://bucket?endpoint=minio:9000", "is no address of a service"),
        ("s3://bucket?endpoint=http://host/?a=b", "is no address of a service"),
        ("gs://bucket?region=eu", "have no option 'region'"),
        ("oss://bucket", "is no address of a bucket"),
    ],
)
def test_what_can_t_be_is_named(address, says):
    with pytest.raises(StoreError, match=says):
        parse_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIAKEY:verysecret@bucket/prefix",
        "s3://AKIAKEY:a/verysecret@bucket/prefix",
        "s3://bucket?secret_access_key=verysecret",
        "s3://bucket?endpoint=http://me:verysecret@host",
        "az://container?account_key=verysecret",
    ],
)
def test_keys_in_an_address_are_refused_and_not_repeated(address):
    with pytest.raises(StoreError) as caught:
        parse_address(address)
    assert "verysecret" not in str(caught.value)
    assert "AKIAKEY" not in str(caught.value)
