"""Where the output goes to a file or a pipe: a plain line for each thing that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowra.cli.run_view.view import RunView, counted, duration, items_in_words, reason_in_short, uploading_in_words
from flowra.exceptions import printable
from flowra.execute.session import events

if TYPE_CHECKING:
    from flowra.execute.session.events import Event

__all__ = ["PlainView"]


class PlainView(RunView):
    """Prints a line when a node starts, logs, ends or is left out."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._done = 0
        self._nodes: set[str] = set()
        self._uploading = False

    def observe(self, event: Event) -> None:
        """Print an event, if it is one that people want in a log."""
        if isinstance(event, events.Planned):
            self.say(f"{event.graph}: {counted(event.nodes)}, run {event.run}")
        elif isinstance(event, events.Queued):
            self._nodes.add(event.node)
        elif isinstance(event, events.NodeSucceeded):
            described = ", ".join(f"{port}: {text}" for port, text in event.outputs.items())
            self._end(event.node, f"{duration(event.seconds)}  {described}")
        elif isinstance(event, events.Cached):
            self._end(event.node, "cached")
        elif isinstance(event, events.Mapped):
            self._end(event.node, f"{duration(event.seconds)}  {items_in_words(event)}")
        elif isinstance(event, events.Retried):
            self.say(f"{event.node} failed, is tried again in {duration(event.seconds)}: {reason_in_short(event)}")
        elif isinstance(event, events.NodeFailed):
            self.say(f"{event.node} failed: {reason_in_short(event)}")
        elif isinstance(event, events.NodeSkipped):
            self.say(f"{event.node} not run: {printable(event.reason)}")
        elif isinstance(event, events.Preview):
            self.say(f"{event.node}: {event.title + ': ' if event.title else ''}{event.summary}")
        elif isinstance(event, events.Uploading):
            if not event.results or not self._uploading:
                self.say(uploading_in_words(event))
            self._uploading = event.results > 0
        elif isinstance(event, events.Log) and (event.level != "debug" or self.verbose):
            level = "" if event.level == "info" else f"{event.level}: "
            self.say(f"{event.node + ': ' if event.node else ''}{level}{event.text}")

    def _end(self, node: str, text: str) -> None:
        if node in self._nodes:  # items of a list are told of together, when the list is done
            self._done += 1
            self.say(f"[{self._done}/{len(self._nodes)}] {node}  {text}".rstrip())

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)
