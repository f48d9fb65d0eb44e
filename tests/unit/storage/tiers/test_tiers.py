"""A local tier, and a remote one behind it. The remote one is another local store, which can be told to fail."""

from __future__ import annotations

import shutil
import threading
from hashlib import sha256

import pytest
from fixtures.faulty_stores import DENIED, UNAVAILABLE, FaultyStore, Listener

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.address import open_store
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import INLINE_LIMIT, InlineRef
from flowra.storage.remote.store import RemoteStore
from flowra.storage.tiers.store import TieredStore


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size=2 * INLINE_LIMIT):
    return Encoded("bytes", ((b"%08d" % number) * (size // 8),))


def inline(number, text=b"1"):
    return Record(key(number), "t/N", {"out": InlineRef("json", text)})


@pytest.fixture
def remote(tmp_path):
    return FaultyStore(tmp_path / "remote")


@pytest.fixture
def tiers(tmp_path, remote):
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="all") as store:
        yield store
        remote.faults.clear()
        remote.gate.set()


@pytest.fixture
def elsewhere(tmp_path):
    """A machine with nothing on it yet, on the same remote store."""
    with TieredStore(LocalStore(tmp_path / "b"), FaultyStore(tmp_path / "remote"), choice="all") as store:
        yield store


def published(store, number):
    return store.publish(Record(key(number), "t/N", {"out": store.put(blob(number))}, 0.5, b"{}", 1.0))


# ---- what is said


def test_what_each_upload_and_each_question_runs_into_is_said_once(tiers, remote):
    listener = Listener()
    with tiers.heard_by(listener):
        remote.faults = {"put": StoreError("no space", why="\x1b[31mfull"), "get": StoreError("garbled")}
        for number in range(5):
            published(tiers, number)
        tiers.uploads.wait()
        for number in range(5, 10):
            ref = LocalStore(remote.path).put(blob(number))
            assert tiers.get(ref) is None
    assert [level for level, _ in listener.said] == ["warning", "info", "warning"]
    assert "full" in listener.said[0][1]
    assert listener.said[1][1].startswith("5 results (41.0 kB) are not uploaded yet")
    assert "\x1b" not in listener.said[0][1]


def test_results_that_can_not_be_read_here_are_left_for_another_session(tiers, remote, tmp_path, monkeypatch):
    listener = Listener()
    remote.gate.clear()
    with tiers.heard_by(listener):
        for number in range(12):
            published(tiers, number)

        def fail(key):
            raise StoreError("the index is broken")

        monkeypatch.setattr(tiers.local, "lookup", fail)
        remote.gate.set()
        tiers.uploads.wait()
    monkeypatch.undo()
    warnings = [text for level, text in listener.said if level == "warning"]
    assert warnings == ["results are not uploaded: the index is broken"]
    tiers.close()
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(remote.path), choice="all") as store:
        with store.heard_by(Listener()):
            assert not store.uploads.wait()
        assert len(store.remote.store.lookup_many([key(number) for number in range(12)])) == 12


def test_a_refusal_that_is_repeated_does_not_grow(tiers, remote):
    remote.faults["put"] = DENIED
    lengths = set()
    for _ in range(3):
        with pytest.raises(StoreDeniedError) as raised:
            tiers.share(tiers.local.put(blob(1)))
        lengths.add(len(raised.traceback))
    assert len(lengths) <= 2
    assert "403" in str(raised.value)


# ---- reading


def test_what_can_not_be_brought_beforehand_is_no_error_yet(tiers, monkeypatch):
    refs = [published(tiers, number).outputs["out"] for number in range(2)]

    def fail(ref):
        raise StoreError("the disk fails")

    monkeypatch.setattr(tiers.local, "has", fail)
    tiers.prepare(refs)
    with pytest.raises(StoreError, match="the disk fails"):
        tiers.has(refs[0])


def test_what_one_machine_published_another_finds_and_keeps(tiers, elsewhere, remote):
    record = published(tiers, 1)
    assert not tiers.uploads.wait()
    assert elsewhere.lookup(key(1)) == record
    assert bytes(elsewhere.get(record.outputs["out"])) == blob(1).to_bytes()
    assert elsewhere.local.lookup(key(1)) == record
    assert elsewhere.local.get(record.outputs["out"]) is not None


def test_values_that_are_about_to_be_read_are_fetched_side_by_side(tiers, elsewhere, monkeypatch):
    refs = [published(tiers, number).outputs["out"] for number in range(4)]
    tiers.uploads.wait()
    there = elsewhere.remote.store
    get, all_at_once = there.get, threading.Barrier(4)

    def meeting(ref):
        all_at_once.wait(timeout=20)
        return get(ref)

    monkeypatch.setattr(there, "get", meeting)
    # Digests whose first bytes agree modulo 16 share a lock, and would never meet.
    assert len({ref.digest[0] % 16 for ref in refs}) == 4
    elsewhere.prepare(refs)
    assert all(elsewhere.is_near(ref) for ref in refs)
    elsewhere.prepare([*refs, *refs])


def test_a_value_is_fetched_only_when_it_is_asked_for(tiers, elsewhere):
    record = published(tiers, 1)
    tiers.uploads.wait()
    assert elsewhere.lookup_many([key(1)]) == {key(1): record}
    assert elsewhere.has(record.outputs["out"])
    assert elsewhere.remote.store.calls["get"] == elsewhere.remote.store.calls["has"] == 0
    assert elsewhere.local.get(record.outputs["out"]) is None
    assert elsewhere.get(record.outputs["out"]) is not None
    assert elsewhere.get(record.outputs["out"]) is not None
    assert elsewhere.remote.store.calls["get"] == 1


def test_the_remote_store_is_asked_once_for_what_is_not_here(tiers, elsewhere):
    records = {key(number): published(tiers, number) for number in range(5)}
    tiers.uploads.wait()
    here = elsewhere.publish(inline(100))
    elsewhere.uploads.wait()
    remote = elsewhere.remote.store
    remote.calls.clear()
    remote.asked_for.clear()
    found = elsewhere.lookup_many([*records, here.key, key(101)])
    assert found == {**records, here.key: here}
    assert remote.calls["lookup_many"] == 1
    assert remote.asked_for == [*records, key(101)]


def test_a_record_without_its_values_is_asked_for_again_in_the_next_session(tiers, tmp_path):
    record = published(tiers, 1)
    tiers.uploads.wait()
    with TieredStore(LocalStore(tmp_path / "b"), FaultyStore(tmp_path / "remote")) as store:
        store.lookup(key(1))
    with TieredStore(LocalStore(tmp_path / "b"), FaultyStore(tmp_path / "remote")) as store:
        assert store.lookup_many([key(1)]) == {key(1): record}
        assert store.has(record.outputs["out"])
        assert store.remote.store.calls["has"] == 0


def test_threads_fetch_a_value_once(tiers, elsewhere):
    record = published(tiers, 1)
    tiers.uploads.wait()
    threads = [threading.Thread(target=elsewhere.get, args=(record.outputs["out"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert elsewhere.remote.store.calls["get"] == 1


def test_a_value_that_is_damaged_here_is_fetched_again(tiers):
    record = published(tiers, 1)
    tiers.uploads.wait()
    ref = record.outputs["out"]
    [path] = (tiers.local.path / "blobs").rglob(f"*{ref.digest.hex()[2:]}*")
    path.chmod(0o600)
    path.write_bytes(b"x" * ref.size)
    assert bytes(tiers.get(ref)) == blob(1).to_bytes()
    assert bytes(tiers.local.get(ref)) == blob(1).to_bytes()


def test_a_value_that_is_gone_there_goes_there_again_when_it_was_computed_again(tiers, elsewhere, remote):
    record = published(tiers, 1)
    tiers.uploads.wait()
    ref = record.outputs["out"]
    [path] = (remote.path / "blobs").rglob(f"*{ref.digest.hex()[2:]}*")
    path.unlink()
    assert elsewhere.lookup(key(1)) is not None
    assert elsewhere.get(ref) is None
    published(elsewhere, 1)
    elsewhere.uploads.wait()
    assert bytes(remote.get(ref)) == blob(1).to_bytes()


def test_what_is_collected_here_is_still_there(tmp_path, remote):
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="all") as store:
        record = published(store, 1)
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as store:
        assert store.gc(0).blobs == 1
        assert store.lookup(key(1)) == record
        assert store.get(record.outputs["out"]) is not None


# ---- uploading


def test_a_record_is_uploaded_after_its_values(tiers, remote):
    remote.gate.clear()
    record = published(tiers, 1)
    assert remote.calls["publish"] == 0
    assert tiers.uploads.left.results == 1
    assert tiers.uploads.left.bytes == record.outputs["out"].size
    remote.gate.set()
    assert not tiers.uploads.wait()
    assert remote.lookup(key(1)) == record


def test_what_is_quick_to_compute_and_long_to_send_stays(tmp_path, remote):
    with TieredStore(LocalStore(tmp_path / "a"), remote) as store:
        store.uploads.pace.bandwidth = 1000.0
        ref = store.put(blob(1, 100_000))
        quick = store.publish(Record(key(1), "t/N", {"out": ref}, seconds=1.0))
        long = store.publish(Record(key(2), "t/N", {"out": ref}, seconds=1000.0))
        small = store.publish(inline(3))
        store.uploads.wait()
        assert remote.lookup_many([key(1), key(2), key(3)]) == {key(2): long, key(3): small}
        store.offer(quick)
        store.uploads.wait()
        assert remote.lookup(key(1)) == quick


def test_what_is_left_the_next_session_uploads(tmp_path, remote):
    remote.faults["publish"] = UNAVAILABLE
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="all") as store:
        record = published(store, 1)
        assert store.uploads.wait(0.1).results == 1
    later = FaultyStore(tmp_path / "remote")
    with TieredStore(LocalStore(tmp_path / "a"), later) as store:
        assert later.lookup(key(1)) is None
        with store.heard_by(Listener()):
            assert not store.uploads.wait()
        assert later.lookup(key(1)) == record
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as store, store.heard_by(Listener()):
        assert not store.uploads.left


def test_a_session_that_lives_keeps_what_it_is_to_upload(tiers, remote, tmp_path):
    remote.gate.clear()
    published(tiers, 1)
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as other, other.heard_by(Listener()):
        assert not other.uploads.left


def test_what_waits_is_said_and_how_much_is_left(tiers, remote):
    listener = Listener()
    remote.gate.clear()
    record = published(tiers, 1)
    with tiers.heard_by(listener):
        left = tiers.uploads.wait(0.6)
        assert (left.results, left.bytes) == (1, record.outputs["out"].size)
        assert listener.uploads == [(1, left.bytes)] * 2
        assert [text for _, text in listener.said] == [
            "1 result (8.2 kB) is not uploaded yet: the next run goes on, or flowra store push does"
        ]
        remote.gate.set()
        assert not tiers.uploads.wait()


def test_a_result_that_replaces_another_replaces_it_there(tiers, remote):
    tiers.publish(inline(1, b"1"))
    tiers.uploads.wait()
    tiers.publish(inline(1, b"2"), replace=True)
    tiers.uploads.wait()
    assert remote.lookup(key(1)) == tiers.lookup(key(1)) == inline(1, b"2")


def test_of_two_machines_the_first_that_uploads_counts_for_both(tiers, remote, tmp_path):
    remote.gate.clear()
    own = published(tiers, 1)
    first = remote.publish(inline(1))
    assert tiers.lookup(key(1)) == own
    remote.gate.set()
    tiers.uploads.wait()
    assert tiers.lookup(key(1)) == remote.lookup(key(1)) == first
    assert tiers.get(own.outputs["out"]) is not None


def test_what_is_required_is_there_though_it_was_computed_without_a_remote_store(tmp_path, remote):
    with LocalStore(tmp_path / "a") as alone:
        records = {key(number): published(alone, number) for number in range(3)}
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="none") as store:
        assert store.lookup_many(records) == records
        store.uploads.require(records)
        assert remote.lookup_many(records) == records


def test_a_required_result_that_can_not_be_had_is_an_error(tiers):
    with pytest.raises(StoreUnavailableError, match="1 result is not in the store"):
        tiers.uploads.require([key(1)])


def test_what_is_left_is_taken_up_however_the_address_is_spelled(tmp_path, monkeypatch):
    (tmp_path / "team").mkdir()

    def opened(more="", namespace="lab"):
        return open_store(f"shared://{tmp_path}/team{more}&namespace={namespace}&local={tmp_path}/a&uploads=all")

    def refuse(*_, **__):
        raise UNAVAILABLE

    with monkeypatch.context() as away, opened("?heartbeat=7") as store:
        away.setattr(RemoteStore, "publish", refuse)
        record = published(store, 1)
        store.uploads.wait(0.1)
    with opened("/?connections=4", "another") as store, store.heard_by(Listener()):
        assert not store.uploads.left
    with opened("/?connections=4") as store, store.heard_by(Listener()):
        assert not store.uploads.wait()
        assert store.remote.store.lookup(key(1)) == record


# ---- what is not taken


FULL = StoreError("an object can't be written", why="the quota is used up", fix="free some space there")


def test_a_result_that_is_not_taken_is_tried_once_and_said_with_what_to_do(tiers, remote):
    listener = Listener()
    remote.faults["put"] = FULL
    with tiers.heard_by(listener):
        published(tiers, 1)
        left = tiers.uploads.wait(20)
    assert left.results == 1
    assert remote.calls["put"] == 1
    [warning] = [text for level, text in listener.said if level == "warning"]
    assert "an object can't be written: the quota is used up; free some space there" in warning
    assert "flowra store push" in warning


def test_a_result_that_was_not_taken_goes_with_the_next_session(tmp_path, remote):
    remote.faults["publish"] = FULL
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="all") as store:
        record = published(store, 1)
        store.uploads.wait()
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as store:
        assert store.remote.store.lookup(key(1)) is None
        with store.heard_by(Listener()):
            assert not store.uploads.wait()
        assert store.remote.store.lookup(key(1)) == record


def test_a_result_that_was_not_taken_goes_with_the_next_run_of_the_session(tiers, remote):
    remote.faults["put"] = FULL
    with tiers.heard_by(Listener()):
        record = published(tiers, 1)
        assert tiers.uploads.wait().results == 1
    remote.faults.clear()
    with tiers.heard_by(Listener()):
        assert not tiers.uploads.wait()
    assert remote.lookup(key(1)) == record


def test_a_required_result_that_is_not_taken_is_an_error_that_says_why(tiers, remote):
    remote.faults["put"] = FULL
    published(tiers, 1)
    with pytest.raises(StoreError, match="1 result is not in the store") as raised:
        tiers.uploads.require([key(1)])
    assert "the quota is used up" in raised.value.why
    assert "free some space there" in raised.value.fix
    remote.faults.clear()
    tiers.uploads.require([key(1)])


def test_what_others_left_and_is_not_taken_fails_a_push_and_no_run(tiers, remote):
    remote.faults["put"] = FULL
    published(tiers, 1)
    tiers.uploads.wait()
    tiers.publish(inline(2))
    tiers.uploads.require([key(2)])
    with pytest.raises(StoreError, match="1 result is not in the store"):
        tiers.uploads.require([], leftovers=True)


def test_a_replacement_that_is_not_taken_is_not_there(tiers, remote):
    tiers.publish(inline(1, b"1"))
    tiers.uploads.wait()
    remote.faults["publish"] = FULL
    tiers.publish(inline(1, b"2"), replace=True)
    with pytest.raises(StoreError, match="1 result is not in the store"):
        tiers.uploads.require([key(1)])


def test_what_was_left_and_may_not_be_written_fails_a_push(tmp_path, remote):
    remote.faults["publish"] = UNAVAILABLE
    with TieredStore(LocalStore(tmp_path / "a"), remote, choice="all") as store:
        published(store, 1)
        store.uploads.wait(0.1)
    later = FaultyStore(tmp_path / "remote")
    later.faults["publish"] = DENIED
    store = TieredStore(LocalStore(tmp_path / "a"), later)
    with store, store.heard_by(Listener()), pytest.raises(StoreDeniedError):
        store.uploads.require([], leftovers=True)


def test_a_result_whose_value_is_gone_everywhere_waits_for_nothing(tiers, monkeypatch):
    listener = Listener()
    with tiers.heard_by(listener):
        monkeypatch.setattr(tiers.local, "get", lambda ref: None)
        published(tiers, 1)
        assert not tiers.uploads.wait()
    [(level, text)] = listener.said
    assert (level, "a value is gone" in text) == ("warning", True)


# ---- one computation for each key


def test_another_machine_waits_until_it_can_find_the_result(tiers, elsewhere, remote):
    remote.gate.clear()
    with tiers.lock(key(1)) as held:
        assert held
        record = published(tiers, 1)
    with elsewhere.lock(key(1), timeout=0) as held:
        assert not held
    remote.gate.set()
    with elsewhere.lock(key(1)) as held:
        assert held
        assert elsewhere.lookup(key(1)) == record


def test_this_machine_does_not_wait_for_the_upload(tiers, remote, tmp_path):
    remote.gate.clear()
    with tiers.lock(key(1)):
        record = published(tiers, 1)
    beside = TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote"))
    with beside, beside.lock(key(1), timeout=0) as held:
        assert held
        assert beside.lookup(key(1)) == record


def test_what_stays_on_the_machine_asks_nobody(tiers, remote):
    remote.calls.clear()
    store = tiers.here()
    with store.lock(key(1)):
        assert store.lookup(key(1)) is None
        store.publish(inline(1))
    assert not remote.calls


# ---- a remote store that does not do what it should


def test_a_store_that_does_not_answer_is_said_once_and_the_run_goes_on(tiers, remote):
    listener = Listener()
    for name in ("put", "publish", "lookup_many", "lock"):
        remote.faults[name] = UNAVAILABLE
    with tiers.heard_by(listener):
        with tiers.lock(key(1)) as held:
            assert held
            assert tiers.lookup(key(1)) is None
            record = published(tiers, 1)
        assert tiers.lookup(key(1)) == record
        tiers.uploads.wait(0.1)
    warnings = [text for level, text in listener.said if level == "warning"]
    [warning] = warnings
    assert warning.startswith(f"{remote.location} does not answer: the run goes on with what is on this machine")
    assert "connection refused" in warning


def test_what_was_said_before_anybody_listened_is_not_lost(tmp_path, remote):
    remote.faults["lookup"] = UNAVAILABLE
    listener = Listener()
    with TieredStore(LocalStore(tmp_path / "a"), remote) as store, store.heard_by(listener):
        assert "does not answer" in listener.said[0][1]
        remote.faults.clear()


def test_a_store_that_lets_us_not_even_read_is_an_error_at_once(tmp_path, remote):
    remote.faults["lookup"] = DENIED
    with pytest.raises(StoreDeniedError, match="does not let us in"):
        TieredStore(LocalStore(tmp_path / "a"), remote)
    remote.close()


def test_a_store_that_is_read_only_is_read_and_that_is_said_once(tiers, remote, elsewhere):
    record = published(elsewhere, 1)
    elsewhere.uploads.wait()
    listener = Listener()
    remote.faults["put"] = remote.faults["publish"] = DENIED
    with tiers.heard_by(listener):
        published(tiers, 2)
        assert not tiers.uploads.wait()
        published(tiers, 3)
        assert not tiers.uploads.left
        assert tiers.lookup(key(1)) == record
        assert tiers.get(record.outputs["out"]) is not None
    [(level, text)] = listener.said
    assert level == "warning"
    assert "is read-only for us" in text


def test_an_address_that_says_that_it_is_only_read_writes_nothing_and_that_is_said_once(tmp_path):
    (tmp_path / "team").mkdir()
    listener = Listener()
    address = f"shared://{tmp_path}/team?local={tmp_path}/a&uploads=all&read_only=true"
    with open_store(address) as store, store.heard_by(listener):
        published(store, 1)
        published(store, 2)
        assert not store.uploads.wait()
        assert not store.uploads.left
    [(level, text)] = listener.said
    assert level == "warning"
    assert "the store is only read: what is computed is not kept in it" in text
    assert not (tmp_path / "team" / "v1").exists()


def test_a_disk_that_is_full_here_does_not_keep_values_from_coming(tiers, elsewhere):
    record = published(tiers, 1)
    tiers.uploads.wait()
    elsewhere.lookup(key(1))
    elsewhere.local.close()
    shutil.rmtree(elsewhere.local.path)
    elsewhere.local.put = raising  # a full disk can't be had for a test: it is the answer of one
    elsewhere.local.get = lambda ref: None
    elsewhere.local.has = lambda ref: False
    assert bytes(elsewhere.get(record.outputs["out"])) == blob(1).to_bytes()


def raising(*_):
    raise StoreUnavailableError("the disk is full")


# ---- through to the remote store at once


def test_written_through_a_value_is_there_before_it_is_named(tiers, elsewhere):
    tiers.write_through()
    ref = tiers.put(blob(1))
    assert elsewhere.get(ref) is not None
    record = tiers.publish(Record(key(1), "t/N", {"out": ref}))
    assert elsewhere.lookup(key(1)) == record


def test_written_through_the_first_record_counts(tiers, elsewhere):
    tiers.write_through()
    elsewhere.write_through()
    first = tiers.publish(inline(1, b"1"))
    assert elsewhere.publish(inline(1, b"2")) == first
    assert elsewhere.local.lookup(key(1)) == first


def test_written_through_a_value_that_is_not_taken_is_an_error(tiers, remote):
    tiers.write_through()
    remote.faults["put"] = UNAVAILABLE
    with pytest.raises(StoreUnavailableError):
        tiers.put(blob(1))


@pytest.mark.parametrize("fault", [FULL, UNAVAILABLE], ids=["full", "unavailable"])
def test_written_through_a_record_that_is_not_taken_goes_with_the_next_session(tmp_path, remote, fault):
    with TieredStore(LocalStore(tmp_path / "a"), remote) as store:
        store.write_through()
        ref = store.put(blob(1))
        remote.faults["publish"] = fault
        record = store.publish(Record(key(1), "t/N", {"out": ref}))
        assert store.local.lookup(key(1)) == record
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as store:
        with store.heard_by(Listener()):
            assert not store.uploads.wait()
        assert store.remote.store.lookup(key(1)) == record


def test_a_store_names_where_its_values_are_first(tiers, elsewhere, tmp_path):
    with TieredStore(LocalStore(tmp_path / "a"), FaultyStore(tmp_path / "remote")) as beside:
        assert beside.home == tiers.home
    assert elsewhere.home != tiers.home
