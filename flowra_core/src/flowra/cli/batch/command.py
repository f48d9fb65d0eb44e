"""`flowra run` over many items."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowra.cli.batch.items import Items, items_of
from flowra.cli.batch.spec import STDIN, BatchSpec
from flowra.cli.batch.sweeps import sweep_of
from flowra.cli.batch.view import batch_view_for
from flowra.exceptions import GraphInvalidError, UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flowra.cli.request import Asked
    from flowra.dag.port import Port
    from flowra.execute.batch.best import Best
    from flowra.execute.batch.sweep import Sweep
    from flowra.execute.control import RunControl
    from flowra.execute.policy import CachePolicy
    from flowra.execute.session import Session

__all__ = ["BatchOptions", "earlier_spec", "run_batch"]


@dataclass(frozen=True)
class BatchOptions:
    """What a command line says of a batch besides its items.

    Attributes:
        results: Where the table goes; into the folder of the run if None.
        contact_sheet: Where the contact sheet goes; none is made if None.
        stop_after: After how many failures no more items are begun.
        output_dir: The folder of the run.
        resume: The earlier run.
        policy: What is looked up and kept.
        dry_run: Only show what would run.
        as_json: Print events.
        verbose: Tell more.
        require_remote: Fail unless every result is in the remote store in the end.
    """

    results: Path | None
    contact_sheet: Path | None
    stop_after: int | None
    output_dir: Path | None
    resume: str | None
    policy: CachePolicy
    dry_run: bool
    as_json: bool
    verbose: bool
    require_remote: bool


def earlier_spec(session: Session, spec: BatchSpec, resume: str | None) -> BatchSpec:
    """Return the batch of the run that is resumed, where the command line names none.

    Raises:
        UsageError: It can't be had again: a program gave its items.
    """
    if resume is None:
        return spec
    header = session.history.find(resume).header
    if "batch" not in header:
        return spec
    data = header["batch"] if isinstance(header["batch"], dict) else {}
    if spec:
        return replace(spec, best=spec.best or str(data.get("best", "")))
    if not data:
        raise UsageError(
            f"the run {header.get('run', resume)} can't be resumed from its journal alone",
            why="its items were given by a program",
            fix="run the program again, with session.map(…, resume=RUN)",
        )
    return replace(BatchSpec.from_json(data), best=spec.best or str(data.get("best", "")))


def run_batch(
    session: Session,
    asked: Asked,
    spec: BatchSpec,
    options: BatchOptions,
    interruptible: Callable[[RunControl], AbstractContextManager[None]],
) -> int:
    """Run a graph over the items that a command line names, and return the exit code."""
    from flowra.cli.batch.summary import Summary
    from flowra.execute.batch.results import ResultsTable
    from flowra.execute.control import RunControl

    port_of = _ports(session, asked)
    sweep = sweep_of(spec.matrix, spec.zipped, port_of)
    items = items_of(spec, asked.graph, asked.given, port_of)
    best, outputs = _best(spec.best, asked, sweep)
    if options.dry_run:
        return _show_plan(session, asked, items, sweep, outputs, as_json=options.as_json)
    if options.results is not None:
        ResultsTable.check(options.results)
    control = RunControl()
    with ExitStack() as stack:
        view = stack.enter_context(
            batch_view_for(asked.graph.name or "batch", as_json=options.as_json, verbose=options.verbose)
        )
        stack.enter_context(interruptible(control))
        try:
            batch = session.map(
                asked.graph,
                items.given,
                sweep=sweep,
                inputs=asked.given,
                targets=asked.targets,
                fields=items.fields,
                outputs=outputs,
                label=items.label,
                stop_after=options.stop_after,
                output_dir=options.output_dir,
                export=True,
                observers=[view],
                control=control,
                policy=options.policy,
                resume=options.resume,
                uploads="require" if options.require_remote else "wait",
                header={**asked.header, "batch": spec.to_json()},
            )
        except GraphInvalidError as error:
            raise (error if error.where else asked.located(error)) from None
        summary = Summary(batch, asked.graph, sweep, best, spec.best, options.contact_sheet)
        table = options.results or (batch.output_dir / "results.csv" if batch.id else None)
        with view, batch, ExitStack() as writing:
            rows = writing.enter_context(ResultsTable(table)) if table is not None else None
            for result in batch:
                if result.status == "cancelled":
                    continue
                if rows is not None:
                    rows.add(result)
                summary.add(result)
                view.add(result, batch.totals)
        summary.conclude(view.say, table, _again(spec, options))
    if batch.status == "cancelled":
        return 130
    if batch.totals.failed or batch.failures:
        return 5
    if batch.not_uploaded is not None:
        raise batch.not_uploaded
    return 0


def _again(spec: BatchSpec, options: BatchOptions) -> str:
    """Return what a command line says besides the run, to go on from it with the results in the same places."""
    places = (
        ("--output", options.output_dir),
        ("--results", options.results),
        ("--contact-sheet", options.contact_sheet),
    )
    said = "".join(f" {option} {shlex.quote(str(path))}" for option, path in places if path is not None)
    return f"{said} --batch-file -  (with the items again)" if spec.file == STDIN else said


def _ports(session: Session, asked: Asked) -> Callable[[str], Port | None]:
    """Return what gives the port for `input` or `node.port`."""
    from flowra.dag.plan.interface import input_port
    from flowra.execute.batch.ports import ports_of

    graph = asked.graph

    def port_of(name: str) -> Port | None:
        node, dot, port = name.partition(".")
        if not dot:
            if name not in graph.inputs:
                known = ", ".join(graph.inputs) or "none"
                raise UsageError(f"the graph has no input {name!r}", fix=f"its inputs: {known}; a port is NODE.PORT")
            return input_port(graph.inputs[name])
        found = ports_of(graph, node, session.catalog, place=name)
        if found is None:
            return None  # the type is not known; planning says so
        if (declared := found.find(port)) is None:
            raise found.unknown(port, where=name)
        return declared

    return port_of


def _best(text: str, asked: Asked, sweep: Sweep) -> tuple[Best | None, Sequence[str]]:
    """Return what finds the best, and the output that it needs besides the graph's own."""
    from flowra.execute.batch.best import Best, Goal

    if not text:
        return None, ()
    goal = Goal.parse(text)
    output, fields = goal.output(asked.graph.outputs)
    return Best(goal, output, fields, sweep.names), () if output in asked.graph.outputs else (output,)


def _show_plan(
    session: Session, asked: Asked, items: Items, sweep: Sweep, outputs: Sequence[str], *, as_json: bool
) -> int:
    """Say how many items there are, and what runs how often."""
    import click

    from flowra.cli.text import print_json
    from flowra.execute.batch.opening import open_batch
    from flowra.execute.batch.source import ItemSource

    source = ItemSource(items.given, sweep, asked.given)
    try:
        opened = open_batch(
            asked.graph, session.catalog, source, inputs=asked.given, targets=asked.targets, fields=items.fields,
            outputs=outputs,
        )  # fmt: skip
    except GraphInvalidError as error:
        raise (error if error.where else asked.located(error)) from None
    template = opened.template if opened is not None else None
    axes = ["item", *(", ".join(axis[0]) for axis in sweep.axes)]
    once = list(template.closed.nodes) if template is not None else []
    each = {node.node.id: [axes[axis] for axis in node.axes] for node in (template.open if template else ())}
    if as_json:
        total = source.total // len(sweep) if source.total is not None else None
        print_json({"items": total, "settings": len(sweep), "once": once, "each": each})
        return 0
    count = "items that are not counted yet" if source.total is None else f"{source.total // len(sweep):,} items"
    settings = f" × {len(sweep):,} settings" if sweep.axes else ""
    click.echo(f"{asked.graph.name or 'the graph'}: {count}{settings}")
    if once:
        click.echo(f"  once: {', '.join(once)}")
    for node, names in each.items():
        click.echo(f"  for each {' × '.join(names)}: {node}")
    return 0
