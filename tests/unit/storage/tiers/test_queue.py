"""The queue of uploads: bounded in what it sends at once, and it loses nothing."""

from __future__ import annotations

import threading

import pytest

from flowra.exceptions import StoreUnavailableError
from flowra.storage.tiers.pending import Pending
from flowra.storage.tiers.queue import BYTES_IN_FLIGHT, THREADS, Queued, UploadQueue


def item(number, size=10):
    return Queued(Pending(bytes([number]) * 32), size)


@pytest.fixture
def open_queue():
    queues = []

    def opened(upload, ended=lambda key: None, answers=lambda: True):
        queues.append(UploadQueue(upload, ended, answers))
        return queues[-1]

    yield opened
    for queue in queues:
        queue.close(5)


def wait(queue, seconds=10.0):
    return queue.wait(seconds, give_up=lambda: False, tell=lambda left: None)


def test_everything_is_uploaded_once_and_told(open_queue):
    done, ended = [], []
    queue = open_queue(lambda queued: done.append(queued.pending.key), ended.append)
    for number in range(100):
        assert queue.add(item(number))
    assert not wait(queue)
    assert sorted(done) == sorted(ended) == [bytes([number]) * 32 for number in range(100)]
    assert not queue.left.bytes


def test_what_is_in_the_queue_is_not_added_again(open_queue):
    gate = threading.Event()
    queue = open_queue(lambda queued: gate.wait())
    assert queue.add(item(1))
    assert not queue.add(item(1))
    assert queue.holds(item(1).pending.key)
    gate.set()
    assert not wait(queue)
    assert not queue.holds(item(1).pending.key)


def test_no_more_bytes_are_sent_at_once_than_may_be(open_queue):
    sent, most = [], []
    half = BYTES_IN_FLIGHT // 2

    def upload(queued):
        with queue.room_for(half):
            sent.append(half)
            most.append(sum(sent))
            sent.pop()

    queue = open_queue(upload)
    for number in range(40):
        queue.add(item(number, half))
    assert not wait(queue)
    assert max(most) <= BYTES_IN_FLIGHT


def test_a_value_that_is_larger_is_sent_by_itself(open_queue):
    queue = open_queue(lambda queued: None)
    with queue.room_for(10 * BYTES_IN_FLIGHT):
        pass


def test_a_few_threads_do_it(open_queue):
    gate, names = threading.Event(), set()

    def upload(queued):
        names.add(threading.current_thread().ident)
        gate.wait()

    queue = open_queue(upload)
    for number in range(3 * THREADS):
        queue.add(item(number))
    gate.set()
    assert not wait(queue)
    assert len(names) <= THREADS


def test_what_could_not_be_sent_is_tried_again_when_the_store_answers(open_queue):
    answers, tries = threading.Event(), []

    def upload(queued):
        tries.append(queued)
        if not answers.is_set():
            raise StoreUnavailableError("no connection")

    queue = open_queue(upload, answers=lambda: not tries or answers.is_set())
    queue.add(item(1))
    assert wait(queue, 0.1).results == 1
    answers.set()
    assert not wait(queue)
    assert len(tries) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_upload_that_fails_in_a_way_that_nobody_foresaw_stops_no_other(open_queue):
    ready, uploaded, failing = threading.Event(), [], []

    def upload(queued):
        ready.wait(10)
        if queued.pending.key[0] < THREADS:
            failing.append(threading.current_thread())
            raise ArithmeticError
        uploaded.append(queued)

    queue = open_queue(upload)
    for number in range(THREADS + 2):
        queue.add(item(number))
    ready.set()
    assert not wait(queue)
    assert len(uploaded) == 2
    for thread in failing:
        thread.join()  # what it raises is reported at its very end, and belongs to this test


def test_a_closed_queue_takes_nothing(open_queue):
    queue = open_queue(lambda queued: None)
    queue.close(5)
    assert not queue.add(item(1))


def test_errands_are_run_even_when_it_closes(open_queue):
    done = []
    queue = open_queue(lambda queued: None)
    for number in range(20):
        queue.run(lambda number=number: done.append(number))
    queue.close(5)
    queue.run(lambda: done.append(20))
    assert sorted(done) == list(range(21))


def test_what_an_errand_adds_is_waited_for_too(open_queue):
    gate, done = threading.Event(), []
    queue = open_queue(done.append)

    def errand():
        gate.wait()
        queue.add(item(1))

    queue.run(errand)
    assert queue.busy
    threading.Timer(0.05, gate.set).start()
    assert not wait(queue)
    assert done == [item(1)]
