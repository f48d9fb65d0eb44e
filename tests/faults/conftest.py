from __future__ import annotations

import pytest
from fixtures.fault_pack import FaultyCommandLine
from fixtures.small_disk import mounted_disk

from flowra.execute.cluster.processes import ProcessCluster


@pytest.fixture(scope="module")
def shared_cluster():
    """Two workers that the tests of a module share; none of them is to be lost."""
    cluster = ProcessCluster(2)
    yield cluster
    cluster.close()


@pytest.fixture
def flowra(tmp_path):
    """`flowra` as people run it, in a place of its own, with a pack whose nodes keep a ledger."""
    return FaultyCommandLine(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """The folder of a file system of 2 MiB."""
    with mounted_disk(tmp_path / "disk", size="2m") as disk:
        yield disk
