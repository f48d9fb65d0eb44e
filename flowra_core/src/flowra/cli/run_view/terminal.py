"""On a terminal: a bar, the nodes that run with what they say of themselves, and pictures where nodes show some."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from flowra.cli.run_view.view import RunView, duration
from flowra.execute.session import events

if TYPE_CHECKING:
    from rich.console import RenderableType

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

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=10, transient=True)
        self._name = ""
        self._total = 0
        self._waiting: dict[str, None] = {}
        self._running: dict[str, events.Progress | None] = {}
        self._ended: dict[str, tuple[str, str]] = {}
        self._began = 0.0

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def observe(self, event: Event) -> None:
        """Take an event into the display."""
        if isinstance(event, events.Planned):
            self._name, self._total, self._began = event.graph, event.nodes, event.time
        elif isinstance(event, events.Queued):
            self._waiting[event.node] = None
        elif isinstance(event, events.Started):
            self._waiting.pop(event.node, None)
            self._running[event.node] = None
        elif isinstance(event, events.Progress):
            self._running[event.node] = event
        elif isinstance(event, events.NodeSucceeded):
            described = ", ".join(f"{port}: {text}" for port, text in event.outputs.items())
            self._end(event.node, "green", "✓", f"{duration(event.seconds):>8}  {described}")
        elif isinstance(event, events.NodeFailed):
            self._end(event.node, "red", "✗", str(event.error["why"] or event.error["what"]).partition("\n")[0])
        elif isinstance(event, events.NodeSkipped):
            self._end(event.node, "yellow", "–", event.reason)
        elif isinstance(event, events.Preview):
            self._show(event)
        elif isinstance(event, events.Log) and (event.level != "debug" or self.verbose):
            from rich.text import Text

            self._console.print(
                Text(f"{event.node + ': ' if event.node else ''}{event.text}", style=_LEVELS.get(event.level, ""))
            )

    def say(self, text: str) -> None:
        """Print a line."""
        from rich.text import Text

        self._console.print(Text(text), soft_wrap=True)

    def _end(self, node: str, colour: str, mark: str, text: str) -> None:
        from rich.text import Text

        self._waiting.pop(node, None)
        self._running.pop(node, None)
        self._ended[node] = (colour, text)
        if self._total <= ROWS * 4 or colour == "red":
            line = Text.assemble((f"{mark} ", colour), (f"{node:<{self._width()}}  ", "bold"), text)
            line.truncate(self._console.width, overflow="ellipsis")
            self._console.print(line)

    def _width(self) -> int:
        names = [*self._ended, *self._running, *self._waiting]
        return min(24, max(map(len, names[: ROWS * 4]), default=0))

    def _show(self, event: events.Preview) -> None:
        from rich.text import Text

        self._console.print(
            Text(f"{event.node}: {event.title + ', ' if event.title else ''}{event.summary}", style="dim")
        )
        if event.png is not None and self._console.color_system in ("truecolor", "256"):
            from flowra.cli.picture import picture_lines

            for line in picture_lines(event.png, columns=min(self._console.width, 64)):
                self._console.print(line)

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._name, style="bold"),
            ProgressBar(total=max(self._total, 1), completed=len(self._ended), width=32),
            Text(f"{len(self._ended)}/{self._total}"),
        )
        rows: list[RenderableType] = [bar]
        width = self._width()
        for node, progress in list(self._running.items())[:ROWS]:
            text = Text.assemble((f"{node:<{width}}", "bold"), f"  {_progress_in_words(progress)}")
            rows.append(Spinner("dots", text))
        if self._waiting:
            names = ", ".join(list(self._waiting)[:6]) + (", …" if len(self._waiting) > 6 else "")
            rows.append(Text(f"  waiting: {names}", style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*rows)


_LEVELS = {"debug": "dim", "warning": "yellow", "error": "red"}


def _progress_in_words(progress: events.Progress | None) -> str:
    if progress is None:
        return "runs"
    share = progress.done / progress.total if progress.total else progress.done
    counted = f" ({progress.done:g} of {progress.total:g})" if progress.total else ""
    return f"{share:.0%}{counted} {progress.text}".rstrip()
