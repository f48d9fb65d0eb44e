"""How errors look on a terminal."""

from __future__ import annotations

import click

from flowra.exceptions import FlowraError, NodeFailedError, printable

__all__ = ["show_error", "show_unexpected"]


def show_error(error: FlowraError, *, verbose: bool = False) -> None:
    """Print an error on stderr, in at most 15 lines; with `verbose` all of it, tracebacks included."""
    first, *rest = error.lines(whole=verbose)
    click.echo(click.style("error: ", fg="red", bold=True) + first, err=True)
    for line in rest:
        click.echo(line, err=True)
    if verbose and isinstance(error, NodeFailedError) and error.traceback:
        click.echo(f"\n{error.traceback.rstrip()}", err=True)


def show_unexpected(error: Exception, *, verbose: bool) -> None:
    """Print an error that should not have happened: a mistake of Flowra, or of a pack in a place we don't guard."""
    said = printable(f"{type(error).__name__}: {error}")
    click.echo(click.style("internal error: ", fg="red", bold=True) + said, err=True)
    if verbose:
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("  fix:    this is a mistake in Flowra; flowra -v … shows the traceback to report", err=True)
