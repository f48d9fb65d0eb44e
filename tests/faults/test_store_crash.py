"""Row 21: kill -9 at each step of a write. A child process is killed just before, and in the middle of, each system
call that writing a value and a record makes; then the store must be whole."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from flowra.storage.local.store import LocalStore

# Runs in a process of its own. The calls are counted in `os` as the store sees it; at the nth, the process kills
# itself: before the call, or after a part of what it was to write.
WRITER = """
import os, signal, sys
from hashlib import sha256
from pathlib import Path

from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record

path, durability = Path(sys.argv[1]), sys.argv[2]
CALLS = ("open", "write", "close", "replace", "rename", "link", "unlink", "mkdir", "fchmod", "fsync", "fdatasync",
         "lseek", "pread", "stat")

def kill_at(number, torn):
    seen = 0
    def counted(name, call):
        def wrapper(*arguments, **options):
            nonlocal seen
            seen += 1
            if seen == number:
                if name == "write" and torn:
                    call(arguments[0], memoryview(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return wrapper
    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))

def write(number):
    with LocalStore(path, durability=durability, index_bytes=300) as store:
        for each in range(3):
            key = sha256(b"%d %d" % (number, each)).digest()
            value = Encoded("bytes", (key, key * 200))
            record = Record(key, "t/N", {"out": store.put(value)}, preimage=bytes(100))
            assert store.publish(record) == record

for torn in (False, True):
    number = 0
    while True:
        number += 1
        child = os.fork()
        if child == 0:
            kill_at(number, torn)
            write(number + 10_000 * torn)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            break
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
    print(number - 1)
"""


@pytest.mark.parametrize("durability", ["off", "batched", "on"])
def test_killed_at_each_step_of_a_write_nothing_partial_is_seen(tmp_path, durability):
    path = tmp_path / "store"
    ran = subprocess.run(
        [sys.executable, "-c", WRITER, str(path), durability], check=True, capture_output=True, text=True
    )
    steps = max(map(int, ran.stdout.split()))
    assert steps > 40, "the writes are no longer made of the calls that this test counts"
    whole = 0
    with LocalStore(path) as store:
        for number in [*range(1, steps + 2), *range(10_001, 10_000 + steps + 2)]:
            for each in range(3):
                key = sha256(b"%d %d" % (number, each)).digest()
                record = store.lookup(key)
                if record is not None:
                    # A record is there only after its value, and the value is whole.
                    assert bytes(store.get(record.outputs["out"])) == key * 201
                    whole += 1
        assert whole > steps
        verified = store.verify()
        assert not verified.quarantined
        assert verified.incomplete_records == 0
    with LocalStore(path) as store:
        for leftover in store._folder.tmp.iterdir():
            # Small files that no session's name is on could be somebody's who is just opening the store.
            os.utime(leftover, (0, 0))
        store.gc(10**12)
        assert not list(store._folder.tmp.iterdir())
        assert not list(store._folder.trash.iterdir())
        stats = store.stats()
        assert (stats.records, stats.blobs) == (whole, whole)
        assert store.verify().sound


COLLECTOR = """
import os, shutil, signal, sys
from hashlib import sha256
from pathlib import Path

from flowra.storage.codec.encoded import Encoded
from flowra.storage.local import keeping
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record

CALLS = ("write", "replace", "rename", "unlink", "close", "open", "pread", "fsync")
root, in_use, max_bytes = Path(sys.argv[1]), sys.argv[2] == "in use", int(sys.argv[3])
keys = [sha256(b"%d" % number).digest() for number in range(6)]
keeping._COMPACTED_FROM = 0

def kill_at(number):
    seen = 0
    def counted(call):
        def wrapper(*arguments, **options):
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return wrapper
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))

def check(store, sure):
    for key in keys:
        record = store.lookup(key)
        assert record is not None or key not in sure
        if record is not None:
            content = store.get(record.outputs["out"])
            assert content is not None or key not in sure
            assert content is None or bytes(content) == key * 200

with LocalStore(root / "template", index_bytes=300) as store:
    for again in (False, True):
        for key in keys:
            value = store.put(Encoded("bytes", (key * 200,)))
            store.publish(Record(key, "t/N", {"out": value}, preimage=bytes(50)), replace=again)

number, status = 0, 1
while status:
    number += 1
    path = root / str(number)
    shutil.copytree(root / "template", path)
    user = LocalStore(path) if in_use else None
    used = user.lookup_many(keys[:3]) if in_use else {}
    child = os.fork()
    if child == 0:
        with LocalStore(path, index_bytes=300) as store:
            kill_at(number)
            store.gc(max_bytes)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    if in_use:
        check(user, used)
        user.close()
    with LocalStore(path) as store:
        check(store, keys if max_bytes > 10**6 else used)
        store.gc(10**9)
        verified = store.verify()
        assert not verified.quarantined and not verified.damaged_records, verified
    with LocalStore(path) as store:
        assert store.verify().sound
    shutil.rmtree(path)
print(number)
"""


@pytest.mark.parametrize(("who", "max_bytes"), [("in use", 0), ("in use", 20_000), ("alone", 0), ("alone", 10**9)])
def test_killed_at_each_step_of_a_collection_what_is_used_is_not_lost(tmp_path, who, max_bytes):
    arguments = [sys.executable, "-c", COLLECTOR, str(tmp_path), who, str(max_bytes)]
    ran = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert int(ran.stdout) > 30, "the collection is no longer made of the calls that this test counts"
