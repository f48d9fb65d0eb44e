"""What is said of a batch when it has ended: a table of the first items, the best setting, the totals."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.cli.batch.narrow import narrowed
from flowra.cli.batch.progress import totals_in_words
from flowra.cli.batch.sheet import ContactSheet
from flowra.cli.batch.view import NOTHING, reason_of
from flowra.cli.run_view.view import duration, readable_path
from flowra.cli.text import table_rows
from flowra.exceptions import printable

if TYPE_CHECKING:
    from flowra.dag.graph import Graph
    from flowra.execute.batch.best import Best
    from flowra.execute.batch.item import ItemResult
    from flowra.execute.batch.sweep import Sweep
    from flowra.execute.session import Batch

__all__ = ["Summary"]

#: Items in the table that is printed.
_SHOWN = 20
_ERROR = "error"


class Summary:
    """Gathers what is said at the end.

    Args:
        batch: The batch.
        graph: The graph.
        sweep: The settings.
        best: Finds the best of them; None if nobody asked.
        goal: What was asked, in words.
        sheet: Where the contact sheet goes; None for none.
    """

    def __init__(
        self, batch: Batch, graph: Graph, sweep: Sweep, best: Best | None, goal: str, sheet: Path | None
    ) -> None:
        self._batch = batch
        self._name = graph.name or "batch"
        self._outputs = frozenset(graph.outputs)
        self._sweep = sweep
        self._best = best
        self._goal = goal
        self._sheet = ContactSheet(sheet) if sheet is not None else None
        self._rows: dict[int, dict[str, str]] = {}
        self._given: set[str] = set()
        self._files: set[str] = set()

    def add(self, result: ItemResult) -> None:
        """Take a result into account."""
        if result.index < _SHOWN:
            self._rows[result.index] = _row(result, self._outputs)
            self._given.update(_heading(name, self._outputs) for name in result.given)
            self._files.update(name for name, where in result.files.items() if "file" in where)
        if self._best is not None:
            self._best.add(result)
        if self._sheet is not None:
            self._sheet.add(result)

    def conclude(self, say: Callable[[str], None], table: Path | None, again: str) -> None:
        """Say it, and write the contact sheet.

        Args:
            say: Prints a line.
            table: Where the table is; None if there is none.
            again: What goes after the run's id in a command line that goes on from here.
        """
        batch, totals = self._batch, self._batch.totals
        for line in self._table(totals.done):
            say(line)
        notes = self._best_in_words()
        for note in notes:
            say(note)
        if self._sheet is not None:
            self._sheet.write(batch, self._name, notes)
            say(f"contact sheet: {readable_path(self._sheet.path)}")
        if table is not None:
            say(f"table: {readable_path(table)}")
        for name, error in batch.failures.items():
            say(f"failed: {name}, which runs once for all items: {printable((error.why or error.what), 160)}")
        of = f" of {totals.total:,}" if totals.total is not None and totals.total != totals.done else ""
        items = "1 item" if totals.done == 1 and not of else f"{totals.done:,}{of} items"
        parts = [items, totals_in_words(totals)]
        where = f", results in {readable_path(batch.output_dir)}" if batch.id and batch.output_dir.is_dir() else ""
        said = ", ".join(part for part in parts if part)
        say(f"{self._name}: {batch.status}, {said} in {duration(totals.seconds)}{where}")
        if batch.id and (batch.status == "cancelled" or totals.failed or batch.failures):
            say(f"go on from here:  flowra run --resume {batch.id}{again}")

    def _table(self, done: int) -> list[str]:
        rows = [self._rows[index] for index in sorted(self._rows)]
        if not rows:
            return []
        names = list(dict.fromkeys(name for row in rows for name in row))
        # Not each item has a label, or an error.
        names.sort(key=lambda name: {"item": 0, "label": 1, _ERROR: 3}.get(name, 2))
        cells = narrowed(names, rows, self._given, self._files)
        lines = table_rows(cells[0], cells[1:])
        hidden = done - len(rows)
        return [*lines, f"… and {hidden:,} more"] if hidden > 0 else lines

    def _best_in_words(self) -> list[str]:
        if self._best is None:
            return []
        found = self._best.found()
        if found is None:
            why = f": {self._best.problem}" if self._best.problem else ""
            return [f"best ({self._goal}): no item gave a number{why}"]
        setting = found.name or ", ".join(f"{name}={_short(value)}" for name, value in found.given.items())
        mean = f", the mean of {found.items:,} items" if found.items > 1 else ""
        return [f"best ({self._goal}): {setting}  {found.value:.6g}{mean}"]


def _row(result: ItemResult, outputs: Set[str]) -> dict[str, str]:
    row = {"item": str(result.index)}
    if result.label:
        row["label"] = printable(result.label, 60)
    row.update(
        (_heading(name, outputs), _short(value)) for name, value in result.given.items() if str(value) != result.label
    )
    row["status"] = "cached" if result.cached else result.status
    for name, value in result.outputs.items():
        where = result.files.get(name, {})
        row[name] = Path(where["file"]).name if "file" in where else _short(value)
    if result.error is not None:
        row[_ERROR] = reason_of(result)
    return row


def _heading(name: str, outputs: Set[str]) -> str:
    """Return how what was given is called: an input may have the name of an output."""
    return f"given {name}" if name in outputs else name


def _short(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(each)}" for name, each in value.items())
    if hasattr(value, "shape"):
        return "×".join(map(str, value.shape))
    return printable(str(value), 60)
