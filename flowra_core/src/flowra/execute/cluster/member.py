"""A process of a cluster: its scheduler or one of its workers, as the line on stdin says.

It ends when stdin closes: whoever started it is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from importlib import import_module
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Read what this process is to be, and be it until stdin closes."""
    about = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_starter, name="flowra-lifeline", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = about["path"]
    asyncio.run(_serve(about))


def _end_with_starter() -> None:
    # Not through sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    # At once: whatever a node does in C code, nothing is to be left running.
    os._exit(0)


async def _serve(about: dict[str, Any]) -> None:
    import dask.config

    dask.config.set(
        {
            # What runs a second time is decided by the driver.
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.work-stealing": False,
            "distributed.admin.log-length": 100,
            "distributed.admin.low-level-log-length": 100,
            "logging.distributed": "critical",
            "distributed.worker.profile.enabled": False,
            # Each process opens a port for pages, whatever it is told: without a dashboard it has none to give.
            "distributed.worker.http.routes": [],
            **({} if about.get("dashboard") else {"distributed.scheduler.http.routes": []}),
        }
    )
    distributed: Any = import_module("distributed")
    security = distributed.Security(require_encryption=True, **about["security"])
    if about["role"] == "scheduler":
        server = distributed.Scheduler(
            host="127.0.0.1",
            port=0,
            protocol="tls",
            security=security,
            dashboard=about["dashboard"],
            # Not dask's own 8787, which another cluster may have.
            dashboard_address="127.0.0.1:0",
        )
    else:
        server = distributed.Worker(
            about["scheduler"],
            name=about["name"],
            nthreads=about["threads"],
            host="127.0.0.1",
            security=security,
            local_directory=about["folder"],
            dashboard=False,
            memory_limit=None,
            death_timeout=30,
        )
    async with server:
        sys.stdout.write(json.dumps({"address": server.address, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        await server.finished()


if __name__ == "__main__":
    main()
