"""Rows 15 and 16 of the faults, on workers that others have started; and workers that don't reach the store."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from fixtures.cluster_nodes import Work
from fixtures.clusters import ForeignCluster
from fixtures.pack_factory import install_pack

from flowra.dag.graph import Graph
from flowra.exceptions import ClusterError
from flowra.execute.cluster.connection import RemoteCluster
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager
from flowra.testing.semantics.ledger import Ledger

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Where")]
"""
NODES = """
    import os
    import time

    from flowra.dag.node import BaseArgs, Node

    class Where(Node):
        class InputArgs(BaseArgs):
            number: int

        class OutputArgs(BaseArgs):
            process: int

        def run(self, context, args):
            time.sleep(0.05)
            return self.OutputArgs(process=os.getpid())
"""
#: What makes a folder another one for a process than for all others: another machine's.
ELSEWHERE = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"']


def path_with(*folders):
    """Return the environment in which Flowra, these tests and some folders are found."""
    own = [each for each in sys.path if each and "site-packages" not in each]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *own])}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The folder in which the pack `acme` lies, as the driver has it."""
    site = tmp_path / "site"
    install_pack(site, "acme", plugin=PLUGIN, modules={"nodes": NODES})
    return site


@pytest.fixture
def cluster(tmp_path, site):
    cluster = ForeignCluster(tmp_path, path_with())
    yield cluster
    cluster.close()


@pytest.fixture
def session(tmp_path, monkeypatch, site, cluster):
    monkeypatch.setenv("FLOWRA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWRA_OUTPUT_DIR", str(tmp_path / "output"))
    monkeypatch.syspath_prepend(str(site))
    with (
        use_manager(PluginManager.discover()),
        Session(
            executor=ClusterExecutor(lambda: RemoteCluster(cluster.address, None)), store=tmp_path / "shared" / "store"
        ) as session,
    ):
        yield session


def wait_for_workers(cluster, count):
    connection = RemoteCluster(cluster.address, None).connect()
    try:
        connection.client.wait_for_workers(count, timeout=60)
    finally:
        connection.close()


def where(numbers):
    graph = Graph("where")
    graph.output("process", graph.add("acme/Where", id="where", number=list(range(numbers)))["process"])
    return graph


def test_row_15_a_worker_that_lacks_a_pack_is_named_and_gets_none_of_its_nodes(session, cluster, site, tmp_path):
    able = cluster.join("able", path_with(site))
    poor = cluster.join("poor")
    wait_for_workers(cluster, 2)
    heard = []
    run = session.run(where(8), observers=[heard.append]).raise_for_status()
    assert set(run.outputs["process"]) == {able}
    assert "worker poor lacks the pack acme and gets none of its nodes" in [
        getattr(event, "text", "") for event in heard
    ]
    # Nodes of others it gets.
    ledger = Ledger(tmp_path / "ledger")
    graph = Graph("others")
    graph.add(Work, id="work", value=list(range(8)), seconds=0.1, ledger=str(ledger))
    session.run(graph).raise_for_status()
    assert {int(line.split()[1]) for line in ledger.lines()} == {able, poor}


def test_row_16_another_version_of_a_pack_is_refused_and_both_are_named(session, cluster, site, tmp_path):
    install_pack(tmp_path / "old", "acme", version="0.2.9", plugin=PLUGIN, modules={"nodes": NODES})
    cluster.join("able", path_with(site))
    cluster.join("old", path_with(tmp_path / "old"))
    wait_for_workers(cluster, 2)
    with pytest.raises(ClusterError) as error:
        session.run(where(2))
    assert "worker old has another version of the pack acme" in str(error.value)
    assert "it has acme 0.2.9, and here is acme 0.3.0" in str(error.value)


def test_a_worker_that_does_not_reach_the_store_is_named_and_gets_nothing(session, cluster, tmp_path, site):
    shared = tmp_path / "shared"
    shared.mkdir(exist_ok=True)
    if subprocess.run([*ELSEWHERE, str(shared), "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process can be given a folder of its own here")
    far = cluster.join("far", path_with(site), [*ELSEWHERE, str(shared)])
    wait_for_workers(cluster, 1)
    with pytest.raises(ClusterError) as error:
        session.run(where(2))
    assert "no worker can use the store" in str(error.value)
    assert "worker far" in str(error.value)
    near = cluster.join("near", path_with(site))
    wait_for_workers(cluster, 2)
    heard = []
    run = session.run(where(6), observers=[heard.append]).raise_for_status()
    assert set(run.outputs["process"]) == {near} != {far}
