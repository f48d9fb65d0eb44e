"""`flowra runs`: earlier runs, as their journals tell them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_json, print_table
from flowra.exceptions import RunError, UsageError

if TYPE_CHECKING:
    from flowra.execute.session.history import PastRun, RunHistory
    from flowra.execute.session.timeline import Span

__all__ = ["command"]

#: Columns of the bars that show when a call ran.
_BAR = 30


@click.group("runs")
def command() -> None:
    """List, describe and remove earlier runs."""


@command.command("list")
@click.option("--limit", default=20, show_default=True, help="The most runs to show, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_runs(limit: int, as_json: bool) -> None:
    """List earlier runs, the latest first."""
    history = _history()
    runs = []
    for run_id in history.ids()[:limit]:
        try:
            runs.append(history.read(run_id))
        except RunError as error:
            click.echo(f"{run_id}: {error.what}: {error.why}", err=True)
    if as_json:
        print_json([_summary(run) for run in runs])
    elif runs:
        rows = [[run.id, run.status, when(run.began), _counts(run), _lasted(run)] for run in runs]
        print_table(["run", "status", "began", "nodes", "took"], rows)
    else:
        click.echo("no runs yet", err=True)


@command.command("show")
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def show(run: str, as_json: bool) -> None:
    """Describe the run RUN (an id, the beginning of one, or last): its nodes, failures and outputs."""
    from flowra.cli.batch.past import items_as_json, show_batch
    from flowra.execute.given import replay_command
    from flowra.execute.session.timeline import timeline

    past = _history().find(run)
    if as_json:
        calls = [
            {"node": call.node, "type": call.type, "how": call.how, "seconds": call.seconds}
            for call in past.calls.values()
        ]
        about = {"calls": calls, "failures": dict(past.failures), "outputs": dict(past.outputs)}
        print_json({**_summary(past), **about, **({"items": items_as_json(past)} if past.is_batch else {})})
        return
    click.echo(
        f"{past.id}: {past.status}, began {when(past.began)}" + (f", took {_lasted(past)}" if past.seconds else "")
    )
    if past.is_batch:
        show_batch(past)
        return
    spans = timeline(past)
    total = max([past.seconds, *(span.ended for span in spans)])
    workers = any(span.worker for span in spans)
    rows = []
    for span in spans:
        took = f"{span.ended - span.began:.3f} s" if span.how != "failed" else span.error
        where = [span.worker] if workers else []
        rows.append([span.node, span.type, span.how, took, *where, _bar(span, total)])
    if rows:
        print_table(["node", "type", "how", "took", *(["worker"] if workers else []), f"0 … {total:.3g} s"], rows)
    for name, result in past.outputs.items():
        click.echo(f"  {name}: {result.get('file', result.get('value', result))}")
    for name in past.failures:
        if (given := past.given.get(name)) and (command := replay_command(past.id, name, given)):
            click.echo(f"debug {name}:  {command}")
    if past.status != "succeeded":
        click.echo(f"go on from here:  flowra run --resume {past.id}")


@command.command("export")
@click.argument("run")
@click.option(
    "--as",
    "form",
    type=click.Choice(["chrome", "otel"]),
    default="chrome",
    show_default=True,
    help="A trace for Perfetto and Chrome, or OpenTelemetry spans for a collector.",
)
@click.option("--out", type=click.Path(dir_okay=False), help="The file for the trace; printed if left out.")
def export(run: str, form: str, out: str | None) -> None:
    """Give what happened in the run RUN to other tools.

    The trace opens in https://ui.perfetto.dev. Spans go by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says.
    """
    past = _history().find(run)
    if form == "otel":
        from flowra.execute.session.telemetry import send_spans

        if out is not None:
            raise UsageError("spans are sent to a collector, not written to a file", fix="leave --out out")
        click.echo(f"{send_spans(past):,} spans sent")
        return
    from flowra.execute.session.timeline import chrome_trace

    if out is None:
        print_json(chrome_trace(past))
        return
    try:
        Path(out).write_text(json.dumps(chrome_trace(past), ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise RunError("the trace can't be written", where=out, why=error.strerror or str(error)) from error
    click.echo(f"{out}: open it in https://ui.perfetto.dev")


@command.command("rm")
@click.argument("runs", nargs=-1, required=True)
def remove(runs: tuple[str, ...]) -> None:
    """Remove the journals of RUNS; results stay in the store until they are collected."""
    history = _history()
    found = [history.find(run).id for run in runs]
    for run_id in found:
        history.remove(run_id)
        click.echo(f"removed {run_id}")


def _bar(span: Span, total: float) -> str:
    """Return when a call ran as a bar within the time of the run."""
    scale = _BAR / total if total else 0.0
    start = min(int(span.began * scale), _BAR - 1)
    stop = max(start + 1, min(round(span.ended * scale), _BAR))
    mark = {"ran": "█", "failed": "✗"}.get(span.how, "·")
    return " " * start + (mark * (stop - start) if span.how == "ran" else mark)


def when(seconds: float) -> str:
    """Return a time as people read it, in their own time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _history() -> RunHistory:
    from flowra.execute.session import Session

    return Session(cache=False).history


def _counts(run: PastRun) -> str:
    if run.is_batch:
        bad = sum(item.get("status") == "failed" for item in run.items.values())
        return f"{len(run.items):,} items" + (f", {bad:,} failed" if bad else "")
    failed = f", {len(run.failures)} failed" if run.failures else ""
    return f"{len(run.calls)}{failed}"


def _lasted(run: PastRun) -> str:
    return f"{run.seconds:.1f} s" if run.seconds else ""


def _summary(run: PastRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "name": run.name,
        "status": run.status,
        "began": run.began,
        "seconds": run.seconds,
        "succeeded": len(run.calls),
        "failed": len(run.failures),
    }
