"""`--json`: each event as a line of JSON on stdout; what is meant for people goes to stderr."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from flowra.cli.run_view.view import RunView

if TYPE_CHECKING:
    from flowra.execute.session.events import Event

__all__ = ["JsonLinesView"]


class JsonLinesView(RunView):
    """Prints events for programs."""

    def observe(self, event: Event) -> None:
        """Print an event as a line of JSON."""
        click.echo(json.dumps(event.to_json(), ensure_ascii=False))

    def say(self, text: str) -> None:
        """Print a line for people on stderr."""
        click.echo(text, err=True)
