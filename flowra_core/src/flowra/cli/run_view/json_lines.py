"""`--json`: each event as a line of JSON on stdout; what is meant for people goes to stderr."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

import click

from flowra.cli.run_view.view import RunView

if TYPE_CHECKING:
    from flowra.execute.session.events import Event

__all__ = ["JsonLinesView"]


class JsonLinesView(RunView):
    """Prints events for programs.

    Args:
        stdout: Where the events go.
        verbose: Whether people are to be told everything.
    """

    def __init__(self, stdout: TextIO, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._stdout = stdout

    def observe(self, event: Event) -> None:
        """Print an event as a line of JSON, in ASCII: not every text that Python can hold can be encoded."""
        self._stdout.write(f"{json.dumps(event.to_json())}\n")
        self._stdout.flush()

    def say(self, text: str) -> None:
        """Print a line for people on stderr."""
        click.echo(text, err=True)
