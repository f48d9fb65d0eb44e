"""The cluster executor keeps every promise of graphs, on real processes."""

from __future__ import annotations

import pytest
from fixtures.clusters import Shared

from flowra.execute.cluster.executor import ClusterExecutor
from flowra.execute.cluster.processes import ProcessCluster
from flowra.testing.executor_suite import ExecutorSuite


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
