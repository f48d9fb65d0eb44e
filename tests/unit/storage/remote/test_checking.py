"""What a service lets us do is found out, one thing after the other. The objects are a real folder; that it refuses, or
does what it should not, is made up."""

from __future__ import annotations

import pytest
from fixtures.faulty_stores import DENIED, UNAVAILABLE, FaultyObjects

from flowra.storage.remote.checking import check_objects
from flowra.storage.remote.shared_folder import SharedFolder

EVERYTHING = ("list", "get", "put", "conditional put", "ranges", "latency", "throughput", "delete")


@pytest.fixture
def objects(tmp_path):
    return FaultyObjects(SharedFolder(tmp_path))


def states(objects):
    return {found.what: found.state for found in check_objects(objects)}


def refuse(objects, *names, error=DENIED):
    def before(name):
        if name in names:
            raise error

    objects.before = before


def test_a_service_that_works_is_left_as_it_was(objects):
    assert states(objects) == dict.fromkeys(EVERYTHING, "works")
    assert list(objects.list()) == []


def test_a_store_that_is_read_only_is_found_to_be(objects):
    refuse(objects, "put", "delete")
    found = states(objects)
    assert found.pop("list") == found.pop("get") == "works"
    assert found.pop("put") == "denied"
    assert set(found.values()) == {"not tried"}


@pytest.mark.parametrize("what", ["list", "get", "delete"])
def test_a_right_that_is_missing_is_named_with_what_to_do(objects, what):
    refuse(objects, what)
    found = {each.what: each for each in check_objects(objects)}
    assert found[what].state == "denied"
    assert "403" in found[what].detail
    assert "the right to" in found[what].mend


def test_a_service_that_does_not_answer_fails(objects):
    refuse(objects, "put", error=UNAVAILABLE)
    found = {each.what: each for each in check_objects(objects)}
    assert found["put"].state == "fails"
    assert "connection refused" in found["put"].detail


def test_a_service_that_writes_over_what_is_there_is_found_to(objects):
    whole = objects.objects.put

    def put(name, parts, *, if_absent=False):
        return whole(name, parts)

    objects.objects.put = put
    assert states(objects)["conditional put"] == "fails"


def test_one_that_does_without_exclusive_writing_says_so_and_is_fine(objects):
    objects.conditional_put = False
    assert states(objects)["conditional put"] == "limited"


def test_a_service_that_ignores_ranges_is_found_to(objects):
    whole = objects.objects.get

    def get(name, *, start=0, length=None):
        return whole(name)

    objects.objects.get = get
    assert states(objects)["ranges"] == "fails"
