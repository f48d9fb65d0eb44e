"""What the processes of a cluster open on this machine."""

from __future__ import annotations

import urllib.request

import psutil
import pytest

from flowra.execute.cluster.processes import ProcessCluster


@pytest.fixture(scope="module")
def ports():
    cluster = ProcessCluster(1)
    processes = [psutil.Process(pid) for pid in (cluster.scheduler_pid, *cluster.pids)]
    found = [each for process in processes for each in process.net_connections()]
    yield [each.laddr for each in found if each.status == psutil.CONN_LISTEN]
    cluster.close()


def test_they_listen_on_the_loopback_interface_alone(ports):
    assert {address.ip for address in ports} == {"127.0.0.1"}


@pytest.mark.parametrize("page", ["", "health", "status", "metrics", "info/main/workers.html"])
def test_without_a_dashboard_no_page_is_given(ports, page):
    for address in ports:
        # A port with TLS hangs up; one for pages has none.
        with pytest.raises(OSError, match=r"reset|404|closed|disconnected"):
            urllib.request.urlopen(f"http://127.0.0.1:{address.port}/{page}", timeout=20)
