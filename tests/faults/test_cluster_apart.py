"""Workers without a disk in common: they share results through a store behind a network, each with its own tier."""

from __future__ import annotations

import os
import sys

import pytest
from fixtures.cluster_nodes import Mean, Picture
from fixtures.clusters import ForeignCluster

from flowra.dag.graph import Graph
from flowra.execute.cluster.connection import RemoteCluster
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager
from flowra.testing.semantics.ledger import Ledger


@pytest.fixture
def cluster(tmp_path):
    own = [each for each in sys.path if each and "site-packages" not in each]
    cluster = ForeignCluster(tmp_path, {**os.environ, "PYTHONPATH": os.pathsep.join(own)})
    yield cluster
    cluster.close()


def on_machine(tmp_path, name):
    """Return what makes a process one of another machine: a cache folder that no other process uses."""
    return {"FLOWRA_CACHE_DIR": str(tmp_path / name)}


def graph(ledger):
    graph = Graph("apart")
    array = graph.add(Picture, id="picture", number=7, ledger=str(ledger))["array"]
    mean = graph.add(Mean, id="mean", array=array, number=list(range(8)), seconds=0.2)
    graph.output("values", mean["value"])
    graph.output("processes", mean["process"])
    return graph


def test_workers_apart_share_values_and_the_next_machine_computes_nothing(cluster, tmp_path, monkeypatch):
    share = tmp_path / "share"
    share.mkdir()
    ledger = Ledger(tmp_path / "ledger")
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "driver"))
    workers = {
        cluster.join("beside", on_machine(tmp_path, "driver")),
        cluster.join("apart", on_machine(tmp_path, "apart")),
    }
    wait_for_workers(cluster, 2)
    with use_manager(PluginManager.discover()):
        executor = ClusterExecutor(lambda: RemoteCluster(cluster.address, None))
        with Session(executor=executor, store=f"shared://{share}?heartbeat=1") as session:
            first = session.run(graph(ledger), uploads="require").raise_for_status()
        assert set(first.outputs["processes"]) == workers
        assert first.outputs["values"] == [7.0 + number for number in range(8)]
        assert len(ledger.lines()) == 1
        monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "another"))
        with Session(store=f"shared://{share}?heartbeat=1") as session:
            again = session.run(graph(ledger)).raise_for_status()
    assert again.outputs == first.outputs
    assert len(ledger.lines()) == 1


def wait_for_workers(cluster, count):
    connection = RemoteCluster(cluster.address, None).connect()
    try:
        connection.client.wait_for_workers(count, timeout=60)
    finally:
        connection.close()
