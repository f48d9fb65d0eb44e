"""Processes of a cluster on this machine, which end with the process that started them, whatever ends that."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from flowra.exceptions import ClusterError, PluginError
from flowra.execute.cluster.connection import Cluster, Connection, distributed_library
from flowra.execute.cluster.members import Member
from flowra.execute.resources.gpus import usable_gpus

__all__ = ["LOOPBACK", "ProcessCluster", "python_path"]

LOOPBACK = "127.0.0.1"
#: Seconds that a process has to start in.
_START = 60.0

#: Seconds until a worker that was lost is replaced: as a rule, and at most where one after the other fails.
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Seconds after which a worker counts as one that has started well.
_SETTLED = 2.0


class ProcessCluster(Cluster):
    """A scheduler and workers in processes of their own, with TLS.

    Each process ends when the pipe from this one closes: also where this one is killed. A worker that is lost is
    started again. Where there are graphics cards, each worker sees its share of them, at least one.

    Args:
        workers: How many workers; one for each processor that may be used if None.
        threads: Batches that a worker runs at the same time.
        dashboard: Whether dask's dashboard is served, on a free port of the loopback interface.
        host: The address of the interface that they listen on: the loopback interface.
        port: The scheduler's port; 0 for any that is free.
        join: The address of a scheduler elsewhere that the workers belong to; empty to start one.
        security: The certificates; None for some that are made now and exist in memory only.

    Attributes:
        address: The scheduler's address.
        dashboard: The address of dask's dashboard; empty where it is off.

    Raises:
        PluginError: What the dashboard needs is not installed.
        ClusterError: A process did not start.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        threads: int = 1,
        dashboard: bool = False,
        host: str = LOOPBACK,
        port: int = 0,
        join: str = "",
        security: Any = None,
    ) -> None:
        distributed = distributed_library()
        if dashboard:
            _check_dashboard()
        self._host = host
        self._count = workers if workers is not None else _processors()
        self._threads = threads
        self._security: Any = security if security is not None else distributed.Security.temporary()
        self._folder = tempfile.TemporaryDirectory(prefix="flowra-cluster-", ignore_cleanup_errors=True)
        self._closed = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.address = join
        self.dashboard = ""
        try:
            if not join:
                self._scheduler = self._start({"role": "scheduler", "port": port, "dashboard": dashboard})
                said = self._said(self._scheduler)
                self.address, self.dashboard = said["address"], said["dashboard"]
            self._workers = [self._start_worker(number) for number in range(self._count)]
            for process in self._workers:
                self._said(process)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._supervise, name="flowra-cluster", daemon=True).start()

    def connect(self) -> Connection:
        """Return a new connection to it."""
        return Connection(self.address, self._security)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [process.pid for process in self._workers]

    @property
    def scheduler_pid(self) -> int:
        """The process id of the scheduler."""
        assert self._scheduler is not None, "it was joined"
        return self._scheduler.pid

    @property
    def alive(self) -> bool:
        """Whether its scheduler has not ended, as far as this process can tell."""
        return self._scheduler is None or self._scheduler.poll() is None

    def give_up(self, member: Member) -> None:
        """Kill a worker that the scheduler has lost: one that only stands still would hold what others wait for."""
        if member.process in self.pids:
            with suppress(ProcessLookupError):
                os.kill(member.process, signal.SIGKILL)

    def close(self) -> None:
        """End every process."""
        self._closed.set()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self._folder.cleanup()

    def _start_worker(self, number: int) -> subprocess.Popen[bytes]:
        name = f"{number + 1}" if self._scheduler is not None else f"{socket.gethostname()}-{number + 1}"
        about = {"role": "worker", "scheduler": self.address, "name": name, "threads": self._threads}
        return self._start(about, _cards(number, self._count))

    def _start(self, about: dict[str, Any], cards: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        whole = {
            **about,
            "host": self._host,
            "path": sys.path,
            "folder": self._folder.name,
            "security": _as_data(self._security),
        }
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "flowra.execute.cluster.member", about["role"], about.get("name", "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the driver, which lets nodes end.
            start_new_session=True,
            env={**os.environ, **(cards or {}), "PYTHONPATH": os.pathsep.join(python_path())},
        )
        self._processes.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps(whole).encode() + b"\n")
        process.stdin.flush()
        return process

    def _said(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Return what a process says of itself when it is ready."""
        assert process.stdout is not None
        timer = threading.Timer(_START, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            raise ClusterError(
                "a process of the cluster did not start",
                why=f"it ended with code {process.wait()}; what it said stands above",
            )
        said: dict[str, Any] = json.loads(line)
        if "failed" in said:
            raise ClusterError(
                "a process of the cluster did not start",
                where=said["where"],
                why=said["failed"],
                fix="a scheduler needs a port that is free; a worker a scheduler that is there, and its certificate",
            )
        return said

    def _supervise(self) -> None:
        began = dict.fromkeys(range(len(self._workers)), time.monotonic())
        pause = dict.fromkeys(began, _PAUSE)
        while not self._closed.wait(_PAUSE):
            for number, process in enumerate(self._workers):
                if process.poll() is None:
                    continue
                # One that fails as it starts is not started over and over.
                settled = time.monotonic() - began[number] > _SETTLED
                pause[number] = _PAUSE if settled else min(2 * pause[number], _LONGEST_PAUSE)
                if self._closed.wait(pause[number]):
                    return
                self._workers[number] = self._start_worker(number)
                began[number] = time.monotonic()


def _cards(number: int, workers: int) -> dict[str, str]:
    """Return what says to a worker, in its environment, which graphics cards are its own."""
    gpus = usable_gpus()
    if not gpus or workers == 1:
        return {}
    own = gpus[number::workers] or (gpus[number % len(gpus)],)
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpu.id for gpu in own)}


def _check_dashboard() -> None:
    try:
        import_module("bokeh")
    except ImportError as error:
        raise PluginError(
            "dask's dashboard needs the package bokeh", why=str(error), fix="pip install 'bokeh>=3.1', or do without"
        ) from error


def _processors() -> int:
    from flowra.execute.resources.limits import usable_cores

    return max(1, int(usable_cores()))


def python_path() -> list[str]:
    """Return where a child finds Flowra, also where this process was told by `sys.path` alone."""
    own = str(Path(__file__).parents[3])
    return [own, *filter(None, [os.environ.get("PYTHONPATH", "")])]


def _as_data(security: Any) -> dict[str, str]:
    return {
        name: value
        for name in security.__slots__
        if isinstance(value := getattr(security, name), str) and name.startswith("tls_")
    }
