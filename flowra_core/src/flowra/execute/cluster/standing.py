"""The cluster that `flowra cluster start` leaves running: one for each user of a machine.

A process, the keeper, holds a lock for as long as it lives and has the scheduler and the workers as children, which
end when it does. So nothing but the lock says whether the cluster runs, whatever was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from flowra.config.files import user_cache_dir
from flowra.exceptions import ClusterError, UsageError
from flowra.execute.cluster.certificates import Certificates
from flowra.execute.cluster.processes import python_path

__all__ = ["Standing", "Wanted", "hold", "log_file", "running_cluster", "start_cluster", "state_file", "stop_cluster"]

#: Seconds that the keeper has to end its processes in.
_END = 15.0


@dataclass(frozen=True)
class Wanted:
    """What cluster is to be started.

    Attributes:
        workers: How many workers; one for each processor that may be used if None.
        threads: How many calls each runs at the same time.
        host: The address of the interface to listen on.
        port: The scheduler's port; 0 for any that is free.
        join: The address of a scheduler elsewhere that the workers belong to; empty to start one.
        dashboard: Whether dask's dashboard is served, on the loopback interface.
        certificates: The files of the certificates that are used; None for those that are kept, which are made first
            where there are none.
    """

    workers: int | None = None
    threads: int = 1
    host: str = "127.0.0.1"
    port: int = 8786
    join: str = ""
    dashboard: bool = False
    certificates: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Standing:
    """A cluster that runs.

    Attributes:
        address: Its scheduler's address.
        keeper: The process that keeps it.
        workers: How many workers it was started with.
        joined: Whether its scheduler runs elsewhere.
        certificates: The files of its certificates.
        dashboard: The address of dask's dashboard; empty where that is off.
    """

    address: str
    keeper: int
    workers: int
    joined: bool
    certificates: dict[str, str]
    dashboard: str = ""

    def security(self) -> Any:
        """Return the certificates in dask's form."""
        return Certificates.from_json(self.certificates).security()


def _folder() -> Path:
    folder = user_cache_dir() / "cluster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def state_file() -> Path:
    """Return the file that says how the running cluster is reached."""
    return _folder() / "cluster.json"


def log_file() -> Path:
    """Return the file that what its processes print goes to."""
    return _folder() / "cluster.log"


def hold() -> BinaryIO | None:
    """Take the lock of this user's cluster; None where another process has it."""
    file = (_folder() / "cluster.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def running_cluster() -> Standing | None:
    """Return this user's cluster on this machine; None where none runs.

    Raises:
        ClusterError: It is just being started or stopped.
    """
    if (lock := hold()) is not None:
        lock.close()
        return None
    try:
        return Standing(**json.loads(state_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            "the cluster is just being started or stopped", where=str(state_file()), fix="try again in a few seconds"
        ) from error


def start_cluster(wanted: Wanted) -> Standing:
    """Start a cluster that stays, and return it once its workers are there.

    Raises:
        UsageError: One runs already.
        ClusterError: It can't be started.
    """
    if (there := running_cluster()) is not None:
        raise UsageError(
            "a cluster runs already",
            where=there.address,
            fix="use it with --executor cluster, or end it first: flowra cluster stop",
        )
    descriptor = os.open(log_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "flowra.execute.cluster.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(python_path())},
        )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    with keeper.stdin, keeper.stdout:
        keeper.stdin.write(json.dumps({"wanted": asdict(wanted), "path": sys.path}).encode())
        keeper.stdin.close()
        said = keeper.stdout.read()
    answer = json.loads(said) if said else {}
    if "address" in answer:
        return Standing(**answer)
    raise ClusterError(
        answer.get("what", "the cluster did not start"),
        where=answer.get("where", str(log_file())),
        why=answer.get("why") or f"its keeper ended with code {keeper.wait()}",
        fix=answer.get("fix", "see the file for what its processes said"),
    )


def stop_cluster() -> bool:
    """End this user's cluster with all its processes, and tell whether one ran."""
    there = running_cluster()
    if there is not None:
        with suppress(ProcessLookupError):
            os.kill(there.keeper, signal.SIGTERM)
        deadline = time.monotonic() + _END
        while (lock := hold()) is None:
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(there.keeper, signal.SIGKILL)  # its children end when their pipes close
            time.sleep(0.05)
        lock.close()
    state_file().unlink(missing_ok=True)
    return there is not None
