"""Values that workers have from each other where the store is far: with what row 2 of the faults promises."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
from fixtures import far_store
from fixtures.cluster_nodes import Mean, Picture
from fixtures.pack_factory import install_pack

from flowra.dag.graph import Graph
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager
from flowra.testing.semantics.ledger import Ledger


class Far:
    """A session on two workers, with a store that is far."""

    def __init__(self, tmp_path):
        self.cluster = ProcessCluster(2)
        address = f"far://{tmp_path / 'store'}"
        self.session = Session(executor=ClusterExecutor(lambda: self.cluster), store=address)
        self._reads = Ledger(tmp_path / "store" / "reads")
        self._blobs = tmp_path / "store" / "blobs"
        self.ledger = Ledger(tmp_path / "ledger")

    def stored(self):
        """Return the files of the values of some size, once there are some."""
        deadline = time.monotonic() + 30
        while True:
            found = [path for path in self._blobs.rglob("*") if path.is_file() and path.stat().st_size > 90_000]
            if found:
                return found
            assert time.monotonic() < deadline, "nothing was ever stored"
            time.sleep(0.01)

    def reads(self):
        """Return how often each process has read a value of some size from the store."""
        return Counter(int(line.split()[1]) for line in self._reads.lines())


@pytest.fixture
def far(tmp_path, monkeypatch):
    install_pack(tmp_path / "site", "far", plugin=far_store.PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    with use_manager(PluginManager.discover()):
        far = Far(tmp_path)
        with far.session:
            yield far


def fan_out(far, **ports):
    graph = Graph("fan")
    array = graph.add(Picture, id="picture", number=7, ledger=str(far.ledger))["array"]
    mean = graph.add(Mean, id="mean", array=array, number=list(range(12)), **ports)
    graph.output("values", mean["value"])
    graph.output("processes", mean["process"])
    return graph


def test_a_value_that_a_worker_has_is_not_read_from_a_store_that_is_far(far):
    run = far.session.run(fan_out(far, seconds=0.05)).raise_for_status()
    assert run.outputs["values"] == [7.0 + number for number in range(12)]
    assert len(set(run.outputs["processes"])) == 2
    assert not far.reads().keys() - {os.getpid()}
    # It is stored all the same: nothing runs again.
    far.session.run(fan_out(far, seconds=0.05)).raise_for_status()
    assert len(far.ledger.lines()) == 1


def test_row_2_what_a_killed_worker_had_is_read_from_the_store_and_not_computed_again(far, tmp_path):
    gate = tmp_path / "gate"
    running = far.session.start(fan_out(far, gate=str(gate)))
    far.stored()
    [line] = far.ledger.lines()
    os.kill(int(line.split()[1]), signal.SIGKILL)
    gate.write_text("open")
    run = running.wait(timeout=60).raise_for_status()
    assert run.outputs["values"] == [7.0 + number for number in range(12)]
    assert len(far.ledger.lines()) == 1, "what the store has is not computed again"


def test_a_value_that_the_store_has_lost_comes_from_a_worker_that_has_it(far, tmp_path):
    gate = tmp_path / "gate"
    running = far.session.start(fan_out(far, gate=str(gate)))
    for path in far.stored():
        path.unlink()
    gate.write_text("open")
    run = running.wait(timeout=60).raise_for_status()
    assert run.outputs["values"] == [7.0 + number for number in range(12)]
    assert len(far.ledger.lines()) == 1
