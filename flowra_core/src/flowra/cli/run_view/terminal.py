"""On a terminal: a bar, the nodes that run with what they say of themselves, and pictures where nodes show some."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from flowra.cli.run_view.view import (
    RunView,
    duration,
    items_in_words,
    reason_in_short,
    total_in_words,
    uploading_in_words,
)
from flowra.exceptions import printable
from flowra.execute.session import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.spinner import Spinner
    from rich.text import Text

    from flowra.execute.session import Run
    from flowra.execute.session.events import Event

__all__ = ["TerminalView"]

#: Nodes shown at once under the bar; in larger graphs the ones that run, failed or ended last.
ROWS = 12


class TerminalView(RunView):
    """A live display on stdout."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        from rich.console import Console
        from rich.live import Live

        self._name = ""
        self._nodes: set[str] = set()
        self._waiting: dict[str, None] = {}
        self._running: dict[str, events.Progress | None] = {}
        self._ended: dict[str, None] = {}
        self._worker_of: dict[str, str] = {}
        self._workers: set[str] = set()
        self._failed = 0
        self._uploading = ""
        self._spinners: dict[str, Spinner] = {}
        self._began = 0.0
        self._console = Console(highlight=False)
        # Last, because it renders at once.
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=10, transient=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def observe(self, event: Event) -> None:
        """Take an event into the display."""
        if isinstance(event, events.Planned):
            self._name, self._began = event.graph, event.time
        elif isinstance(event, events.Queued):
            self._nodes.add(event.node)
            self._waiting[event.node] = None
        elif isinstance(event, events.Started):
            self._live.start()  # not before: there would be nothing to show
            self._waiting.pop(event.node, None)
            self._running[event.node] = None
            if event.worker:
                self._worker_of[event.node] = event.worker
                self._workers.add(event.worker)
        elif isinstance(event, events.Progress):
            if event.node in self._running:  # a thread that a node left behind may report when the node has ended
                self._running[event.node] = event
        elif isinstance(event, events.NodeSucceeded):
            described = ", ".join(f"{port}: {text}" for port, text in event.outputs.items())
            self._end(event.node, "green", "✓", f"{duration(event.seconds):>8}  {described}")
        elif isinstance(event, events.Cached):
            self._end(event.node, "green", "✓", f"{'cached':>8}")
        elif isinstance(event, events.Mapped):
            colour = "yellow" if event.failures else "green"
            self._end(event.node, colour, "✓", f"{duration(event.seconds):>8}  {items_in_words(event)}")
        elif isinstance(event, events.Retried):
            self._print(
                f"  {event.node}: tried again in {duration(event.seconds)}: {reason_in_short(event)}",
                _LEVELS["warning"],
            )
        elif isinstance(event, events.NodeFailed):
            self._failed += 1
            self._end(event.node, "red", "✗", reason_in_short(event))
        elif isinstance(event, events.NodeSkipped):
            self._end(event.node, "yellow", "–", printable(event.reason))
        elif isinstance(event, events.Uploading):
            self._live.start()
            self._uploading = uploading_in_words(event)
        elif isinstance(event, events.Preview):
            self._show(event)
        elif isinstance(event, events.Log) and (event.level != "debug" or self.verbose):
            about = f"{event.node}: " if event.node else ""
            self._print(f"  {about}{event.text}", _LEVELS.get(event.level, "dim"))

    def say(self, text: str) -> None:
        """Print a line."""
        from rich.text import Text

        self._console.print(Text(text), soft_wrap=True)

    def conclude(self, run: Run) -> None:
        """Show what failed, where the results lie, and the totals, apart from the list of nodes."""
        self._console.print()
        super().conclude(run)

    def total(self, run: Run) -> None:
        """Print the last line, in the colour of how it ended."""
        from rich.text import Text

        text = Text(total_in_words(run))
        start = len(run.plan.name) + len(": ")
        text.stylize(f"bold {_STATUSES[run.status]}", start, start + len(run.status))
        self._console.print(text, soft_wrap=True)

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style))

    def _end(self, node: str, colour: str, mark: str, text: str) -> None:
        from rich.text import Text

        self._waiting.pop(node, None)
        self._running.pop(node, None)
        self._spinners.pop(node, None)
        self._worker_of.pop(node, None)
        if node in self._nodes:
            self._ended[node] = None
        elif colour == "green":
            return  # items of a list are told of together, when the list is done
        if len(self._nodes) <= ROWS * 4 or colour == "red":
            line = Text.assemble((f"{mark} ", colour), (f"{node:<{self._width()}}  ", "bold"), text)
            line.truncate(self._console.width, overflow="ellipsis")
            self._console.print(line)

    def _width(self) -> int:
        names = [*self._ended, *self._running, *self._waiting]
        return min(24, max(map(len, names[: ROWS * 4]), default=0))

    def _show(self, event: events.Preview) -> None:
        self._print(f"  {event.node}: {event.title + ', ' if event.title else ''}{event.summary}", "dim")
        if event.png is not None and self._console.color_system in ("truecolor", "256"):
            from flowra.cli.picture import picture_lines

            for line in picture_lines(event.png, columns=min(self._console.width, 44)):
                self._console.print(line)

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        colour = "red" if self._failed else "green"
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._name, style="bold"),
            ProgressBar(
                total=max(len(self._nodes), 1),
                completed=len(self._ended),
                width=32,
                complete_style=colour,
                finished_style=colour,
            ),
            Text(f"{len(self._ended):,}/{len(self._nodes):,}"),
            Text(f"{self._failed:,} failed" if self._failed else "", style="red"),
            Text(duration(time.time() - self._began) if self._began else "", style="dim"),
        )
        rows: list[RenderableType] = [bar]
        width = self._width()
        here = [node for node in self._running if node not in self._worker_of]
        texts = {
            node: Text.assemble((f"{node:<{width}}", "bold"), f"  {_progress_in_words(self._running[node])}")
            for node in here[:ROWS]
        }
        texts.update(self._worker_rows())
        idle = {f"worker {worker}" for worker in self._workers.difference(self._worker_of.values())}
        for name, text in texts.items():
            text.truncate(max(1, self._console.width - 2), overflow="ellipsis")
            if name in idle:
                rows.append(Text.assemble("  ", text))
                continue
            spinner = self._spinners.setdefault(name, Spinner("dots"))
            spinner.update(text=text)
            rows.append(spinner)
        if self._waiting:
            names = ", ".join(list(self._waiting)[:6]) + (", …" if len(self._waiting) > 6 else "")
            rows.append(Text(f"  waiting: {names}", style="dim", no_wrap=True, overflow="ellipsis"))
        if self._uploading:
            rows.append(Text(f"  {self._uploading}", style="dim"))
        return Group(*rows)

    def _worker_rows(self) -> Iterator[tuple[str, Text]]:
        """Yield a row for each worker that has run something: what it runs now, one thing after the other."""
        from rich.text import Text

        busy: dict[str, list[str]] = {
            worker: [] for worker in sorted(self._workers, key=lambda name: (len(name), name))
        }
        for node, worker in self._worker_of.items():
            busy[worker].append(f"{node} {_progress_in_words(self._running.get(node))}")
        width = max(map(len, busy), default=0)
        for worker, nodes in list(busy.items())[:ROWS]:
            what = ", ".join(nodes) if nodes else "idle"
            yield (
                f"worker {worker}",
                Text.assemble((f"worker {worker:<{width}}", "bold"), (f"  {what}", "" if nodes else "dim")),
            )


_STATUSES = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}
_LEVELS = {"debug": "dim", "warning": "yellow", "error": "red"}


def _progress_in_words(progress: events.Progress | None) -> str:
    if progress is None:
        return "runs"
    share = progress.done / progress.total if progress.total else progress.done
    counted = f" ({progress.done:g} of {progress.total:g})" if progress.total else ""
    return f"{share:.0%}{counted} {progress.text}".rstrip()
