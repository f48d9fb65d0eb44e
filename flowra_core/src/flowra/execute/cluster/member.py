"""A process of a cluster: its scheduler or one of its workers, as the line on stdin says.

It ends when stdin closes: whoever started it is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
from importlib import import_module
from typing import Any

__all__ = ["main"]

#: Where dask's HTTP server listens, which is there without the dashboard too: nothing protects it.
_HTTP = "127.0.0.1:0"


def main() -> None:
    """Read what this process is to be, and be it until stdin closes."""
    about = json.loads(sys.stdin.buffer.readline())
    lifeline = threading.Thread(target=_end_with_starter, args=(about["folder"],), name="flowra-lifeline", daemon=True)
    lifeline.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = about["path"]
    asyncio.run(_serve(about))


def _end_with_starter(folder: str) -> None:
    # Not through sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # whoever would have removed it is gone
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
            # The scheduler has a scratch folder too, and no other way to be told where.
            "temporary-directory": about["folder"],
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
            host=about["host"],
            port=about["port"],
            protocol="tls",
            security=security,
            dashboard=about["dashboard"],
            dashboard_address=_HTTP,
        )
    else:
        server = distributed.Worker(
            about["scheduler"],
            name=about["name"],
            nthreads=about["threads"],
            host=about["host"],
            security=security,
            local_directory=about["folder"],
            dashboard=False,
            dashboard_address=_HTTP,
            memory_limit=None,
            death_timeout=30,
        )
    try:
        await server
    except Exception as error:  # noqa: BLE001  a port that is taken, a scheduler that does not let it in
        cause = error.__cause__ or error
        where = about.get("scheduler") or f"{about['host']}:{about['port']}"
        _say({"failed": f"{type(cause).__name__}: {cause}", "where": where})
        os._exit(1)
    async with server:
        port = server.services["dashboard"].port if about.get("dashboard") else 0
        _say({"address": server.address, "dashboard": f"http://127.0.0.1:{port}/status" if port else ""})
        await server.finished()


def _say(about: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(about) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
