"""`flowra cache --remote`: the store that machines share, and not the one on this machine before it."""

from pathlib import Path

import pytest
from fixtures.cli_pack import CommandLine

from flowra.storage.codec.encoded import Encoded
from flowra.storage.record import Record
from flowra.storage.refs import InlineRef
from flowra.storage.remote.opening import open_remote
from flowra.storage.remote.shared_folder import SharedFolder


@pytest.fixture
def flowra(tmp_path):
    return CommandLine(tmp_path)


def test_what_is_shared_is_looked_after_with_remote(flowra, tmp_path):
    team = tmp_path / "team"
    team.mkdir()
    with open_remote(SharedFolder(team)) as store:
        store.put(Encoded("bytes", (bytes(10_000),)))
    [value] = team.rglob("*.bytes")
    value.write_bytes(b"?" * 10_000)
    address = f"shared://{team}"
    assert "values      0 in files" in flowra.run("cache", "stats", "--store", address).stdout
    done = flowra.run("cache", "verify", "--remote", "--store", address)
    assert done.returncode == 1
    assert f"damaged: {value.relative_to(team)} (removed)" in done.stdout
    assert not value.exists()


def test_what_others_have_written_does_nothing_to_the_terminal(flowra, tmp_path):
    team = tmp_path / "team"
    team.mkdir()
    with open_remote(SharedFolder(team)) as store:
        store.publish(Record(bytes(32), "evil/\a\x9b2J\nNode", {"out": InlineRef("json", b"1")}))
    done = flowra.run("store", "ls", "--store", f"shared://{team}")
    assert done.stdout.splitlines()[1].startswith(r"000000000000  evil/\x07\x9b2J\nNode")


def test_there_may_be_nothing_to_send(flowra, tmp_path):
    team = tmp_path / "team"
    team.mkdir()
    done = flowra.run("store", "push", "--store", f"shared://{team}")
    assert done.returncode == 0
    assert done.stdout.startswith("nothing to send")


def test_a_misspelled_option_of_a_shared_folder_is_named(flowra, tmp_path):
    done = flowra.run("store", "ls", "--store", f"shared://{tmp_path}?namespce=x")
    assert "have no option 'namespce'" in done.stderr


def test_a_key_in_an_address_that_no_pack_serves_is_not_repeated(flowra):
    done = flowra.run("store", "ls", "--store", "nowhere://KEY:hush@bucket/team?secret=hush")
    assert "nowhere://bucket/team" in done.stderr
    assert "hush" not in done.stderr


def test_a_store_that_is_not_shared_has_no_remote_part(flowra):
    done = flowra.run("cache", "gc", "--remote", "--max-size", "1GB", "--store", str(Path("here")))
    assert done.returncode == 2
    assert "this store is on this machine alone" in done.stderr
