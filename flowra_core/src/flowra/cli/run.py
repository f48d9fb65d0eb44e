"""`flowra run`: run a graph."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from flowra.cli.request import Request
    from flowra.cli.run_view import RunView
    from flowra.execute.cluster.packs import PackDelivery
    from flowra.execute.control import RunControl
    from flowra.execute.policy import CachePolicy
    from flowra.execute.session import Session

__all__ = ["command"]

#: What `--no-cache` means without a node: no id of a node has such characters.
EVERYTHING = "*"


def _file(_ctx: click.Context, option: click.Parameter, text: str | None) -> Path | None:
    if text == "":
        raise UsageError(f"{option.opts[0]} names no file", why="it is empty, as a variable is that is not set")
    return None if text is None else Path(text)


def _folder(_ctx: click.Context, _option: click.Parameter, text: str | None) -> Path | None:
    if text == "":
        raise UsageError("--output names no folder", why="it is empty, as a variable is that is not set")
    return None if text is None else Path(text)


class _RunCommand(click.Command):
    """`--matrix` and `--zip` take several values, as in `--zip a.x=1,2 b.y=3,4`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from flowra.cli.batch.words import joined_values

        args = joined_values(args)
        try:
            return super().parse_args(ctx, args.copy())
        except click.UsageError as error:
            if "--batch" in args and "unexpected extra argument" in error.format_message():
                raise UsageError(
                    "--batch takes one pattern, and more words follow",
                    why="the shell puts the names of files in place of a pattern that is not quoted",
                    fix="quote it: --batch 'photos/*.jpg'; or give --batch several times",
                ) from None
            raise


@click.command("run", cls=_RunCommand)
@click.argument("graph_path", metavar="GRAPH", type=click.Path(path_type=Path), required=False)
@click.option("-i", "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Give an input of the graph.")
@click.option("-s", "--set", "settings", metavar="NODE.PORT=VALUE", multiple=True, help="Set a port of a node.")
@click.option("-t", "--target", "targets", metavar="NODE", multiple=True, help="Run this node and what it needs.")
@click.option("-o", "--output", "output_dir", metavar="DIR", callback=_folder, help="Folder for the results.")
@click.option("--store", metavar="URI", help="Where results are kept and looked up: a folder or an address.")
@click.option(
    "--no-cache",
    metavar="NODE",
    multiple=True,
    is_flag=False,
    flag_value=EVERYTHING,
    help="Neither look up nor keep results: of every node, or with =NODE of this one.",
)
@click.option("--refresh", metavar="NODE", multiple=True, help="Run this node again, and keep the new result.")
@click.option("--resume", metavar="RUN", help="Go on from what succeeded in an earlier run (an id, or last).")
@click.option("--executor", metavar="WHERE", default="local", help="local, processes[:N], cluster, tls://… or a name.")
@click.option(
    "--sync-packs/--no-sync-packs",
    default=None,
    help="Give workers the packs that they lack, or have otherwise (setting sync_packs).",
)
@click.option("--batch", "batch", metavar="PATTERN", multiple=True, help="Run it for each file that matches.")
@click.option("--batch-input", metavar="NAME", default="", help="The input that the files are given to.")
@click.option("--batch-file", metavar="FILE", default="", help="Run it for each line: .csv, .jsonl, or - for stdin.")
@click.option("--matrix", metavar="NODE.PORT=A,B,…", multiple=True, help="Run it with each value; several: with all.")
@click.option("--zip", "zipped", metavar="NODE.PORT=A,B,…", multiple=True, help="Several, value by value together.")
@click.option("--best", metavar="'max OUTPUT'", default="", help="Name the best setting of a sweep: max or min OUTPUT.")
@click.option("--results", metavar="FILE", callback=_file, help="The table of a batch: .csv, .jsonl or .parquet.")
@click.option("--contact-sheet", metavar="FILE", callback=_file, help="Show a batch as one HTML page.")
@click.option("--stop-after", metavar="N", type=click.IntRange(min=1), help="Begin no more items after N failures.")
@click.option("--require-remote", is_flag=True, help="Fail unless every result is in the remote store in the end.")
@click.option("--offline", is_flag=True, help="Fetch no model: what is not here is refused.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show whole tracebacks, and what nodes log for debugging.")
def command(
    graph_path: Path | None,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    output_dir: Path | None,
    store: str | None,
    no_cache: tuple[str, ...],
    refresh: tuple[str, ...],
    resume: str | None,
    executor: str,
    sync_packs: bool | None,
    batch: tuple[str, ...],
    batch_input: str,
    batch_file: str,
    matrix: tuple[str, ...],
    zipped: tuple[str, ...],
    best: str,
    results: Path | None,
    contact_sheet: Path | None,
    stop_after: int | None,
    require_remote: bool,
    offline: bool,
    dry_run: bool,
    as_json: bool,
    verbose: bool,
) -> int:
    """Run the graph in the file GRAPH.

    \b
    flowra run faces.json
    flowra run faces.json --input photo=me.jpg --set resize.width=800 --output results
    flowra run detect.json --batch 'photos/*.jpg' --matrix detect.confidence=0.2,0.4
    flowra run --resume last

    With --resume the graph and its inputs are those of the earlier run, unless others are given.
    """  # noqa: D301  click reads \b as an escape
    from flowra.cli.batch.command import BatchOptions, earlier_spec, run_batch
    from flowra.cli.batch.spec import BatchSpec
    from flowra.cli.request import asked, requested
    from flowra.cli.run_view import view_for
    from flowra.execute.executors import executor_for
    from flowra.execute.session import Session

    if offline:
        os.environ["FLOWRA_OFFLINE"] = "1"  # so that it holds for the processes that the run starts
    with Session(executor=executor_for(executor, _delivery(sync_packs)), store=store) as session:
        spec = earlier_spec(session, BatchSpec(batch, batch_input, batch_file, matrix, zipped, best), resume)
        if not spec:
            _refuse_without_items(best, results, contact_sheet, stop_after, batch_input)
        if spec:
            found = asked(session, graph_path, resume, inputs, settings, targets)
            policy = _policy(found.graph.nodes, no_cache, refresh)
            options = BatchOptions(
                results,
                contact_sheet,
                stop_after,
                output_dir,
                resume,
                policy,
                dry_run,
                as_json,
                verbose,
                require_remote,
            )
            return run_batch(session, found, spec, options, _interruptible)
        with view_for(as_json=as_json, verbose=verbose) as view:
            return _run_once(
                session,
                requested(session, graph_path, resume, inputs, settings, targets),
                view,
                output_dir,
                resume,
                no_cache,
                refresh,
                dry_run=dry_run,
                as_json=as_json,
                require_remote=require_remote,
            )


def _run_once(
    session: Session,
    request: Request,
    view: RunView,
    output_dir: Path | None,
    resume: str | None,
    no_cache: tuple[str, ...],
    refresh: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
    require_remote: bool,
) -> int:
    from flowra.cli.plan import show_plan
    from flowra.execute.control import RunControl

    policy = _policy(request.plan.nodes, no_cache, refresh)
    if dry_run:
        show_plan(session, request.plan, policy, as_json=as_json)
        return 0
    control = RunControl()
    with _interruptible(control), view:
        run = session.run_plan(
            request.plan,
            output_dir=output_dir,
            observers=[view.observe],
            control=control,
            policy=policy,
            resume=resume,
            uploads="require" if require_remote else "wait",
            header=request.header,
        )
    view.conclude(run)
    if run.status == "succeeded" and run.not_uploaded is not None:
        raise run.not_uploaded
    if run.status == "cancelled":
        return 130
    return 4 if run.failures else 0


def _delivery(sync_packs: bool | None) -> PackDelivery | None:
    """Return what gives workers the packs that they lack, if that is allowed."""
    from flowra.config.settings import load_settings

    if not (load_settings().sync_packs if sync_packs is None else sync_packs):
        return None
    from flowra.pack.delivery.sender import PackSender

    return PackSender()


def _policy(nodes: Collection[str], no_cache: tuple[str, ...], refresh: tuple[str, ...]) -> CachePolicy:
    from flowra.execute.policy import CachePolicy

    for node in (*no_cache, *refresh):
        if node != EVERYTHING and node not in nodes:
            raise UsageError(f"the graph has no node {node!r}", fix="flowra graph show lists the nodes")
    return CachePolicy(
        off=frozenset(no_cache) - {EVERYTHING},
        refresh=frozenset(refresh),
        everything_off=EVERYTHING in no_cache,
    )


def _refuse_without_items(
    best: str, results: Path | None, contact_sheet: Path | None, stop_after: int | None, batch_input: str
) -> None:
    given = {
        "--best": best, "--results": results, "--contact-sheet": contact_sheet, "--stop-after": stop_after,
        "--batch-input": batch_input,
    }  # fmt: skip
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{option} goes with a batch",
                why="one run has no items to compare",
                fix=f"--batch 'photos/*.jpg' {option} …, or --matrix NODE.PORT=A,B {option} …",
            )


@contextmanager
def _interruptible(control: RunControl) -> Iterator[None]:
    """Let the first Ctrl-C end the run after the nodes that run, and the second at once."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        if control.cancelled:
            control.cancel(now=True)
            raise KeyboardInterrupt
        control.cancel()
        with suppress(RuntimeError):  # the signal came while a line was being printed: the line is lost, not the run
            # Not through sys.stderr: the signal may come inside a node, whose output belongs to it.
            print("\nstopping after the node that runs; press Ctrl-C again to stop at once", file=sys.__stderr__)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
