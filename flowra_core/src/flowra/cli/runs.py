"""`flowra runs`: earlier runs, as their journals tell them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_json, print_table
from flowra.exceptions import RunError

if TYPE_CHECKING:
    from flowra.execute.session.journal import PastRun, RunHistory

__all__ = ["command"]


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
    past = _history().find(run)
    if as_json:
        calls = [
            {"node": call.node, "type": call.type, "how": call.how, "seconds": call.seconds}
            for call in past.calls.values()
        ]
        print_json({**_summary(past), "calls": calls, "failures": dict(past.failures), "outputs": dict(past.outputs)})
        return
    click.echo(
        f"{past.id}: {past.status}, began {when(past.began)}" + (f", took {_lasted(past)}" if past.seconds else "")
    )
    rows = [[call.node, call.type, call.how, f"{call.seconds:.3f} s"] for call in past.calls.values()]
    rows += [
        [name, "", "failed", str(error.get("why") or error.get("what") or "")] for name, error in past.failures.items()
    ]
    if rows:
        print_table(["node", "type", "how", "took"], rows)
    for name, result in past.outputs.items():
        click.echo(f"  {name}: {result.get('file', result.get('value', result))}")
    if past.status != "succeeded":
        click.echo(f"go on from here:  flowra run --resume {past.id}")


@command.command("rm")
@click.argument("runs", nargs=-1, required=True)
def remove(runs: tuple[str, ...]) -> None:
    """Remove the journals of RUNS; results stay in the store until they are collected."""
    history = _history()
    found = [history.find(run).id for run in runs]
    for run_id in found:
        history.remove(run_id)
        click.echo(f"removed {run_id}")


def when(seconds: float) -> str:
    """Return a time as people read it, in their own time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _history() -> RunHistory:
    from flowra.execute.session import Session

    return Session(cache=False).history


def _counts(run: PastRun) -> str:
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
