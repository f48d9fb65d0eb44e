"""What may fail is tried again, within a time limit. The faults are made up: no service fails at one certain call."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fixtures.faulty_stores import DENIED, UNAVAILABLE, FaultyObjects, MemoryObjects

from flowra.exceptions import StoreDeniedError, StoreUnavailableError
from flowra.storage.remote import guarded
from flowra.storage.remote.breaker import CircuitOpenError
from flowra.storage.remote.guarded import GuardedObjects


@pytest.fixture
def objects():
    return FaultyObjects(MemoryObjects())


@pytest.fixture
def store(objects, monkeypatch):
    monkeypatch.setattr(guarded, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(guarded, "_ANSWER_TIME", 0.1)
    monkeypatch.setattr(guarded, "_SIGN_OF_LIFE_TIME", 0.05)
    return GuardedObjects(objects, patience=0.3, pause=0.05)


def failing(times, error=UNAVAILABLE):
    """Return what fails so many times."""
    counted = itertools.count()

    def fail(_):
        if next(counted) < times:
            raise error

    return fail


def wait_until(true):
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.mark.parametrize(
    "operation",
    [
        lambda store: store.put("a", [b"1"]),
        lambda store: store.get("a"),
        lambda store: store.head("a"),
        lambda store: store.delete(["a"]),
        lambda store: list(store.list()),
        lambda store: store.get_many(["a"], ThreadPoolExecutor(1), length=9),
    ],
    ids=["put", "get", "head", "delete", "list", "get_many"],
)
def test_what_fails_for_a_moment_is_tried_again(store, objects, operation):
    expected = operation(GuardedObjects(objects))
    objects.before = failing(guarded.ATTEMPTS - 1)
    assert operation(store) == expected
    assert not store.breaker.is_open


def test_files_are_tried_again_too(store, objects, tmp_path):
    (tmp_path / "source").write_bytes(b"content")
    objects.before = failing(2)
    store.upload("a", tmp_path / "source")
    objects.before = failing(2)
    assert store.download("a", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"content"
    assert not store.download("b", tmp_path / "target")


def test_of_many_that_are_asked_for_some_may_fail_each_time(store, objects):
    names = [f"record/{number}" for number in range(100)]
    for name in names:
        store.put(name, [name.encode()])
    counted = itertools.count(1)

    def fail(_):
        if next(counted) % 10 == 0:
            raise UNAVAILABLE

    objects.before = fail
    with ThreadPoolExecutor(4) as pool:
        assert store.get_many(names, pool, length=99) == {name: name.encode() for name in names}
    assert not store.breaker.is_open


def test_what_is_refused_is_not_tried_again(store, objects):
    objects.before = failing(1, DENIED)
    with pytest.raises(StoreDeniedError):
        store.get("a")
    assert objects.calls["get"] == 1
    assert not store.breaker.is_open


def test_a_service_that_does_not_answer_is_asked_no_more(store, objects):
    objects.before = failing(10**9)
    with pytest.raises(StoreUnavailableError):
        store.get("a")
    calls = objects.calls.total()
    assert calls == guarded.ATTEMPTS
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(CircuitOpenError, match="connection refused"):
            store.get("a")
    assert time.monotonic() - began < 5
    assert objects.calls["get"] == calls


def test_a_service_that_answers_again_is_found_to(store, objects):
    objects.before = failing(10**9)
    with pytest.raises(StoreUnavailableError):
        store.get("a")
    objects.before = lambda _: None

    def answers():
        try:
            return store.put("a", [b"1"])
        except CircuitOpenError:
            return False

    wait_until(answers)
    assert store.get("a") == b"1"


def test_a_service_that_answers_others_is_not_left_alone(store, objects):
    def fail(name):
        if name == "get":
            store.breaker.answered()
            raise UNAVAILABLE

    objects.before = fail
    with pytest.raises(StoreUnavailableError):
        store.get("a")
    assert store.put("a", [b"1"])


def test_a_service_that_never_answers_costs_all_callers_together_a_bounded_time(store, objects):
    hanging = threading.Event()
    objects.before = lambda _: hanging.wait()
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for found in [pool.submit(store.get, "a") for _ in range(400)]:
            with pytest.raises(StoreUnavailableError):
                found.result()
    assert time.monotonic() - began < 6
    hanging.set()


def test_many_that_hang_cost_no_more_than_one(store, objects):
    """The pool's threads hang with them: what waited for a free one would wait for as long as they do."""
    released = threading.Event()
    objects.before = lambda _: released.wait(10)
    pool = ThreadPoolExecutor(2)
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        store.get_many([str(number) for number in range(20)], pool, length=9)
    assert time.monotonic() - began < 6
    released.set()
    pool.shutdown()


def test_a_transfer_takes_its_time_while_the_service_answers(store, objects):
    hanging = threading.Event()
    objects.put("a", [b"1"])
    looks = []

    def wait(name):
        if name == "get":
            hanging.wait()
        else:
            looks.append(name)
            if len(looks) == 3:
                hanging.set()

    objects.before = wait
    assert store.get("a") == b"1"
    assert objects.calls["get"] == 1
    assert looks == ["head"] * 3


def test_an_answer_that_was_lost_changes_nothing(store, objects):
    objects.after = failing(1)
    assert store.put("a", [b"1", b"2"], if_absent=True)
    assert objects.calls["put"] == 2
    objects.after = failing(1)
    store.delete(["a"])
    assert store.get("a") is None


def test_what_another_has_written_is_not_taken_for_ours(store, objects):
    objects.put("a", [b"other"])
    objects.before = failing(1)
    assert not store.put("a", [b"ours"], if_absent=True)
    assert store.get("a") == b"other"


def test_a_list_that_breaks_off_is_an_error(store, objects):
    for name in "abc":
        objects.put(name, [b"1"])
    whole = objects.objects.list

    def breaks_off(prefix):
        yield from itertools.islice(whole(prefix), 2)
        raise UNAVAILABLE

    objects.objects.list = breaks_off
    found = []
    with pytest.raises(StoreUnavailableError):
        found.extend(each.name for each in store.list())
    assert len(found) <= 2
