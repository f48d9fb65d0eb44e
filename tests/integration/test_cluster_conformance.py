"""The cluster executor keeps every promise of graphs, on real processes."""

from __future__ import annotations

import pytest

from flowra.execute.cluster.connection import Cluster
from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.testing.executor_suite import ExecutorSuite


class Shared(Cluster):
    """The cluster of all tests, which stays when one of them is through with it."""

    def __init__(self, cluster):
        self._cluster = cluster

    def connect(self):
        return self._cluster.connect()

    def close(self):
        pass


@pytest.fixture(scope="module", autouse=True)
def processes():
    TestOnProcesses.cluster = ProcessCluster(2, threads=4)
    yield
    TestOnProcesses.cluster.close()


class TestOnProcesses(ExecutorSuite):
    processes = 2
    cluster: ProcessCluster

    def make_executor(self):
        return ClusterExecutor(lambda: Shared(TestOnProcesses.cluster))


class TestOnProcessesWithoutCache(TestOnProcesses):
    cache = False
