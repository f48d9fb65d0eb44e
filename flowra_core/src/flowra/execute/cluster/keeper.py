"""The process that keeps a cluster which stays: what it is to be comes in on stdin, what it is goes out on stdout."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any

from flowra.exceptions import FlowraError
from flowra.execute.cluster.certificates import Certificates, kept_certificates, make_certificates
from flowra.execute.cluster.processes import ProcessCluster
from flowra.execute.cluster.standing import Standing, Wanted, hold, log_file, state_file

__all__ = ["main"]


def main() -> None:
    """Start the cluster, say where it is, and keep it until this process is told to end or the scheduler has gone."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that started it may be closed
    asked = json.loads(sys.stdin.buffer.read())
    sys.path[:] = asked["path"]
    wanted = Wanted(**asked["wanted"])
    lock = hold()
    if lock is None:
        _answer({"what": "a cluster is just being started", "fix": "see flowra cluster status"})
        sys.exit(1)
    with lock:
        try:
            cluster, standing = _started(wanted)
        except FlowraError as error:
            _answer({"what": error.what, "where": error.where, "why": error.why, "fix": error.fix})
            sys.exit(1)
        try:
            _write_state(standing)
            _answer(asdict(standing))
            while not stop.wait(0.2) and cluster.alive:
                pass
            if not stop.is_set():
                print("the scheduler has ended, and the cluster with it", file=sys.stderr)  # noqa: T201  goes to the log
        finally:
            cluster.close()
            state_file().unlink(missing_ok=True)


def _started(wanted: Wanted) -> tuple[ProcessCluster, Standing]:
    if wanted.certificates is not None:
        certificates = Certificates.from_json(dict(wanted.certificates))
    else:
        certificates = kept_certificates() or make_certificates()
    cluster = ProcessCluster(
        wanted.workers,
        threads=wanted.threads,
        dashboard=wanted.dashboard,
        host=wanted.host,
        port=wanted.port,
        join=wanted.join,
        security=certificates.security(),
    )
    return cluster, Standing(
        address=cluster.address,
        keeper=os.getpid(),
        workers=len(cluster.pids),
        joined=bool(wanted.join),
        certificates=certificates.to_json(),
        dashboard=cluster.dashboard,
    )


def _write_state(standing: Standing) -> None:
    path = state_file()
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(standing), file)


def _answer(said: dict[str, Any]) -> None:
    """Say something to whoever started this, who reads until stdout is closed; from here on it goes to the log."""
    sys.stdout.write(json.dumps(said))
    sys.stdout.flush()
    log = os.open(log_file(), os.O_WRONLY | os.O_APPEND)
    os.dup2(log, sys.stdout.fileno())
    os.close(log)


if __name__ == "__main__":
    main()
