from __future__ import annotations

import pytest

from flowra.exceptions import StoreError
from flowra_s3.address import BucketAddress, parse_address
from flowra_s3.service import place_of


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


@pytest.fixture
def profiles(clean_environment):
    folder = clean_environment / ".aws"
    folder.mkdir()
    (folder / "config").write_text("[default]\n[profile a]\n[profile b]\n")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://bucket/p", "s3://bucket/p/?path_style=false&conditional_put=false&region=us-east-1&profile=default"),
        ("s3://bucket?endpoint=http://minio:9000", "s3://bucket?region=eu-west-1&endpoint=http://minio:9000/"),
        ("gs://bucket/p", "gs://bucket/p/?secret=cloud"),
        ("az://box?account=name", "az://box/?account=name&secret=cloud"),
    ],
)
def test_addresses_that_mean_one_place_name_it(profiles, one, other):
    assert place_of(parse_address(one)) == place_of(parse_address(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://bucket/p", "s3://bucket/q"),
        ("s3://bucket", "s3://bucket?endpoint=http://minio:9000"),
        ("s3://bucket?endpoint=http://minio:9000", "s3://bucket?endpoint=http://minio:9001"),
        # In Ceph two tenants have buckets of one name, and who asks decides which is meant.
        ("s3://bucket?endpoint=http://ceph&profile=a", "s3://bucket?endpoint=http://ceph&profile=b"),
        ("s3://bucket?region=cn-north-1", "s3://bucket?region=us-east-1"),
        ("az://box?account=name", "az://box?account=another"),
    ],
)
def test_addresses_that_may_mean_two_places_name_two(profiles, one, other):
    assert place_of(parse_address(one)) != place_of(parse_address(other))


def test_what_the_environment_adds_is_part_of_the_place(monkeypatch):
    bare = place_of(parse_address("s3://bucket"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000/")
    assert place_of(parse_address("s3://bucket")) == place_of(parse_address("s3://bucket?endpoint=http://minio:9000"))
    assert place_of(parse_address("s3://bucket")) != bare


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
