"""When each call of a run happened, and where: for people, and as a trace that other tools open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowra.execute.session.history import PastRun

__all__ = ["Span", "chrome_trace", "timeline"]

#: Seconds to microseconds, the unit of a trace.
_MICRO = 1e6


@dataclass(frozen=True)
class Span:
    """One call of a run.

    Attributes:
        node: The call's name.
        type: The node's type id; empty for a call that failed.
        how: `ran`, `cached`, `resumed` or `failed`.
        began: When it began, in seconds since the run did.
        ended: When it ended; equal to `began` where nothing ran, or where it is not known how long it did.
        worker: Which worker ran it; empty for the process of the run.
        lane: Which of the calls that ran there at the same time it is, from 0.
        error: What went wrong, in a line.
    """

    node: str
    type: str
    how: str
    began: float
    ended: float
    worker: str
    lane: int = 0
    error: str = ""


def timeline(run: PastRun) -> list[Span]:
    """Return the calls of a run in the order in which they began, those of each worker in lanes without overlap."""
    spans = [
        Span(call.node, call.type, call.how, max(0.0, call.at - call.seconds), call.at, call.worker)
        for call in run.calls.values()
    ]
    spans += [
        Span(name, "", "failed", at, at, run.failed_on.get(name, ""), error=_said(run.failures[name]))
        for name, at in run.failed_at.items()
    ]
    return list(_in_lanes(sorted(spans, key=lambda span: (span.began, span.ended))))


def _said(error: Mapping[str, Any]) -> str:
    return str(error.get("why") or error.get("what"))


def _in_lanes(spans: Iterable[Span]) -> Iterable[Span]:
    free_from: dict[str, list[float]] = {}
    for span in spans:
        lanes = free_from.setdefault(span.worker, [])
        lane = next((number for number, free in enumerate(lanes) if free <= span.began), len(lanes))
        if lane == len(lanes):
            lanes.append(0.0)
        lanes[lane] = span.ended
        yield Span(span.node, span.type, span.how, span.began, span.ended, span.worker, lane, span.error)


def chrome_trace(run: PastRun) -> dict[str, Any]:
    """Return a run as a trace that Perfetto and Chrome's `about:tracing` open.

    The format is the JSON object format of Chrome's trace events: each worker is a process, each lane a thread, each
    call a complete event with its times in microseconds, and what was cached an instant.
    """
    spans = timeline(run)
    workers = {worker: number for number, worker in enumerate(dict.fromkeys(span.worker for span in spans), 1)}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": worker or "this process"}}
        for worker, number in workers.items()
    ]
    for span in spans:
        event: dict[str, Any] = {
            "name": span.node,
            "cat": span.how,
            "pid": workers[span.worker],
            "tid": span.lane,
            "ts": span.began * _MICRO,
            "args": {"type": span.type, "how": span.how},
        }
        if span.error:
            event["args"]["error"] = span.error
        if span.ended > span.began:
            event.update(ph="X", dur=(span.ended - span.began) * _MICRO)
        else:
            event.update(ph="i", s="t")
        events.append(event)
    about = {"run": run.id, "graph": run.name, "status": run.status}
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}
