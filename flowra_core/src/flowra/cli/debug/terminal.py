"""A report of a run as text, with pictures where the terminal can show them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from flowra.cli.debug.changes import Change
from flowra.cli.debug.report import NodeReport, RunReport
from flowra.cli.debug.values import ValueReport
from flowra.cli.run_view.view import duration
from flowra.cli.terminal_graphics import Graphics, encoded_picture
from flowra.exceptions import printable
from flowra.storage.reports import size_in_words

__all__ = ["show_report"]

#: The most columns that a picture of half blocks takes.
PICTURE_COLUMNS = 60
#: Of each node, the lines of its log that are shown; the page has more.
LOG_LINES = 20
_COLOURS = {"ran": "green", "cached": "cyan", "resumed": "cyan", "failed": "red", "not run": "yellow"}
_DIGEST = 12


def show_report(report: RunReport, graphics: Graphics) -> None:
    """Print a report.

    Args:
        report: The report.
        graphics: How pictures are shown.
    """
    for note in report.notes:
        click.echo(click.style(printable(note), dim=True))
    for node in report.nodes:
        _show_node(node, graphics)
    if report.hidden:
        click.echo(f"\n… and {report.hidden:,} more calls")
    click.echo(f"\n{report.name}: {report.status} in {duration(report.seconds)}, run {report.id}")


def show_changes(run: str, changes: Sequence[Change], graphics: Graphics) -> None:
    """Print how outputs differ from those of an earlier run."""
    if not changes:
        click.echo(f"no output differs from {run}")
        return
    click.echo(f"since {run}:")
    for change in changes:
        click.echo(f"  {change}")
        if change.picture is not None:
            _show_picture(change.picture, graphics)


def _show_node(node: NodeReport, graphics: Graphics) -> None:
    took = [duration(node.seconds)] if node.seconds is not None else []
    took += [f"up to {size_in_words(node.peak)} more memory"] if node.peak else []
    status = click.style(node.status, fg=_COLOURS[node.status], bold=True)
    click.echo(f"\n{click.style(node.name, bold=True)}  {node.type}  {status}" + ", ".join(["", *took]))
    if node.why:
        click.echo(f"  {node.why}" + (":" if node.reasons else ""))
    for reason in node.reasons:
        click.echo(f"    {printable(reason)}")
    width = max((len(value.port) for value in (*node.inputs, *node.outputs)), default=0)
    for heading, values in (("in", node.inputs), ("out", node.outputs)):
        for value in values:
            for line in _value_lines(value):
                click.echo(f"  {heading:<3} {value.port:<{width}}  {line}" if line[:1] != " " else f"  {line}")
            # An input was the output of another node, and has been shown there; where it failed, it says why.
            if value.png is not None and (heading == "out" or node.status == "failed"):
                _show_picture(value.png, graphics)
    for text in node.logs[:LOG_LINES]:
        click.echo(f"  │ {printable(text)}")
    if len(node.logs) > LOG_LINES:
        click.echo(f"  │ … and {len(node.logs) - LOG_LINES} more lines")
    for row in node.measured.profile:
        click.echo(f"  {row.cumulative:8.3f} s  {row.own:8.3f} s own  {row.calls:>8,} ×  {row.function}")


def _value_lines(value: ValueReport) -> Iterator[str]:
    facts = value.facts()
    # A number is known by itself.
    digest = f"sha256 {value.digest[:_DIGEST]}" if value.digest and (facts or value.png is not None) else ""
    yield "  ".join(filter(None, [printable(value.summary), click.style(digest, dim=True) if digest else ""]))
    if facts:
        yield f"      {', '.join(facts)}"


def _show_picture(png: bytes, graphics: Graphics) -> None:
    if graphics == "none":
        return
    if graphics == "blocks":
        from rich.console import Console

        from flowra.cli.picture import picture_lines

        console = Console(file=sys.stdout)
        for line in picture_lines(png, min(PICTURE_COLUMNS, console.width - 6)):
            line.pad_left(6)
            console.print(line, soft_wrap=True)
        return
    try:
        click.echo(encoded_picture(png, graphics), color=True)
    except ImportError:  # sixel needs Pillow; whoever made the picture had it, and may have been another process
        return
