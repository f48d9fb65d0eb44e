"""Executors by what people write: `local`, `processes:4`, `tls://host:8786`, the name of a cluster."""

from __future__ import annotations

import difflib
import ipaddress
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowra.config.files import user_folder
from flowra.config.settings import load_settings
from flowra.exceptions import ClusterError, UsageError
from flowra.execute.executor import Executor
from flowra.execute.local import LocalExecutor
from flowra.plugin.manager import default_manager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowra.execute.cluster.packs import PackDelivery

__all__ = ["executor_for", "is_loopback"]

_INSECURE = "tcp+insecure://"
_PROCESSES = re.compile(r"processes(?::(\d+))?")


def executor_for(where: str, delivery: PackDelivery | None = None) -> Executor:
    """Return the executor that a text names; a cluster is started, or connected to, with the first run.

    Args:
        where: `local`; `processes` or `processes:N` for N worker processes on this machine, started and stopped by
            the run; `cluster` for the one that `flowra cluster start` started; `tls://HOST:PORT` for the scheduler of
            another, for which the certificates are those in dask's configuration (`distributed.comm.tls`), else those
            that Flowra keeps; `tcp://HOST:PORT` for one on this machine without certificates,
            `tcp+insecure://HOST:PORT` elsewhere; or a name: of a cluster in the setting `clusters`, or of an executor
            of a pack.
        delivery: Gives workers of a cluster the packs that they lack; None to refuse workers without them.

    Raises:
        UsageError: It names none.
        PluginError: The pack that it names can't be loaded.
    """
    if where == "local":
        return LocalExecutor()
    if (match := _PROCESSES.fullmatch(where)) is not None:
        count = int(match[1]) if match[1] else None
        if count == 0:
            raise UsageError("--executor processes:0 has no worker", fix="write processes:1 or more")
        return _on_processes(count, delivery)
    if where == "cluster":
        return _standing(delivery)
    if where.startswith(("tcp://", "tls://", _INSECURE)):
        return _at_address(where, delivery)
    settings = load_settings()
    if where in settings.clusters:
        return _of_profile(where, settings.clusters[where], delivery)
    manager = default_manager()
    for pack, entry in manager.entries("executors"):
        if entry.name == where:
            made: Executor = manager.load(entry.target, pack)()
            return made
    known = [
        "local",
        "processes",
        "cluster",
        *settings.clusters,
        *(entry.name for _, entry in manager.entries("executors")),
    ]
    near = difflib.get_close_matches(where, known, n=1)
    raise UsageError(
        f"there is no executor {where!r}",
        why=f"there are {', '.join(known)}, and tls://HOST:PORT",
        fix=f"did you mean {near[0]}?" if near else "name a cluster in the setting clusters: docs/cluster.md",
    )


def _on_processes(count: int | None, delivery: PackDelivery | None) -> Executor:
    from flowra.execute.cluster.executor import ClusterExecutor
    from flowra.execute.cluster.processes import ProcessCluster

    return ClusterExecutor(lambda: ProcessCluster(count), delivery)


def _at_address(address: str, delivery: PackDelivery | None) -> Executor:
    from flowra.execute.cluster.connection import RemoteCluster
    from flowra.execute.cluster.executor import ClusterExecutor

    if address.startswith("tls://"):
        return ClusterExecutor(lambda: RemoteCluster(address, _security), delivery)
    if address.startswith("tcp://") and not is_loopback(address):
        raise UsageError(
            "a cluster without TLS is not used beyond this machine",
            where=address,
            why="whoever is between can read the values, and run code on it and here",
            fix=f"use tls://, or say that you want it: {address.replace('tcp://', _INSECURE)}",
        )
    return ClusterExecutor(lambda: RemoteCluster(address.replace(_INSECURE, "tcp://"), None), delivery)


def is_loopback(address: str) -> bool:
    """Tell whether `SCHEME://HOST:PORT`, or a host alone, is this machine's loopback interface."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or address
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _standing(delivery: PackDelivery | None) -> Executor:
    from flowra.execute.cluster.connection import RemoteCluster
    from flowra.execute.cluster.executor import ClusterExecutor
    from flowra.execute.cluster.standing import running_cluster

    there = running_cluster()
    if there is None:
        raise ClusterError("no cluster runs here", fix="start one: flowra cluster start")
    return ClusterExecutor(lambda: RemoteCluster(there.address, there.security, there.dashboard), delivery)


def _security() -> Any:
    """Return the certificates for a cluster that is there: those of dask's configuration, else those that are kept."""
    from flowra.execute.cluster.certificates import kept_certificates
    from flowra.execute.cluster.connection import distributed_library

    configured = distributed_library().Security()
    if configured.tls_ca_file:
        return configured
    kept = kept_certificates()
    if kept is None:
        raise ClusterError(
            "there are no certificates for the cluster",
            where=str(user_folder() / "cluster"),
            fix="copy that folder from the machine where flowra cluster start made it, or configure dask's "
            "distributed.comm.tls",
        )
    return kept.security()


def _of_profile(name: str, profile: Mapping[str, Any], delivery: PackDelivery | None) -> Executor:
    from flowra.execute.cluster.connection import DaskCluster
    from flowra.execute.cluster.executor import ClusterExecutor

    options = dict(profile)
    module, _, class_name = options.pop("class").rpartition(".")
    workers = options.pop("workers", None)

    def start() -> DaskCluster:
        try:
            made = getattr(import_module(module), class_name)(**options)
        except ImportError as error:
            raise ClusterError(
                f"the cluster {name} can't be started",
                where=f"{module}.{class_name}",
                why=str(error),
                fix=f"install what it is in, or correct the setting clusters.{name}.class",
            ) from error
        except Exception as error:
            raise ClusterError(
                f"the cluster {name} can't be started",
                where=f"{module}.{class_name}",
                why=f"{type(error).__name__}: {error}",
                fix=f"correct the setting clusters.{name}",
            ) from error
        return DaskCluster(made, workers)

    return ClusterExecutor(start, delivery)
