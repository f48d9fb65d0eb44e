"""What the store over objects promises beyond what every store does."""

from __future__ import annotations

import logging
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from flowra.exceptions import StoreDeniedError, StoreError, StoreUnavailableError
from flowra.storage.codec.encoded import Encoded
from flowra.storage.record import Record
from flowra.storage.refs import INLINE_LIMIT, BlobRef, InlineRef, ListRef
from flowra.storage.remote import envelope, records
from flowra.storage.remote.envelope import RECORD_LIMIT
from flowra.storage.remote.signing import RecordKeys


def key(number):
    return sha256(b"%d" % number).digest()


def blob(number, size=2 * INLINE_LIMIT):
    return Encoded("bytes", ((b"%08d" % number) * (size // 8),))


def inline(number, answer=1):
    return Record(key(number), "t/N", {"out": InlineRef("json", b"%d" % answer)})


# ---- how much is asked of the service


def test_a_value_that_is_there_is_not_sent_again(stores):
    first, second = stores(), stores()
    ref = first.put(blob(1))
    second.lookup(key(1))
    second.objects.counts.clear()
    assert second.put(blob(1)) == ref
    assert second.objects.counts == {"head": 1}


def test_small_results_cost_one_request_each(stores):
    store = stores()
    for number in range(50):
        store.publish(inline(number))
    other = stores()
    other.lookup(key(100))
    other.objects.counts.clear()
    assert len(other.lookup_many([key(number) for number in range(60)])) == 50
    assert other.objects.counts["get"] == 60 + other.objects.counts["put"]  # with each sign of life, one more
    assert other.objects.counts["head"] == 0


def test_values_of_records_are_looked_for_once(stores):
    store = stores()
    refs = [store.put(blob(number)) for number in range(20)]
    for number, ref in enumerate(refs):
        store.publish(Record(key(number), "t/N", {"out": ListRef((ref, refs[0]))}))
    other = stores()
    found = other.lookup_many([key(number) for number in range(20)])
    assert all(other.has(record.outputs["out"]) for record in found.values())
    assert other.objects.counts["head"] == 20


# ---- what comes wrong


def test_bytes_that_came_wrong_once_are_read_again_and_nothing_is_removed(stores):
    store = stores()
    ref = store.put(blob(1))
    spoilt = []

    def spoil(method, arguments, call):
        content = call()
        if method == "get" and "/blobs/" in arguments[0] and not spoilt:
            spoilt.append(content)
            return content[:-1] + b"?"
        return content

    store.objects.meddle = spoil
    assert bytes(store.get(ref)) == blob(1).to_bytes()
    assert store.notices.counts == {"transfer": 1}
    assert stores().get(ref) is not None


def test_a_large_value_is_read_through_a_file_and_stays_when_the_store_is_gone(stores, tmp_path):
    store = stores()
    content = os.urandom(5 << 20)
    ref = store.put(Encoded("bytes", (content,)))
    view = store.get(ref)
    assert store.objects.counts["download"] == 1
    store.clear()
    store.close()
    assert view.readonly
    assert view == content


@pytest.mark.parametrize("size", [3 << 20, 5 << 20])
def test_a_damaged_value_is_removed_and_that_is_said(stores, caplog, tmp_path, size):
    store = stores()
    ref = store.put(blob(1, size))
    name = store._layout.blob(ref)
    store.objects.put(name, [b"?" * size])
    assert not stores().copy_to(ref, tmp_path / "copy")
    assert store.get(ref) is None
    assert store.objects.head(name) is None
    assert "damaged value is not used, and was removed" in caplog.text


def test_a_damaged_value_that_may_not_be_removed_is_written_over(stores, caplog):
    store = stores()
    ref = store.put(blob(1))
    store.objects.put(store._layout.blob(ref), [b"?" * ref.size])
    one = stores()

    def deny(method, arguments, call):
        if method == "delete":
            raise StoreDeniedError("no permission")
        return call()

    one.objects.meddle = deny
    assert one.get(ref) is None
    assert not one.has(ref)
    assert "left where it is" in caplog.text
    one.put(blob(1))
    assert one.get(ref) is not None


def test_a_record_with_another_size_takes_no_value_from_others(stores, tmp_path, caplog):
    store = stores()
    ref = store.put(blob(1))
    made_up = BlobRef(ref.codec, ref.digest, ref.size + 8)
    assert store.get(made_up) is None
    assert not store.copy_to(made_up, tmp_path / "copy")
    assert store.get(ref) is not None
    assert "another size than its record says" in caplog.text


def test_a_broken_transfer_is_no_damage(stores):
    store = stores()
    ref = store.put(blob(1))

    def break_off(method, arguments, call):
        if method == "get" and "/blobs/" in arguments[0]:
            raise StoreUnavailableError("the transfer broke off")
        return call()

    store.objects.meddle = break_off
    with pytest.raises(StoreUnavailableError):
        store.get(ref)
    assert stores().get(ref) is not None


def test_an_answer_that_was_lost_after_success_changes_nothing(stores):
    """Row 30: whoever retries is told that there is one already, which is its own."""
    store = stores()
    lost = []

    def lose(method, arguments, call):
        if method == "put" and "/records/" in arguments[0]:
            lost.append(call())
        return call()

    store.objects.meddle = lose
    assert store.publish(inline(1)) == inline(1)
    assert lost == [True]
    assert stores().lookup(key(1)) == inline(1)


def test_a_lock_whose_answer_was_lost_is_held(stores):
    store = stores()
    store.objects.meddle = lambda method, arguments, call: (
        (call(), call())[1] if method == "put" and "/locks/" in arguments[0] else call()
    )
    with store.lock(key(1), timeout=0) as held:
        assert held
    with stores().lock(key(1), timeout=0) as held:
        assert held


def test_a_service_that_does_not_answer_keeps_nobody_from_computing(stores, caplog):
    store, other = stores(heartbeat=60), stores()
    store.put(blob(1))

    def fail(method, arguments, call):
        raise StoreUnavailableError("no answer")

    with other.lock(key(1)) as first:
        store.objects.meddle = fail
        with store.lock(key(1), timeout=0) as second:
            assert first
            assert second
        store.objects.meddle = lambda method, arguments, call: call()
    assert caplog.text.count("without keeping others from it") == 1


def test_a_request_that_hangs_keeps_nobody_from_closing(stores):
    store = stores()
    released, hangs = threading.Event(), threading.Event()

    def hang():
        hangs.set()
        return released.wait(20)

    request = store._threads.pool().submit(hang)
    assert hangs.wait(10)
    store.close()
    assert not request.done()
    released.set()


def test_a_right_that_was_taken_without_an_answer_keeps_nobody_for_long(stores):
    store, other = stores(), stores()
    lost = []

    def lose(method, arguments, call):
        if method == "put" and "/locks/" in arguments[0] and not lost:
            lost.append(call())
            raise StoreUnavailableError("no answer")
        return call()

    store.objects.meddle = lose
    with store.lock(key(1)) as first, other.lock(key(1), timeout=10) as second:
        assert lost == [True]
        assert first
        assert second


def test_a_right_that_could_not_be_given_back_is_given_back_later(stores):
    store, other = stores(), stores()
    broken = []

    def fail(method, arguments, call):
        if method == "delete" and "/locks/" in arguments[0][0] and not broken:
            broken.append(arguments)
            raise StoreUnavailableError("no answer")
        return call()

    store.objects.meddle = fail
    with store.lock(key(1)):
        pass
    assert broken
    with other.lock(key(1), timeout=10) as held:
        assert held


def test_a_right_is_another_thread_s_only_once_it_was_given_back_to_all(stores):
    """Else the removal of the first one's object could take the second one's away."""
    store, other = stores(), stores()
    taken = threading.Event()
    second = store.lock(key(1), timeout=10)

    def take():
        assert second.acquire()
        taken.set()

    waiting = threading.Thread(target=take)

    def remove_slowly(method, arguments, call):
        if method == "delete" and "/locks/" in arguments[0][0] and not waiting.is_alive():
            waiting.start()
            assert not taken.wait(0.3)
        return call()

    store.objects.meddle = remove_slowly
    with store.lock(key(1)):
        pass
    assert taken.wait(10)
    waiting.join()
    with other.lock(key(1), timeout=0.2) as held:
        assert not held
    store.objects.meddle = lambda method, arguments, call: call()
    second.release()


# ---- what others may have written


def test_a_record_that_is_too_large_is_refused_when_it_is_written(stores):
    large = Record(key(1), "t/N", {"out": InlineRef("json", b"1")}, preimage=bytes(RECORD_LIMIT))
    with pytest.raises(StoreError, match="too large to be recorded"):
        stores().publish(large)


@pytest.fixture
def peak():
    """Returns the most bytes that were in memory since it was asked for."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def made_up(store, number, size):
    """Write a long object with a record's beginning where a record should be; on the disk it is a hole."""
    store.objects.put(store._layout.record(key(number)), [b"flowra-record/1\n"])
    with (Path(store.objects.location.removeprefix("shared://")) / store._layout.record(key(number))).open(
        "r+b"
    ) as file:
        file.truncate(size)


def test_long_records_that_were_made_up_take_bounded_memory(stores, peak):
    store = stores()
    for number in range(8):
        made_up(store, number, RECORD_LIMIT - 1000)
    store.publish(inline(8))
    assert store.lookup_many([key(number) for number in range(9)]) == {key(8): inline(8)}
    assert peak() < 3 * RECORD_LIMIT
    assert store.notices.counts["malformed"] == 8


def test_threads_that_look_up_long_records_share_what_memory_they_may_take(stores, peak):
    store = stores()
    for number in range(8):
        made_up(store, number, RECORD_LIMIT - 1000)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: store.lookup(key(number)), range(8))) == [None] * 8
    assert peak() < 3 * RECORD_LIMIT


def test_pages_of_long_records_are_short(stores, peak):
    store = stores()
    for number in range(6):
        store.publish(inline(number)._replace(preimage=bytes(RECORD_LIMIT - 1000)))
    tracemalloc.reset_peak()
    assert sum(1 for _ in store.records()) == 6
    assert peak() < 6 * RECORD_LIMIT


def test_what_is_longer_than_a_record_is_not_read_to_its_end(stores, peak):
    store = stores()
    made_up(store, 1, 100 * RECORD_LIMIT)
    assert store.lookup(key(1)) is None
    assert peak() < 2 * RECORD_LIMIT


@pytest.mark.parametrize("size", [60_000, 70_000, 3_000_000])
def test_records_are_found_however_long_they_are(stores, size):
    records = {key(number): inline(number)._replace(preimage=bytes([number]) * size) for number in range(5)}
    for record in records.values():
        stores().publish(record)
    store = stores()
    assert store.lookup_many([*records, key(9)]) == records
    assert store.lookup(key(1)) == records[key(1)]


def test_nothing_is_made_of_a_record_that_is_not_trusted(stores, monkeypatch):
    stores().publish(inline(1))
    reader = stores(keys=RecordKeys(None, frozenset([bytes(32)])))
    monkeypatch.setattr(envelope, "decode_record", None)
    assert reader.lookup(key(1)) is None
    assert reader.notices.counts == {"untrusted": 1}


@pytest.mark.parametrize("content", [b"", b"x" * 400, b"elsewhere " + b"0" * 16])
def test_a_lock_that_was_made_up_does_not_keep_anyone(stores, content):
    store = stores()
    store.objects.put(store._layout.lock(key(1)), [content])
    with store.lock(key(1), timeout=5) as held:
        assert held


@pytest.mark.parametrize("announced", [b'{"round": "../x", "session": "12"}', b'{"round": "12", "session": "../x"}'])
def test_a_round_that_was_made_up_names_no_objects(stores, announced):
    store = stores()
    store.objects.put(store._layout.round, [announced])
    store.objects.put(store._layout.sessions + "12", [b"1"])
    assert store.lookup(key(1)) is None
    assert store.put(blob(1)).size == blob(1).size


def test_a_sign_of_life_that_was_made_up_is_no_error(stores):
    store = stores()
    store.objects.put(store._layout.sessions + "1234-7-abcdef", [b'{"every": 1' + b"0" * 400 + b"}"])
    store.objects.put(store._layout.lock(key(1)), [b"1234-7-abcdef 00"])
    with store.lock(key(1), timeout=10) as held:
        assert held  # after four of its own are missed


def test_sessions_and_rounds_that_were_made_up_keep_nobody(stores):
    store = stores()
    store.objects.put(store._layout.sessions + "1234-5-abcdef", [b"{" * 2000])
    store.objects.put(store._layout.sessions + "1234-6-abcdef", [b'{"every": 1e999}'])
    store.objects.put(store._layout.round, [b"[1]"])
    store.objects.put(store._layout.uses + "abc", [b"odd length"])
    store.objects.put(store._layout.uses + "merged-abc", [b"odd length"])
    store.objects.put(store._layout.blobs + "zz/no-value", [b"x"])
    store.objects.put(store._layout.records + "zz", [b"x"])
    store.publish(inline(1))
    other = stores()
    assert other.lookup(key(1)) == inline(1)
    store.objects.delete([store._layout.sessions + "1234-6-abcdef"])
    assert other.gc(10**9).records == 0


# ---- namespaces, and stores that are only read


def test_namespaces_don_t_see_each_other(stores):
    one, two = stores(namespace="one"), stores(namespace="two")
    ref = one.put(blob(1))
    one.publish(Record(key(1), "t/N", {"out": ref}))
    assert two.lookup(key(1)) is None
    assert two.get(ref) is None
    assert two.stats().blobs == 0
    assert two.clear().blobs == 0
    assert one.lookup(key(1)) is not None
    assert one.location.endswith("namespace=one&heartbeat=0.25")


def test_a_store_that_is_only_read_writes_nothing_and_says_so_once(stores, caplog, tmp_path):
    store = stores()
    ref = store.put(blob(1))
    record = store.publish(Record(key(1), "t/N", {"out": ref}))
    store.close()
    reader = stores(read_only=True)
    assert reader.lookup(key(1)) == record
    assert bytes(reader.get(ref)) == blob(1).to_bytes()
    assert reader.put(blob(2)).size == blob(2).size
    (tmp_path / "file").write_bytes(bytes(10_000))
    assert reader.put_file(tmp_path / "file").size == 10_000
    assert reader.publish(inline(1, 2)) == record
    assert reader.publish(inline(1, 2), replace=True) == inline(1, 2)
    assert reader.publish(inline(2)) == inline(2)
    with reader.lock(key(1)) as held:
        assert held
        with reader.lock(key(1), timeout=0) as again:
            assert not again
    for refused in (reader.clear, reader.verify, lambda: reader.gc(0)):
        with pytest.raises(StoreError, match="opened only to be read"):
            refused()
    assert reader.stats().records == 1
    reader.close()
    assert not reader.objects.counts.keys() & {"put", "upload", "delete"}
    assert caplog.text.count("only read") == 1


def test_a_damaged_value_in_a_store_that_is_only_read_stays_where_it_is(stores):
    store = stores()
    ref = store.put(blob(1))
    store.objects.put(store._layout.blob(ref), [b"?" * ref.size])
    reader = stores(read_only=True)
    assert reader.get(ref) is None
    assert reader.objects.counts["delete"] == 0


def test_one_who_may_not_write_still_reads(stores, caplog):
    stores().publish(inline(1))
    store = stores()

    def deny(method, arguments, call):
        if method in {"put", "upload", "delete"}:
            raise StoreDeniedError("no permission", why="403")
        return call()

    store.objects.meddle = deny
    assert store.lookup(key(1)) == inline(1)
    assert store.lookup(key(2)) is None
    with store.lock(key(1), timeout=0) as held:
        assert held
    with pytest.raises(StoreDeniedError):
        store.put(blob(1))
    with pytest.raises(StoreDeniedError):
        store.publish(inline(2))
    with pytest.raises(StoreError, match="may not write to it"):
        store.gc(0)
    store.close()
    assert caplog.text.count("can't be said to others") == 1


def test_a_store_without_space_is_read_all_the_same(stores, caplog):
    stores().publish(inline(1))
    store = stores()

    def refuse(method, arguments, call):
        if method == "put":
            raise StoreError("an object can't be written", why="no space left")
        return call()

    store.objects.meddle = refuse
    assert store.lookup(key(1)) == inline(1)
    assert "no space left" in caplog.text


# ---- files


def test_a_large_file_is_sent_without_being_read_into_memory(stores, tmp_path):
    store = stores()
    path = tmp_path / "file"
    path.write_bytes(os.urandom(2 << 20))
    ref = store.put_file(path)
    assert store.objects.counts["upload"] == 1
    assert store.put_file(path) == ref
    assert store.objects.counts["upload"] == 1
    assert stores().copy_to(ref, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_a_file_that_changes_while_it_is_sent_is_not_kept(stores, tmp_path):
    store = stores()
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000))

    def change(method, arguments, call):
        if method == "upload":
            path.write_bytes(bytes(9_000))
        return call()

    store.objects.meddle = change
    with pytest.raises(StoreError, match="changes while it is read"):
        store.put_file(path)
    assert store.stats().blobs == 0


def test_a_file_that_can_t_be_written_or_read_is_said(stores, tmp_path):
    store = stores()
    for content in (bytes(10), bytes(10_000)):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(StoreError, match="a file can't be written"):
            store.copy_to(store.put_file(tmp_path / "file"), tmp_path / "missing" / "copy")
    with pytest.raises(StoreError, match="a file can't be read"):
        store.put_file(tmp_path / "no file")


# ---- checking every byte while others write


def test_what_another_writes_anew_during_a_check_is_not_told_as_damaged(stores):
    store, other = stores(), stores()
    ref = other.put(blob(1))
    other.publish(Record(key(1), "t/N", {"out": ref}))
    name = store._layout.blob(ref)
    store.objects.put(name, [blob(1).to_bytes()[:-8]])  # cut off when it was listed, whole when it is read

    def write_first(method, arguments, call):
        if (method, arguments) == ("get", (name,)):
            store.objects.meddle = lambda method, arguments, call: call()
            other.put(blob(1))
        return call()

    store.objects.meddle = write_first
    assert store.verify().sound
    assert store.get(ref) is not None


def test_what_another_removes_during_a_check_is_not_told_as_damaged(stores):
    store = stores()
    name = store._layout.blob(store.put(blob(1)))

    def remove_first(method, arguments, call):
        if (method, arguments) == ("get", (name,)):
            store.objects.delete([name])
        return call()

    store.objects.meddle = remove_first
    assert store.verify().sound


@pytest.mark.parametrize("kind", ["incomplete", "broken"])
def test_a_record_that_another_has_mended_at_the_second_look_is_neither_told_nor_removed(stores, kind):
    store, other = stores(), stores()
    ref = other.put(blob(1))
    record = other.publish(Record(key(1), "t/N", {"out": ref}))
    if kind == "incomplete":
        store.objects.delete([store._layout.blob(ref)])
    else:
        store.objects.put(store._layout.record(key(1)), [b"flowra-record/1\n"])
    looks = []

    def mend_after(method, arguments, call):
        answer = call()
        if arguments == (store._layout.blob(ref) if kind == "incomplete" else store._layout.record(key(1)),):
            looks.append(method)
            if len(looks) == 1:
                other.put(blob(1))
                assert other.publish(record) == record
        return answer

    store.objects.meddle = mend_after
    found = store.verify()
    assert looks
    assert found.sound
    assert stores().lookup(key(1)) == record


def test_a_check_leaves_a_record_alone_that_another_is_about_to_replace(stores, monkeypatch):
    monkeypatch.setattr(records, "_PATIENCE", 0.2)
    store, other = stores(), stores()
    store.objects.put(store._layout.record(key(1)), [b"flowra-record/1\n"])
    right = store._layout.lock(key(1)) + ".replace"
    assert other._leases.take(right)
    assert store.verify().sound
    other._leases.give(right)
    assert store.verify().damaged_records == 1
    assert store.verify().sound


def test_what_is_said_names_the_store(stores, caplog):
    store = stores()
    with caplog.at_level(logging.WARNING, "flowra.storage"):
        store.objects.put(store._layout.record(key(1)), [b"?"])
        assert store.lookup(key(1)) is None
        assert store.lookup(key(1)) is None
    assert store.notices.counts == {"malformed": 2}
    [said] = caplog.records
    assert said.getMessage().startswith(f"{store.location}: what is no record is not used: v1/default/records/")
    store.close()
    with pytest.raises(StoreError, match="the store is closed"):
        store.lookup(key(1))
