"""`flowra debug`: run a node or a graph, and look at every value."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.terminal_graphics import GRAPHICS, Graphics
from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from flowra.cli.debug.case import Case
    from flowra.cli.debug.report import RunReport
    from flowra.execute.session import Session
    from flowra.execute.session.events import Event

__all__ = ["DebugOptions", "command"]


@dataclass(frozen=True)
class DebugOptions:
    """How a debug run is made and shown.

    Attributes:
        store: Where results are kept; None for the store of the settings.
        break_at: Where to stop: `NODE[:before|after]`.
        post_mortem: Whether to stop where a node raised.
        profile: Whether to profile each node.
        html: The file for the page; None for none.
        pictures: How pictures are shown; None to see what the terminal can.
        as_json: Whether the report is printed as JSON.
        against: The earlier run whose outputs these are compared with; None for none.
        note: The file that the run's id is written to; None for none.
    """

    store: str | None
    break_at: tuple[str, ...]
    post_mortem: bool
    profile: bool
    html: Path | None
    pictures: Graphics | None
    as_json: bool
    against: str | None
    note: Path | None

    @property
    def interactive(self) -> bool:
        """Whether a person may stop in the run."""
        return self.post_mortem or bool(self.break_at)


class _WithDefault(click.Group):
    """A group in which `flowra debug X` means `flowra debug run X`, unless X is a command of the group."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what both commands have."""
    for option in (
        click.option("--store", metavar="URI", help="Where values are kept: a folder or an address."),
        click.option("--pdb", "post_mortem", is_flag=True, help="On a failure, open the debugger at the node's frame."),
        click.option("--break", "break_at", metavar="NODE[:before|after]", multiple=True,
                     help="Stop in the debugger before or after this node."),
        click.option("--profile", is_flag=True, help="Show in which functions each node spent its time."),
        click.option("--html", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                     help="Write one page with the graph, every value and every error."),
        click.option("--against", metavar="RUN", help="Say how the outputs differ from those of an earlier run."),
        click.option("--note", metavar="FILE", type=click.Path(path_type=Path), hidden=True),
        click.option("--pictures", type=click.Choice(GRAPHICS),
                     help="How to show pictures, if not as the terminal can."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.group("debug", cls=_WithDefault)
def command() -> None:
    """Run a node or a graph, and look at every value.

    \b
    flowra debug image/Blur                                   with a sample picture
    flowra debug image/Blur --input image=photo.jpg --set radius=3
    flowra debug graph.json --html report.html
    flowra debug replay RUN:NODE --pdb                        with the inputs that it had

    `flowra debug X` is short for `flowra debug run X`.
    """  # noqa: D301  click reads \b as an escape


@command.command("run")
@click.argument("target", metavar="NODE|GRAPH")
@click.option("-i", "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Give an input: text, a file.")
@click.option("-s", "--set", "settings", metavar="[NODE.]PORT=VALUE", multiple=True, help="Set a port.")
@click.option("-t", "--target", "targets", metavar="NODE", multiple=True, help="Run this node and what it needs.")
@click.option(
    "--watch", is_flag=True, help="Run again when the code, the graph or an input changes; show what changed."
)
@_options
def run(
    target: str,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    watch: bool,
    **given: Any,
) -> int:
    """Run a node type (image/Blur) or the graph in a file, one node at a time, and show every value.

    In the folder of a pack, the names of its nodes are enough (Blur).

    An input of a node that is not given and has no default is a sample. A node is run whatever is known of it; in a
    graph, what is known from earlier runs is shown and not run again. Exits with 4 if a node failed.
    """
    from flowra.cli.debug.case import case_of_graph, case_of_node
    from flowra.cli.debug.pack_here import full_type_id

    options = DebugOptions(**given)
    is_graph = target.endswith(".json") or Path(target).is_file()
    if not is_graph:
        target = full_type_id(target)
    if watch:
        if options.interactive:
            raise UsageError("--watch runs by itself, and --pdb and --break wait for you", fix="leave one of them out")
        from flowra.cli.debug.watch import watch as watch_files

        values = [*inputs, *settings]
        return watch_files(target, _one_run(target, inputs, settings, targets, options), values, is_graph=is_graph)
    if targets and not is_graph:
        raise UsageError("--target chooses nodes of a graph", where=f"debug {target}")

    def case(session: Session) -> Case:
        if is_graph:
            return case_of_graph(session, Path(target), inputs, settings, targets)
        return case_of_node(session, target, inputs, settings)

    return _debug(case, options)


@command.command("replay")
@click.argument("call", metavar="RUN:NODE")
@click.option("-s", "--set", "settings", metavar="PORT=VALUE", multiple=True, help="Change an input this time.")
@_options
def replay(call: str, settings: tuple[str, ...], **given: Any) -> int:
    """Run a node of an earlier run again, with exactly the inputs that it had.

    RUN is an id, the beginning of one, or last. NODE may be an item of a list, as in detect[3]. Each failure of a node
    prints this command.
    """
    from flowra.cli.debug.case import case_of_call

    run_id, colon, name = call.partition(":")
    if not colon or not run_id or not name:
        raise UsageError(f"{call!r} names no node of a run", fix="write RUN:NODE, as in last:detect")
    return _debug(lambda session: case_of_call(session, run_id, name, settings), DebugOptions(**given))


def _one_run(
    target: str, inputs: tuple[str, ...], settings: tuple[str, ...], targets: tuple[str, ...], options: DebugOptions
) -> list[str]:
    """Return the arguments of `flowra debug run` for one run of those that are watched."""
    arguments = [target]
    for option, values in (("--input", inputs), ("--set", settings), ("--target", targets)):
        arguments += [part for value in values for part in (option, value)]
    arguments += ["--store", options.store] if options.store is not None else []
    arguments += ["--html", str(options.html)] if options.html is not None else []
    arguments += ["--pictures", options.pictures] if options.pictures is not None else []
    return [*arguments, *(["--profile"] if options.profile else []), *(["--json"] if options.as_json else [])]


def _debug(make_case: Callable[[Session], Case], options: DebugOptions) -> int:
    from flowra.cli.debug.changes import changes_since
    from flowra.cli.debug.terminal import show_changes, show_report
    from flowra.cli.errors import show_error
    from flowra.cli.terminal_graphics import graphics_of
    from flowra.cli.text import print_json
    from flowra.execute.local import LocalExecutor
    from flowra.execute.session import Session

    # One node at a time: what is measured of it is its own, and a person looks at one thing.
    with Session(store=options.store, executor=LocalExecutor(threads=1)) as session:
        case = make_case(session)
        if options.interactive:
            case = case.undisturbed()
        against = session.history.find(options.against) if options.against is not None else None
        report, failures, cancelled = _run(session, case, options)
        changes = changes_since(session, case.plan, against, report) if against is not None else []
    if options.note is not None and not failures:
        options.note.write_text(report.id, encoding="utf-8")
    if options.html is not None:
        _write_page(report, options.html)
    if options.as_json:
        print_json({**report.to_json(), "changes": list(map(str, changes))})
    else:
        graphics = options.pictures or graphics_of()
        show_report(report if against is None else report.without_known(), graphics)
        if against is not None and (changes or not failures):
            show_changes(against.id, changes, graphics)
        for error in failures:
            show_error(error)
        if options.html is not None:
            click.echo(f"page: {options.html}")
    return 130 if cancelled else 4 if failures else 0


def _run(session: Session, case: Case, options: DebugOptions) -> tuple[RunReport, list[Any], bool]:
    from flowra.cli.debug.report import report_run
    from flowra.cli.debug.watcher import DebugWatcher, parse_breaks
    from flowra.execute.control import RunControl
    from flowra.execute.policy import CachePolicy

    control = RunControl()
    breaks = parse_breaks(options.break_at, case.plan.nodes)
    watcher = DebugWatcher(control, breaks=breaks, post_mortem=options.post_mortem, profile=options.profile)
    log = _Log()
    with tempfile.TemporaryDirectory(prefix="flowra-debug-") as scratch:
        run = session.run_plan(
            case.plan,
            # What a graph writes is wanted; a node that is tried again and again is to leave nothing behind.
            output_dir=Path(scratch) / "output" if case.fresh else None,
            # What a person changes in the debugger, or asks to see run, is nobody else's result.
            policy=CachePolicy(off=case.fresh | frozenset(breaks)),
            observers=[log],
            control=control,
            header=case.header,
            watcher=watcher,
        )
    past = session.history.read(run.id)
    report = report_run(
        session, case, past,
        measured=watcher.measured, logs=log.lines, not_run={**log.skipped, **run.not_run}, seconds=run.seconds,
        keep_data=options.against is not None, play=options.html is not None,
    )  # fmt: skip
    return report, list(run.failures.values()), run.status == "cancelled"


class _Log:
    """Keeps what nodes log, and why some are not run."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.skipped: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        from flowra.execute.session.events import Log, NodeSkipped, Preview

        if isinstance(event, Log):
            said = event.text if event.level == "info" else f"{event.level}: {event.text}"
            self.lines.setdefault(event.node, []).append(said)
        elif isinstance(event, Preview):
            said = f"{event.title + ': ' if event.title else ''}{event.summary}"
            self.lines.setdefault(event.node, []).append(said)
        elif isinstance(event, NodeSkipped):
            self.skipped[event.node] = event.reason


def _write_page(report: RunReport, path: Path) -> None:
    from flowra.cli.debug.page import page_of

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page_of(report), encoding="utf-8")
    except OSError as error:
        raise UsageError("the page can't be written", where=str(path), why=error.strerror or str(error)) from error
