import pytest

from flowra.exceptions import StoreError
from flowra.storage.remote.options import RemoteOptions, split_address, without_secrets


def test_what_is_the_pack_s_own_is_left_in_the_address():
    address = "s3://bucket/team?region=eu-central-1&namespace=lab&endpoint=http%3A%2F%2Flocalhost&read_only=true"
    bare, options = split_address(address)
    assert bare == "s3://bucket/team?region=eu-central-1&endpoint=http%3A%2F%2Flocalhost"
    assert options == RemoteOptions(namespace="lab", read_only=True)


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket",
        "s3://bucket?region=x",
        "s3://bucket?namespace=lab",
        "s3://bucket?region=x&namespace=a-b_1&read_only=true&heartbeat=0.5&connections=4",
        "shared:///mnt/team",
        "shared:///mnt/team?heartbeat=5",
    ],
)
def test_an_address_says_the_same_after_it_was_taken_apart(address):
    bare, options = split_address(address)
    assert options.on(bare) == address
    assert split_address(options.on(bare)) == (bare, options)


def test_what_is_usual_is_not_written_out():
    assert (
        split_address("s3://b?namespace=default&read_only=false&heartbeat=5&connections=32")[1].on("s3://b") == "s3://b"
    )


def test_folders_are_given_more_time_since_clients_of_nfs_believe_what_they_know():
    assert split_address("shared:///mnt")[1].heartbeat > split_address("s3://b")[1].heartbeat


@pytest.mark.parametrize(
    "option",
    [
        "namespace=",
        "namespace=../x",
        "namespace=A",
        "namespace=a%2Fb",
        "read_only=maybe",
        "read_only",
        "heartbeat=0",
        "heartbeat=nan",
        "heartbeat=301",
        "heartbeat=x",
        "connections=0",
        "connections=1e9",
    ],
)
def test_a_value_that_can_t_be_is_refused_by_name(option):
    name = option.partition("=")[0]
    with pytest.raises(StoreError, match=f"the option {name} of a store's address"):
        split_address(f"s3://user:hush@bucket?{option}")


def test_what_is_refused_is_said_without_the_password():
    with pytest.raises(StoreError) as refusal:
        split_address("s3://user:hush@bucket?heartbeat=x")
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        "s3://user:hush@bucket/team?region=x",
        "s3://user:a/hush@bucket/team",
        "s3://bucket/team?secret=hush",
        "s3://bucket/team#hush",
        "s3://user:a?hush@bucket/team",
    ],
)
def test_an_address_is_shown_without_what_may_be_a_key(address):
    assert without_secrets(address) == "s3://bucket/team"
