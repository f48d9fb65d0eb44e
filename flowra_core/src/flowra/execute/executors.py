"""Executors by what people write: `local`, `processes:4`, `tls://host:8786`, the name of a cluster."""

from __future__ import annotations

import difflib
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowra.config.settings import load_settings
from flowra.exceptions import ClusterError, UsageError
from flowra.execute.executor import Executor
from flowra.execute.local import LocalExecutor
from flowra.plugin.manager import default_manager

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["executor_for"]

_PROCESSES = re.compile(r"processes(?::(\d+))?")


def executor_for(where: str) -> Executor:
    """Return the executor that a text names; a cluster is started, or connected to, with the first run.

    Args:
        where: `local`; `processes` or `processes:N` for N worker processes on this machine, started and stopped by
            the run; `tcp://HOST:PORT` or `tls://HOST:PORT` for the scheduler of a cluster; or a name: of a cluster in
            the setting `clusters`, of the cluster that `flowra cluster start` started, or of an executor of a pack.

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
        return _on_processes(count)
    if where.startswith(("tcp://", "tls://")):
        return _at_address(where)
    settings = load_settings()
    if where in settings.clusters:
        return _of_profile(where, settings.clusters[where])
    manager = default_manager()
    for pack, entry in manager.entries("executors"):
        if entry.name == where:
            made: Executor = manager.load(entry.target, pack)()
            return made
    known = ["local", "processes", *settings.clusters, *(entry.name for _, entry in manager.entries("executors"))]
    near = difflib.get_close_matches(where, known, n=1)
    raise UsageError(
        f"there is no executor {where!r}",
        why=f"there are {', '.join(known)}, and tcp://HOST:PORT or tls://HOST:PORT",
        fix=f"did you mean {near[0]}?" if near else "name a cluster in the setting clusters: docs/cluster.md",
    )


def _on_processes(count: int | None) -> Executor:
    from flowra.execute.cluster.executor import ClusterExecutor
    from flowra.execute.cluster.processes import ProcessCluster

    return ClusterExecutor(lambda: ProcessCluster(count))


def _at_address(address: str) -> Executor:
    from flowra.execute.cluster.connection import RemoteCluster
    from flowra.execute.cluster.executor import ClusterExecutor

    return ClusterExecutor(lambda: RemoteCluster(address))


def _of_profile(name: str, profile: Mapping[str, Any]) -> Executor:
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

    return ClusterExecutor(start)
