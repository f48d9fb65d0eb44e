"""What every view of a run shares: it is told the events, and concludes with failures, results and totals."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowra.cli.errors import show_error

if TYPE_CHECKING:
    from flowra.execute.session import Run
    from flowra.execute.session.events import Event

__all__ = ["RunView", "duration", "outputs_in_words", "total_in_words"]

#: The most failures that are shown whole; the others are named.
FAILURES_SHOWN = 3


class RunView(ABC):
    """Shows a run. Used as a context around it; `conclude` is called after it."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose

    @abstractmethod
    def observe(self, event: Event) -> None:
        """Show an event."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Print a line for people."""

    def conclude(self, run: Run) -> None:
        """Show what failed, where the results lie, and the totals."""
        for error in list(run.failures.values())[:FAILURES_SHOWN]:
            show_error(error, verbose=self.verbose)
        if len(run.failures) > FAILURES_SHOWN:
            rest = list(run.failures)[FAILURES_SHOWN:]
            self.say(f"and {len(rest)} more nodes failed: {', '.join(rest[:8])}{', …' if len(rest) > 8 else ''}")
        for line in outputs_in_words(run):
            self.say(line)
        self.say(total_in_words(run))

    def __enter__(self) -> RunView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def duration(seconds: float) -> str:
    """Return a duration as people read it: `12 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def outputs_in_words(run: Run) -> list[str]:
    """Return a line for each output: its file, or its value where it is short."""
    width = max((len(name) for name in run.files), default=0)
    return [f"  {name:<{width}}  {_result(result)}" for name, result in run.files.items()]


def total_in_words(run: Run) -> str:
    """Return the last line: how it ended, how many nodes, how long, and the folder of the results."""
    done = len(run.plan.nodes) - len(run.failures) - len(run.not_run)
    parts = [f"{done} of {len(run.plan.nodes)} nodes" if done < len(run.plan.nodes) else f"{done} nodes"]
    if run.failures:
        parts.append(f"{len(run.failures)} failed")
    if run.not_run:
        parts.append(f"{len(run.not_run)} not run")
    where = f", results in {readable_path(run.output_dir)}" if run.output_dir.is_dir() else ""
    return f"{run.plan.name}: {run.status}, {', '.join(parts)} in {duration(run.seconds)}{where}"


def readable_path(path: Path) -> str:
    """Return a path relative to the working directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if len(relative) < len(str(path)) else str(path)


def _result(result: dict[str, Any], limit: int = 100) -> str:
    if "file" in result:
        return readable_path(Path(result["file"]))
    text = json.dumps(result["value"], ensure_ascii=False)
    return text if len(text) <= limit else f"{text[: limit - 1]}… (whole in outputs.json)"
