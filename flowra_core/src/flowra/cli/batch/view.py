"""How a batch looks while it goes: a bar on a terminal, a line now and then in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.batch.progress import Rate, totals_in_words
from flowra.exceptions import printable

if TYPE_CHECKING:
    from flowra.execute.batch.item import ItemResult, Totals
    from flowra.execute.session.events import Event

__all__ = ["NOTHING", "BatchView", "batch_view_for", "reason_of"]

#: What stands for a value that is none, in tables and pages for people.
NOTHING = "–"

#: Failures that are told of as they come, at most; all of them are in the table.
_TOLD = 20
#: Seconds between two lines in a pipe: at first, and at most.
_PAUSE = (2.0, 30.0)


class BatchView(ABC):
    """Shows a batch. Used as a context around it."""

    #: Not told what happens to nodes, unless a view says otherwise: then it need not be described.
    items_only = True

    def __init__(self, name: str, *, verbose: bool) -> None:
        self.name = name
        self.verbose = verbose
        self.rate = Rate()
        self._told = 0

    @property
    def observe(self) -> Any:
        """What is told the events of the run."""
        return self

    def __call__(self, event: Event) -> None:
        """Show what nodes log, and what goes wrong with the run."""
        from flowra.execute.session import events

        if isinstance(event, events.Log) and (event.level in ("warning", "error") or self.verbose):
            self.say(f"{event.node + ': ' if event.node else ''}{event.level}: {event.text}")

    def add(self, result: ItemResult, totals: Totals) -> None:
        """Show a result."""
        self.rate.note(totals.done)
        if result.status == "failed":
            self._told += 1
            if self._told <= _TOLD:
                self.say(f"failed: {printable(result.name, 120)}: {reason_of(result)}")
            elif self._told == _TOLD + 1:
                self.say("further failures are not told of one by one; the table of results has all")
        self.show(result, totals)

    @abstractmethod
    def show(self, result: ItemResult, totals: Totals) -> None:
        """Show how far the batch is."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Print a line for people."""

    def __enter__(self) -> BatchView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class PlainBatchView(BatchView):
    """Prints a line now and then."""

    def __init__(self, name: str, *, verbose: bool) -> None:
        super().__init__(name, verbose=verbose)
        self._pause = _PAUSE[0]
        self._next = time.monotonic() + self._pause

    def show(self, result: ItemResult, totals: Totals) -> None:
        if self.verbose and result.status != "failed":
            self.say(f"{result.status}: {printable(result.name, 120)}{' (cached)' if result.cached else ''}")
        if time.monotonic() < self._next:
            return
        of = f"/{totals.total:,}" if totals.total is not None else ""
        parts = [totals_in_words(totals), self.rate.in_words(totals)]
        self.say(f"[{totals.done:,}{of}] {', '.join(part for part in parts if part)}".rstrip())
        self._pause = min(1.5 * self._pause, _PAUSE[1])
        self._next = time.monotonic() + self._pause

    def say(self, text: str) -> None:
        click.echo(text)


class JsonBatchView(PlainBatchView):
    """Prints events as lines of JSON, those of nodes included; what is meant for people goes to stderr."""

    items_only = False

    def __init__(self, name: str, stdout: Any, *, verbose: bool) -> None:
        super().__init__(name, verbose=verbose)
        from flowra.cli.run_view.json_lines import JsonLinesView

        self._lines = JsonLinesView(stdout, verbose=verbose)

    def __call__(self, event: Event) -> None:
        self._lines.observe(event)

    def show(self, result: ItemResult, totals: Totals) -> None:
        """The events say it."""

    def say(self, text: str) -> None:
        click.echo(text, err=True)


class TerminalBatchView(BatchView):
    """A bar with totals, rate and time left; what failed stands above it."""

    def __init__(self, name: str, *, verbose: bool) -> None:
        super().__init__(name, verbose=verbose)
        from rich.console import Console
        from rich.live import Live

        self._totals: Totals | None = None
        self._last = ""
        self._console = Console(highlight=False)
        # Last, because it renders at once.
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True)

    def __enter__(self) -> BatchView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, result: ItemResult, totals: Totals) -> None:
        self._totals, self._last = totals, result.name

    def say(self, text: str) -> None:
        from rich.text import Text

        style = "red" if text.startswith("failed: ") else "yellow" if "warning: " in text else ""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def _render(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        totals = self._totals
        if totals is None:
            return Text(f"{self.name}: begins", style="dim")
        bar = Table.grid(padding=(0, 1))
        colour = "red" if totals.failed else "green"
        of = f"/{totals.total:,}" if totals.total is not None else ""
        cells: list[Any] = [Text(self.name, style="bold")]
        if totals.total:
            cells.append(ProgressBar(total=totals.total, completed=totals.done, width=28, complete_style=colour))
        cells += [
            Text(f"{totals.done:,}{of}"),
            Text(f"{totals.failed:,} failed" if totals.failed else "", style="red"),
            Text(f"{totals.cached:,} cached" if totals.cached else "", style="blue"),
            Text(self.rate.in_words(totals), style="dim"),
        ]
        bar.add_row(*cells)
        return Group(bar, Text(f"  {self._last}", style="dim", no_wrap=True, overflow="ellipsis"))


def reason_of(result: ItemResult) -> str:
    """Return why an item failed, in one line that is not long; its file is called by its name there."""
    said = result.reason.partition("\n")[0]
    if result.label:
        # The item's name stands beside it: its path need not be read twice.
        path = Path(result.label)
        said = said.replace(str(path.absolute()), path.name or result.label)
    return printable(said, 160)


@contextmanager
def batch_view_for(name: str, *, as_json: bool, verbose: bool) -> Iterator[BatchView]:
    """Give the view that suits where the output goes; with `as_json`, stdout is the view's alone meanwhile."""
    if as_json:
        from flowra.cli.run_view.reserved import reserved_stdout

        with reserved_stdout() as stdout:
            yield JsonBatchView(name, stdout, verbose=verbose)
    elif sys.stdout.isatty():
        yield TerminalBatchView(name, verbose=verbose)
    else:
        yield PlainBatchView(name, verbose=verbose)
