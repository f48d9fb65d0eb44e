"""Measure what the local store costs beside the work that can't be avoided.

Run it in an environment that has Flowra::

    python benchmarks/store.py

Values: storing and reading them, beside hashing and writing, or reading and hashing, plain files. Records: publishing
one at a time (visible to all processes at once) and looking up, in the same session and in a new one, beside SQLite
with one row each in one transaction. Both sides take turns, round after round, in CPU and wall time: the medians'
ratios can be trusted where a noisy machine's milliseconds can't.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flowra.storage.codec import canonical
from flowra.storage.codec.encoded import Encoded
from flowra.storage.local.store import LocalStore
from flowra.storage.record import Record
from flowra.storage.refs import BlobRef, InlineRef

KIB, MIB = 1 << 10, 1 << 20
Times = dict[str, list[tuple[float, float]]]


@contextmanager
def timed(times: Times, name: str, count: int) -> Iterator[None]:
    """Take down wall and CPU seconds for one of `count` things."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    taken = (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
    times.setdefault(name, []).append(taken)


def plain_write(path: Path, content: bytes) -> None:
    """Hash and write, with nothing else."""
    hashlib.sha256(content).digest()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, content)
    os.close(descriptor)


def plain_read(path: Path) -> None:
    """Read and hash, with nothing else."""
    hashlib.sha256(path.read_bytes()).digest()


class Watch:
    """Wall and CPU time of one side, added up over its turns."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def run(self, work: Callable[[], object]) -> object:
        """Do a piece of work, and add its time."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return result


def values_round(times: Times, folder: Path, count: int, size: int) -> None:
    """Store and read values on both sides, in turns: the first to touch fresh memory pays several times as much."""
    watches = {name: Watch() for name in ("plain write", "put", "put again", "plain read", "get", "has")}
    (folder / "plain").mkdir()
    refs = []
    with LocalStore(folder / "store") as store:
        for number in range(count):
            content = os.urandom(size)
            path = folder / "plain" / str(number)
            sides = [
                lambda path=path, content=content: watches["plain write"].run(lambda: plain_write(path, content)),
                lambda content=content: watches["put"].run(lambda: store.put(Encoded("bytes", (content,)))),
            ]
            for side in sides if number % 2 else reversed(sides):
                side()
            refs.append(watches["put again"].run(lambda content=content: store.put(Encoded("bytes", (content,)))))
    with LocalStore(folder / "store") as store:
        for number, ref in enumerate(refs):
            assert isinstance(ref, BlobRef)
            watches["plain read"].run(lambda number=number: plain_read(folder / "plain" / str(number)))
            assert watches["get"].run(lambda ref=ref: store.get(ref)) is not None
            watches["has"].run(lambda ref=ref: store.has(ref))
    for name, watch in watches.items():
        times.setdefault(name, []).append((watch.wall / count, watch.cpu / count))


def records_round(times: Times, folder: Path, count: int) -> None:
    """Publish and look up records on both sides."""
    keys = [hashlib.sha256(os.urandom(8)).digest() for _ in range(count)]
    preimage = b'{"type":"image/Resize","code":"' + b"0" * 400 + b'"}'
    records = [
        Record(key, "image/Resize", {"image": InlineRef("json", b"%d" % number)}, 0.01, preimage, 1.0)
        for number, key in enumerate(keys)
    ]
    connection = sqlite3.connect(folder / "peer.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE records (key BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
    with timed(times, "SQLite, one batch", count):
        connection.execute("BEGIN")
        for key in keys:
            connection.execute("INSERT INTO records VALUES (?, ?)", (key, preimage))
        connection.execute("COMMIT")
    with timed(times, "SQLite, looked up", count):
        for key in keys:
            connection.execute("SELECT content FROM records WHERE key = ?", (key,)).fetchone()
    connection.close()
    with LocalStore(folder / "store") as store:
        with timed(times, "looked up, a miss", count):
            for key in keys:
                assert store.lookup(key) is None
        with timed(times, "published", count):
            for record in records:
                store.publish(record)
        with timed(times, "looked up, same session", count):
            for key in keys:
                assert store.lookup(key) is not None
        with timed(times, "locked and let go", count):
            for key in keys:
                with store.lock(key):
                    pass
    with timed(times, "opening the store", 1):
        store = LocalStore(folder / "store")
    with store, timed(times, "looked up, new session", count):
        for key in keys:
            assert store.lookup(key) is not None
    with LocalStore(folder / "store") as store, timed(times, "looked up, many at once", count):
        assert len(store.lookup_many(keys)) == count


def scalars_round(times: Times, count: int) -> None:
    """Encode small values."""
    for name, value in (("float", 0.5), ("text", "a name"), ("dictionary", {"a": 1, "b": [0.5, "x"]})):
        with timed(times, f"encoded, a {name}", count):
            for _ in range(count):
                canonical.encode(value)


def rounds_of(rounds: int, measure: Callable[[Times, Path], None]) -> dict[str, tuple[float, float]]:
    """Return the medians of wall and CPU time, by name."""
    times: Times = {}
    for _ in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="flowra-benchmark-"))
        try:
            measure(times, folder)
        finally:
            shutil.rmtree(folder)
    return {
        name: (statistics.median(wall for wall, _ in each), statistics.median(cpu for _, cpu in each))
        for name, each in times.items()
    }


def show(title: str, medians: dict[str, tuple[float, float]], ratios: dict[str, str]) -> None:
    """Print medians, and their ratio to what they are compared with."""
    print(f"\n{title:34} {'wall µs':>10} {'CPU µs':>10} {'CPU ratio':>10}")
    for name, (wall, cpu) in medians.items():
        base = ratios.get(name)
        ratio = f"{cpu / medians[base][1]:.2f} × {base}" if base else ""
        print(f"{name:34} {wall * 1e6:10.2f} {cpu * 1e6:10.2f}   {ratio}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    beside = {"put": "plain write", "put again": "plain write", "get": "plain read"}
    for count, size, title in ((1000, 10 * KIB, "1000 × 10 KiB, each"), (50, 8 * MIB, "50 × 8 MiB, each")):
        medians = rounds_of(
            rounds, lambda times, folder, count=count, size=size: values_round(times, folder, count, size)
        )
        show(title, medians, beside)
    records = rounds_of(rounds, lambda times, folder: records_round(times, folder, 10_000))
    against = {
        "published": "SQLite, one batch",
        "looked up, same session": "SQLite, looked up",
        "looked up, new session": "SQLite, looked up",
        "looked up, many at once": "SQLite, looked up",
    }
    show("10,000 records, each", records, against)
    show("small values, each", rounds_of(rounds, lambda times, _: scalars_round(times, 20_000)), {})


if __name__ == "__main__":
    main()
