"""`flowra run`: run a graph."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from flowra.exceptions import GraphInvalidError, UsageError

if TYPE_CHECKING:
    from flowra.execute.control import RunControl

__all__ = ["command"]


def _folder(_ctx: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    if text == "":
        raise UsageError("--output names no folder", why="it is empty, as a variable is that is not set")
    return None if text is None else Path(text)


@click.command("run")
@click.argument("graph_path", metavar="GRAPH", type=click.Path(path_type=Path))
@click.option("-i", "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Give an input of the graph.")
@click.option("-s", "--set", "settings", metavar="NODE.PORT=VALUE", multiple=True, help="Set a port of a node.")
@click.option("-t", "--target", "targets", metavar="NODE", multiple=True, help="Run this node and what it needs.")
@click.option("-o", "--output", "output_dir", metavar="DIR", callback=_folder, help="Folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show whole tracebacks, and what nodes log for debugging.")
def command(
    graph_path: Path,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    output_dir: Path | None,
    as_json: bool,
    verbose: bool,
) -> int:
    r"""Run the graph in the file GRAPH.

    \b
    flowra run faces.json
    flowra run faces.json --input photo=me.jpg --set resize.width=800 --output results
    """
    from flowra.cli.graph_file import located_error, read
    from flowra.cli.run_view import view_for
    from flowra.cli.values import apply_settings, input_values
    from flowra.execute.control import RunControl
    from flowra.execute.session import Session

    reading = read(graph_path)
    with view_for(as_json=as_json, verbose=verbose) as view, Session() as session:
        graph = apply_settings(reading.graph, settings, session.catalog)
        graph.name = graph.name or graph_path.stem
        try:
            plan = session.plan(graph, inputs=input_values(graph, inputs), targets=targets)
        except GraphInvalidError as error:
            raise located_error(error, reading) from None
        control = RunControl()
        with _interruptible(control), view:
            run = session.run_plan(plan, output_dir=output_dir, observers=[view.observe], control=control)
        view.conclude(run)
    if run.status == "cancelled":
        return 130
    return 4 if run.failures else 0


@contextmanager
def _interruptible(control: RunControl) -> Iterator[None]:
    """Let the first Ctrl-C end the run after the nodes that run, and the second at once."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        if control.cancelled:
            control.cancel(now=True)
            raise KeyboardInterrupt
        control.cancel()
        with suppress(RuntimeError):  # the signal came while a line was being printed: the line is lost, not the run
            print("\nstopping after the node that runs; press Ctrl-C again to stop at once", file=sys.stderr)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
