import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from flowra.storage.local.store import LocalStore

KEY = bytes(range(32))


@pytest.fixture
def store(tmp_path):
    with LocalStore(tmp_path / "store") as store:
        yield store


def test_two_threads_do_not_hold_one_key_at_once(store, tmp_path):
    inside, most, total = 0, 0, 0
    with LocalStore(tmp_path / "store") as other:

        def work(which):
            nonlocal inside, most, total
            for _ in range(50):
                with which.lock(KEY) as taken:
                    assert taken
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0)
                    inside -= 1
                    total += 1

        threads = [threading.Thread(target=work, args=(which,)) for which in (store, other, store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (most, total) == (1, 200)


def test_who_does_not_want_to_wait_does_not(store):
    with store.lock(KEY), store.lock(KEY, timeout=0) as taken, store.lock(bytes(32), timeout=0) as another:
        assert not taken
        assert another
    with store.lock(KEY, timeout=0) as taken:
        assert taken


def test_waiting_ends_with_the_timeout(store):
    with store.lock(KEY):
        began = time.monotonic()
        with store.lock(KEY, timeout=0.1) as taken:
            assert not taken
        assert 0.09 < time.monotonic() - began < 2


def test_waiting_ends_when_the_run_is_cancelled(store):
    asked = []
    with store.lock(KEY), store.lock(KEY, give_up=lambda: asked.append(1) or len(asked) == 5) as taken:
        assert not taken
    assert len(asked) == 5


def test_a_node_that_raises_lets_go(store):
    with pytest.raises(ZeroDivisionError), store.lock(KEY):
        raise ZeroDivisionError
    with store.lock(KEY, timeout=0) as taken:
        assert taken


def test_closing_another_store_on_the_same_folder_keeps_the_lock(store, tmp_path):
    # A record lock is lost when its process closes any descriptor of the file.
    with store.lock(KEY):
        LocalStore(tmp_path / "store").close()
        assert other_process(tmp_path, "0") == "False"
    assert other_process(tmp_path, "0") == "True"


HOLD = """
import sys, time
from pathlib import Path
from flowra.storage.local.store import LocalStore
store = LocalStore(Path(sys.argv[1]))
with store.lock(bytes(range(32)), timeout=float(sys.argv[2])) as taken:
    print(taken, flush=True)
    time.sleep(float(sys.argv[3]))
"""


def start(tmp_path, timeout, hold="0"):
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "store"), timeout, hold]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def other_process(tmp_path, timeout):
    with start(tmp_path, timeout) as process:
        return process.stdout.read().strip()


def test_a_process_waits_for_another(store, tmp_path):
    with start(tmp_path, "0", "0.5") as process:
        assert process.stdout.readline() == "True\n"
        with store.lock(KEY, timeout=0) as taken:
            assert not taken
        with store.lock(KEY, timeout=30) as taken:
            assert taken


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_lets_go(store, tmp_path, number):
    with start(tmp_path, "0", "600") as process:
        assert process.stdout.readline() == "True\n"
        os.kill(process.pid, number)
        with store.lock(KEY, timeout=30) as taken:
            assert taken


def test_without_locks_on_the_file_system_threads_are_still_kept_apart(store, monkeypatch):
    import errno
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with store.lock(KEY) as taken, store.lock(KEY, timeout=0) as again:
        assert taken
        assert not again
    with store.lock(KEY, timeout=0) as taken:
        assert taken
