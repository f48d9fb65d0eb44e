"""`flowra cluster`, and runs on the clusters that it starts, that somebody else started, and that settings name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.cluster_nodes import Work
from fixtures.pack_factory import install_pack, isolated_site

from flowra.dag.graph import Graph
from flowra.exceptions import ClusterError, UsageError
from flowra.execute.executors import executor_for
from flowra.execute.session import Session
from flowra.plugin import PluginManager, use_manager
from flowra.version import VERSION

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user with nothing of his own yet, whose cluster is ended after the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    flowra("stop")


def flowra(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "flowra.cli.main", "cluster", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def started(*words, **environment):
    done = flowra("start", "--port", "0", "--json", *words, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def status(**environment):
    return json.loads(flowra("status", "--json", **environment).stdout)


def run_on(executor, folder):
    graph = Graph("one")
    graph.output("value", graph.add(Work, id="work", value=1.0, ledger=str(folder / "ledger"))["value"])
    with Session(executor=executor_for(executor), store=folder / "store") as session:
        return session.run(graph).raise_for_status().outputs


def gone(process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_a_cluster_that_was_started_stays_is_described_runs_graphs_and_is_stopped(home):
    about = started("--workers", "2", "--threads", "3")
    assert about["address"].startswith("tls://127.0.0.1:")
    again = flowra("start")
    assert again.returncode == 2
    assert "a cluster runs already" in again.stderr
    found = status()
    assert [(worker["name"], worker["threads"]) for worker in found["workers"]] == [("1", 3), ("2", 3)]
    assert {worker["flowra"] for worker in found["workers"]} == {VERSION}
    assert found["dashboard"] is None
    for secret in (Path(about["certificates"]["key"]), home / "cache" / "flowra" / "cluster" / "cluster.json"):
        assert secret.stat().st_mode & 0o777 == 0o600
    assert run_on("cluster", home) == {"value": 2.0}
    assert run_on(about["address"], home) == {"value": 2.0}
    assert "the cluster has ended" in flowra("stop").stdout
    assert all(gone(worker["process"]) for worker in found["workers"])
    assert flowra("status").returncode == 1
    assert "no cluster runs here" in flowra("stop").stdout


def test_a_cluster_whose_keeper_was_killed_leaves_nothing_and_another_can_be_started(home):
    about = started("--workers", "1")
    workers = status()["workers"]
    os.kill(about["keeper"], signal.SIGKILL)
    assert all(gone(worker["process"]) for worker in workers)
    assert flowra("status").returncode == 1
    assert started("--workers", "1")["keeper"] != about["keeper"]


def test_a_cluster_whose_worker_was_killed_has_another_in_its_place(home):
    started("--workers", "1")
    before = status()["workers"][0]["process"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while [worker["process"] for worker in status()["workers"]] in ([], [before]):
        assert time.monotonic() < deadline


def test_workers_join_a_scheduler_with_its_certificate_and_are_not_let_in_with_another(home):
    address = started("--workers", "1")["address"]
    second = {"XDG_CACHE_HOME": str(home / "second")}
    try:
        started("--workers", "1", "--join", address, **second)
        assert len(status()["workers"]) == 2
        assert "the cluster has ended" in flowra("stop", **second).stdout
        assert len(status()["workers"]) == 1
    finally:
        flowra("stop", **second)
    stranger = {"XDG_CACHE_HOME": str(home / "third"), "XDG_CONFIG_HOME": str(home / "stranger")}
    without = flowra("start", "--join", address, **stranger)
    assert without.returncode == 2
    assert "there is no certificate to join with" in without.stderr
    started("--workers", "1", **stranger)  # makes one of its own
    flowra("stop", **stranger)
    refused = flowra("start", "--workers", "1", "--join", address, **stranger)
    assert refused.returncode == 4
    assert "a process of the cluster did not start" in refused.stderr
    assert len(status()["workers"]) == 1


def test_beyond_this_machine_a_cluster_is_started_with_a_warning(home):
    done = flowra("start", "--port", "0", "--workers", "1", "--host", "0.0.0.0")
    assert done.returncode == 0
    assert "warning: it listens on 0.0.0.0, beyond this machine" in done.stderr


def test_a_cluster_without_tls_is_refused_beyond_this_machine():
    with pytest.raises(UsageError) as error:
        executor_for("tcp://192.0.2.7:8786")
    assert "tcp+insecure://192.0.2.7:8786" in str(error.value)


def test_tls_without_certificates_says_where_they_belong(home):
    with pytest.raises(ClusterError, match="there are no certificates for the cluster"):
        run_on("tls://127.0.0.1:1", home)


def test_no_cluster_to_run_on_is_said(home):
    with pytest.raises(ClusterError, match="no cluster runs here"):
        executor_for("cluster")


def test_a_cluster_of_dask_s_interface_is_started_by_its_name_in_the_settings(home, monkeypatch):
    profile = {"class": "distributed.LocalCluster", "workers": 1, "n_workers": 0, "threads_per_worker": 1}
    profile["dashboard_address"] = "127.0.0.1:0"
    monkeypatch.setenv("FLOWRA_CLUSTERS", json.dumps({"mine": profile}))
    assert run_on("mine", home) == {"value": 2.0}


def test_a_cluster_class_that_is_not_there_is_said_with_the_setting(home, monkeypatch):
    monkeypatch.setenv("FLOWRA_CLUSTERS", json.dumps({"mine": {"class": "no_such_module.Cluster"}}))
    with pytest.raises(ClusterError, match=r"clusters\.mine\.class"):
        run_on("mine", home)


PLUGIN = """
    from flowra.plugin import ExecutorEntry, hookimpl

    @hookimpl
    def flowra_executors():
        return [ExecutorEntry("elsewhere", "{package}.where:Elsewhere")]
"""
WHERE = """
    from flowra.execute.local import LocalExecutor

    class Elsewhere(LocalExecutor):
        def execute(self, job):
            job.reporter.log("", "elsewhere", "info")
            return super().execute(job)
"""


def test_an_executor_that_a_pack_contributes_runs_graphs_by_its_name(home):
    site = home / "site"
    site.mkdir()
    with isolated_site(site):
        install_pack(site, "faraway", plugin=PLUGIN, modules={"where": WHERE})
        said = []
        with use_manager(PluginManager.discover()):
            graph = Graph("one")
            graph.output("value", graph.add(Work, id="work", value=1.0, ledger=str(home / "ledger"))["value"])
            with Session(executor=executor_for("elsewhere"), observers=[said.append]) as session:
                assert session.run(graph).raise_for_status().outputs == {"value": 2.0}
    assert [event.text for event in said if event.name == "log"] == ["elsewhere"]
