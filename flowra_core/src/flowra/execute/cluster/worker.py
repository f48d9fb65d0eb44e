"""What runs on a worker: batches of calls, through the same runner as in the local executor.

The functions here are all that is ever submitted to dask. They take and give plain data, and packs are imported inside.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from flowra.execute.capture import capturing
from flowra.execute.cluster.at_hand import ValuesAtHand
from flowra.execute.cluster.peers import serve_values
from flowra.execute.cluster.wire import pack, unpack
from flowra.execute.cluster.worker_batch import BatchCalls
from flowra.execute.cluster.worker_run import SessionState, WorkerRun
from flowra.storage.store import Store

__all__ = ["cancel_run", "end_run", "end_session", "recall_batch", "replace_pack", "run_batch"]

_lock = threading.Lock()
_sessions: dict[str, SessionState] = {}
_runs: dict[str, WorkerRun] = {}
_cancelled: set[str] = set()
#: By run, the batches that were begun, None for one that is through, and those that were asked back before.
_begun: dict[str, dict[str, BatchCalls | None]] = {}
_recalled: dict[str, set[str]] = {}
#: Runs that began with packs that were replaced since, with what was done.
_outdated: dict[str, str] = {}
_batches = 0


def run_batch(data: bytes) -> bytes:
    """Make the calls of a batch and return what they gave."""
    global _batches  # noqa: PLW0603  one count for each process
    with _lock:
        _batches += 1
    try:
        batch = unpack(data)
        with _lock:
            if batch["key"] in _recalled.get(batch["run"]["id"], ()):
                return pack({"recalled": True})
            _begun.setdefault(batch["run"]["id"], {})[batch["key"]] = None
        if (done := _outdated.get(batch["run"]["id"])) is not None:
            return pack({"broken": f"another run has replaced what it began with: {done}"})
        return pack(_made(_run_of(batch["run"]), batch))
    except Exception as error:  # noqa: BLE001  what is wrong here is said to the driver, and is no lost worker
        return pack({"broken": f"{type(error).__name__}: {error}"})
    finally:
        with _lock:
            _batches -= 1


async def recall_batch(run_id: str, key: str) -> int:
    """Ask calls of a batch back: no more of them are begun. Returns how many were, or -1 if it is through."""
    with _lock:
        begun = _begun.get(run_id, {})
        if key in begun:
            calls = begun[key]
            return -1 if calls is None else calls.cut()
        _recalled.setdefault(run_id, set()).add(key)
        return 0


def replace_pack(what: str, replace: Callable[[], None]) -> bool:
    """Replace a pack while nothing runs here, and tell whether that was so; runs that began with it get no further.

    Args:
        what: What is done, in words.
        replace: Does it; quick.
    """
    with _lock:
        if _batches:
            return False
        replace()
        runs = dict(_runs)
        sessions = list(_sessions.values())
        _runs.clear()
        _sessions.clear()
        _outdated.update(dict.fromkeys(runs, what))
    for run in runs.values():
        run.close()
    for state in sessions:
        state.awaiter.close()
        state.pool.close()
    return True


async def cancel_run(run_id: str) -> None:
    """Have the nodes of a run notice that it was cancelled."""
    with _lock:
        _cancelled.add(run_id)
        run = _runs.get(run_id)
    if run is not None:
        run.control.cancel()


async def end_run(run_id: str) -> None:
    """Forget a run."""
    with _lock:
        _cancelled.discard(run_id)
        _outdated.pop(run_id, None)
        _begun.pop(run_id, None)
        _recalled.pop(run_id, None)
        run = _runs.pop(run_id, None)
    if run is not None:
        # Off the loop on which this worker answers: a store may have something to send yet.
        await asyncio.to_thread(run.close)


def end_session(session: str) -> None:
    """Close the warm instances of a session."""
    with _lock:
        state = _sessions.pop(session, None)
    if state is not None:
        state.awaiter.close()
        state.pool.close()


def _run_of(header: dict[str, Any]) -> WorkerRun:
    with _lock:
        run = _runs.get(header["id"])
        if run is None:
            session = _sessions.setdefault(header["session"], SessionState())
            run = _runs[header["id"]] = WorkerRun(header, session)
            serve_values(_held_by)
            if header["id"] in _cancelled:
                run.control.cancel()
        return run


def _held_by(run_id: str) -> tuple[ValuesAtHand, Store] | None:
    with _lock:
        run = _runs.get(run_id)
    return None if run is None else (run.at_hand, run.store)


def _made(run: WorkerRun, batch: dict[str, Any]) -> dict[str, Any]:
    """Make the calls of a batch; where somebody listens, also what they print is heard."""
    calls = BatchCalls(run, batch)
    begun = _begun.setdefault(batch["run"]["id"], {})
    begun[batch["key"]] = calls
    try:
        if not run.feed.observed:
            return calls.run()
        with capturing():
            done = calls.run()
        return {**done, "heard": run.feed.flush()}
    finally:
        begun[batch["key"]] = None
