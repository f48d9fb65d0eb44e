"""Rows 22 to 24 of the faults, as far as the store goes: several processes at once, and a collection among them."""

import json
import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pytest

from flowra.storage.local.store import LocalStore

# Prints the digest that each key's record has for this process. Whatever it computes is different each time.
RACER = """
import json, os, sys, time
from hashlib import sha256
from pathlib import Path

from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record

path, start, locked = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "locked"
ledger = os.open(path.parent / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
keys = [sha256(b"%d" % number).digest() for number in range(200)]
seen = {}

def compute(store, key):
    os.write(ledger, key.hex().encode() + b"\\n")
    time.sleep(0.0005)
    value = store.put(Encoded("bytes", (os.urandom(5000),)))
    return store.publish(Record(key, "t/N", {"out": value}))

with LocalStore(path, index_bytes=5000) as store:
    while time.time() < start:
        time.sleep(0.001)
    for key in keys:
        if locked:
            with store.lock(key):
                record = store.lookup(key) or compute(store, key)
        else:
            record = compute(store, key)
        assert store.get(record.outputs["out"]) is not None
        seen[key.hex()] = record.outputs["out"].digest.hex()
print(json.dumps(seen))
"""


def race(path, how, racers=4):
    import time

    start = str(time.time() + 0.7)
    processes = [
        subprocess.Popen([sys.executable, "-c", RACER, str(path), start, how], stdout=subprocess.PIPE, text=True)
        for _ in range(racers)
    ]
    results = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return results


def test_two_runs_of_a_node_that_is_not_deterministic_go_on_with_the_same_digest(tmp_path):
    first, *others = race(tmp_path / "store", "unlocked")
    assert all(other == first for other in others)
    with LocalStore(tmp_path / "store") as store:
        for key, digest in first.items():
            assert store.lookup(bytes.fromhex(key)).outputs["out"].digest.hex() == digest
        assert store.verify().sound


def test_with_the_lock_of_its_key_each_node_is_computed_once(tmp_path):
    first, *others = race(tmp_path / "store", "locked")
    assert all(other == first for other in others)
    counts = Counter((tmp_path / "ledger").read_text().split())
    assert len(counts) == 200
    assert set(counts.values()) == {1}


# Runs over a set of keys again and again, as a run does: looks up, computes what is missing, and reads all of it at the
# end. Whatever it has seen or written must still be there then.
USER = """
import os, random, sys, time
from hashlib import sha256
from pathlib import Path

from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record

path, seed = Path(sys.argv[1]), int(sys.argv[2])
choice = random.Random(seed)
computed = lost = 0
for _ in range(12):
    with LocalStore(path, index_bytes=4000) as store:
        used = {}
        for number in choice.sample(range(120), 40):
            key = sha256(b"%d" % number).digest()
            record = store.lookup(key)
            if record is None:
                value = Encoded("bytes", (key * 300,))
                record = store.publish(Record(key, "t/N", {"out": store.put(value)}, preimage=bytes(50)))
                computed += 1
            used[key] = record
        for key, record in used.items():
            content = store.get(record.outputs["out"])
            found = store.lookup(key)
            # A collection takes a record out of sight while it looks who uses it, and then gives it back: a look-up in
            # between is a miss, which costs time and nothing else.
            until = time.monotonic() + 10
            while found is None and time.monotonic() < until:
                time.sleep(0.01)
                found = store.lookup(key)
            if content is None or bytes(content) != key * 300 or found is None:
                lost += 1
print(computed, lost)
"""

COLLECTOR = """
import sys
from pathlib import Path
from flowra.storage.local import keeping
from flowra.storage.local.store import LocalStore
keeping._COMPACTED_FROM = 0
print("ready", flush=True)
collected = 0
stop = Path(sys.argv[2])
while not stop.exists():
    with LocalStore(Path(sys.argv[1]), index_bytes=4000) as store:
        collected += store.gc(100_000).records
print(collected)
"""


@pytest.mark.parametrize("users", [3])
def test_a_collection_during_runs_loses_nothing_that_a_run_uses(tmp_path, users):
    path, stop = tmp_path / "store", tmp_path / "stop"
    LocalStore(path).close()
    collector = subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, str(path), str(stop)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert collector.stdout.readline() == "ready\n"
        running = [
            subprocess.Popen([sys.executable, "-c", USER, str(path), str(seed)], stdout=subprocess.PIPE, text=True)
            for seed in range(users)
        ]
        results = [process.communicate(timeout=120)[0].split() for process in running]
    finally:
        stop.touch()
        collected = collector.communicate(timeout=60)[0]
    assert [process.returncode for process in (*running, collector)] == [0] * (users + 1)
    assert [int(lost) for _, lost in results] == [0] * users
    # The collection did take what was not used, so that it was computed again.
    assert int(collected) > 20
    assert sum(int(computed) for computed, _ in results) > 120
    with LocalStore(path) as store:
        assert store.verify().sound


def test_a_stopped_process_does_not_keep_its_key_from_those_who_will_not_wait(tmp_path):
    import os
    import signal

    key = sha256(b"0").digest()
    holder = (
        "import sys, time; from pathlib import Path; from flowra.storage.local.store import LocalStore\n"
        "from flowra.storage.record import Record\n"
        "from flowra.storage.refs import InlineRef\n"
        "store = LocalStore(Path(sys.argv[1])); key = bytes.fromhex(sys.argv[2])\n"
        "with store.lock(key):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
        "    print(store.publish(Record(key, 't/N', {'out': InlineRef('json', b'1')})).outputs['out'].data.decode())\n"
    )
    arguments = [sys.executable, "-c", holder, str(tmp_path / "store"), key.hex()]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        os.kill(process.pid, signal.SIGSTOP)
        with LocalStore(tmp_path / "store") as store, store.lock(key, timeout=0.2) as taken:
            from flowra.storage.record import Record
            from flowra.storage.refs import InlineRef

            assert not taken
            record = Record(key, "t/N", {"out": InlineRef("json", b"2")})
            assert store.publish(record) == record
        os.kill(process.pid, signal.SIGCONT)
        # It wakes up, publishes what it had, and is told what counts.
        assert process.communicate("\n")[0] == "2\n"
