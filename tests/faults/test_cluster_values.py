"""Rows 18 and 20 of the faults, on a cluster: a value that a worker reads is damaged or gone in mid-run."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from fixtures.cluster_nodes import Block, Count, Hold, Measure, Mirror, SendBlock, SlowAgain, Work
from fixtures.clusters import Shared

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.session import Session
from flowra.testing.semantics.ledger import Ledger

SUM = 12_500.0 * sum(b"%08d" % 7)


@pytest.fixture
def session(tmp_path, monkeypatch, shared_cluster):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    with Session(executor=ClusterExecutor(lambda: Shared(shared_cluster)), store=tmp_path / "store") as session:
        yield session


class Held:
    """A graph whose node `hold` waits for a gate, while a test does something to the values that are there."""

    def __init__(self, tmp_path):
        self.ledger = Ledger(tmp_path / "ledger")
        self.graph = Graph("held")
        self._gate = tmp_path / "gate"
        self._store = tmp_path / "store"

    def add(self, node_class, name, **ports):
        return self.graph.add(node_class, id=name, ledger=str(self.ledger), **ports)

    def add_hold(self, **ports):
        return self.add(Hold, "hold", gate=str(self._gate), **ports)["value"]

    def counts(self):
        return Counter(line.partition(" ")[0] for line in self.ledger.lines())

    def blobs(self):
        return [path for path in (self._store / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 90_000]

    def run(self, session, harm, values):
        """Run it, harm its values once there are so many, and return what came of it."""
        running = session.start(self.graph)
        deadline = time.monotonic() + 30
        while "hold" not in self.counts() or len(self.blobs()) < values:
            assert time.monotonic() < deadline, f"it never came to that: {self.counts()}"
            time.sleep(0.01)
        for path in self.blobs():
            harm(path)
        self._gate.write_text("open")
        return running.wait(timeout=60)


@pytest.fixture
def held(tmp_path):
    return Held(tmp_path)


def flip(path: Path):
    content = bytearray(path.read_bytes())
    content[50_000] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [flip, Path.unlink], ids=["row_18_damaged", "row_20_gone"])
def test_rows_18_20_a_value_that_a_worker_misses_is_made_again_by_its_producer_alone(session, held, harm):
    first = held.add(Work, "first", value=6)["value"]
    block = held.add(Block, "block", number=first)["data"]
    times = held.add_hold(value=1)
    held.graph.output("sum", held.add(Measure, "measure", data=block, times=times)["value"])
    done = held.run(session, harm, 1).raise_for_status()
    assert done.outputs == {"sum": 2 * SUM}
    assert held.counts() == {"first": 1, "block": 2, "hold": 1, "measure": 1}
    # Healed: nothing runs any more.
    assert session.run(held.graph).outputs == {"sum": 2 * SUM}
    assert sum(held.counts().values()) == 5
    found = session.store.verify()
    assert (found.damaged_records, found.incomplete_records) == (0, 0)


def test_row_20_what_a_lost_value_was_made_of_is_made_again_where_it_is_lost_too(session, held):
    block = held.add(Block, "block", number=7)["data"]
    mirror = held.add(Mirror, "mirror", data=block)["data"]
    held.graph.output("sum", held.add(Measure, "measure", data=mirror, times=held.add_hold(value=0))["value"])
    assert held.run(session, Path.unlink, 2).raise_for_status().outputs == {"sum": SUM}
    assert held.counts() == {"block": 2, "mirror": 2, "hold": 1, "measure": 1}


def test_row_18_of_a_list_the_damaged_item_alone_is_made_again(session, held):
    blocks = held.add(Block, "block", number=[1, 2, 3])["data"]
    # All of them are there before it holds a worker.
    times = held.add_hold(value=held.add(Count, "count", values=blocks)["value"])
    measured = held.add(Measure, "measure", data=blocks, times=times)["value"]
    held.graph.output("sums", measured)
    harmed = []

    def harm(path):
        if not harmed:
            flip(path)
            harmed.append(path)

    done = held.run(session, harm, 3).raise_for_status()
    assert done.outputs == {"sums": [4 * 12_500.0 * sum(b"%08d" % number) for number in (1, 2, 3)]}
    assert sum(count for name, count in held.counts().items() if name.startswith("block")) == 4
    assert sum(count for name, count in held.counts().items() if name.startswith("measure")) == 3


def test_cancelling_while_a_lost_value_is_made_again_is_no_failure(session, tmp_path):
    ledger, gate = Ledger(tmp_path / "ledger"), tmp_path / "gate"
    graph = Graph("again")
    block = graph.add(SlowAgain, id="block", number=7, ledger=str(ledger.path))["data"]
    times = graph.add(Hold, id="hold", gate=str(gate), ledger=str(tmp_path / "held"))["value"]
    graph.output("sum", graph.add(Measure, id="measure", data=block, times=times)["value"])
    running = session.start(graph)
    blobs = []

    def wait_until(there):
        deadline = time.monotonic() + 30
        while not there():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stored():
        blobs[:] = [path for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()]
        return any(path.stat().st_size > 90_000 for path in blobs)

    wait_until(stored)
    for path in blobs:
        if path.stat().st_size > 90_000:
            path.unlink()
    gate.write_text("open")
    wait_until(lambda: len(ledger.lines()) == 2)
    running.cancel()
    done = running.wait(timeout=60)
    assert done.status == "cancelled"
    assert done.failures == {}


def test_row_20_what_a_node_with_effects_gave_is_not_made_again_but_said_to_be_lost(session, held):
    block = held.add(SendBlock, "block", number=7)["data"]
    held.add(Measure, "measure", data=block, times=held.add_hold(value=0))
    failure = held.run(session, Path.unlink, 1).failures["measure"]
    assert "a value of this run is lost" in failure.what
    assert held.counts() == {"block": 1, "hold": 1}
