"""What every view of a run shares: it is told the events, and concludes with failures, results and totals."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowra.cli.errors import show_error
from flowra.exceptions import printable
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from flowra.execute.session import Run
    from flowra.execute.session.events import Event, Mapped, NodeFailed, Retried, Uploading

__all__ = [
    "RunView",
    "counted",
    "duration",
    "items_in_words",
    "outputs_in_words",
    "reason_in_short",
    "total_in_words",
    "uploading_in_words",
]

#: The most failures that are shown whole; the others are named.
FAILURES_SHOWN = 3
#: The most outputs that are shown; all of them lie in the folder.
OUTPUTS_SHOWN = 20
#: The most characters of a failure's reason where it stands in a list of nodes; it follows at length.
REASON_LENGTH = 160


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
        self.total(run)

    def total(self, run: Run) -> None:
        """Print the last line."""
        self.say(total_in_words(run))

    def __enter__(self) -> RunView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _node_in(nodes: Collection[str], name: str) -> str:
    """Return the planned node that a name belongs to: itself, the list it is an item of, the node it stands in for."""
    while name and name not in nodes:
        name = name[: max(name.rfind("/"), name.rfind("["), 0)]
    return name


def items_in_words(event: Mapped) -> str:
    """Return what came of the items of a list."""
    items = "1 item" if event.items == 1 else f"{event.items:,} items"
    return f"{items}, {event.failures:,} failed" if event.failures else items


def uploading_in_words(event: Uploading) -> str:
    """Return what is still to be uploaded."""
    if not event.results:
        return "uploaded"
    results = "1 result" if event.results == 1 else f"{event.results:,} results"
    return f"uploading {results}" + (f", {size_in_words(event.bytes)} …" if event.bytes else " …")


def counted(nodes: int) -> str:
    """Return how many nodes there are, in words."""
    return "1 node" if nodes == 1 else f"{nodes:,} nodes"


def reason_in_short(event: NodeFailed | Retried) -> str:
    """Return why a node failed, in one line that is not long."""
    return printable(str(event.error["why"] or event.error["what"]).partition("\n")[0], REASON_LENGTH)


def duration(seconds: float) -> str:
    """Return a duration as people read it: `12 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def outputs_in_words(run: Run) -> list[str]:
    """Return a line for each output: its file, its value where it is short, or that it could not be had."""
    results = {name: _result(run.files[name]) for name in list(run.files)[:OUTPUTS_SHOWN]}
    for name, source in run.plan.outputs.items():
        if name not in run.files:
            results[name] = f"(none: {source.node} did not succeed)"
    width = max(map(len, results), default=0)
    rows = [f"  {name:<{width}}  {result}" for name, result in results.items()]
    hidden = len(run.files) - OUTPUTS_SHOWN
    return [*rows, f"  … and {hidden:,} more"] if hidden > 0 else rows


def total_in_words(run: Run) -> str:
    """Return the last line: how it ended, how many nodes, how long, and the folder of the results."""
    undone = {_node_in(run.plan.nodes, name) for name in (*run.failures, *run.not_run)} - {""}
    done = len(run.plan.nodes) - len(undone)
    all_nodes = counted(len(run.plan.nodes))
    parts = [f"{done:,} of {all_nodes}" if done < len(run.plan.nodes) else all_nodes]
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
    if "files" in result:
        folder = os.path.commonpath(result["files"]) if result["files"] else ""
        return f"{len(result['files'])} files" + (f" in {readable_path(Path(folder))}" if folder else "")
    text = json.dumps(result["value"], ensure_ascii=False)
    return printable(text) if len(text) <= limit else f"{printable(text, limit)} (whole in outputs.json)"
