"""The table of a batch where it has not enough room: what says least makes place first."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import PurePath

from flowra.cli.text import fits

__all__ = ["narrowed"]

#: A row, its cells by the name of the column.
Row = dict[str, str]


def narrowed(names: list[str], rows: list[Row], given: Set[str], files: Set[str]) -> list[list[str]]:
    """Return the headings and the cells of a table, with no more left out than there is need for.

    Args:
        names: The columns.
        rows: The cells of each item.
        given: The columns of what was given.
        files: The columns of outputs that were written to files.
    """
    steps: tuple[Callable[[], None], ...] = (
        lambda: _drop_alike(names, rows, given),
        lambda: _shorten_labels(rows),
        lambda: _drop_alike(names, rows, files),
    )
    names, rows = list(names), [dict(row) for row in rows]
    for step in steps:
        if fits(_cells(names, rows)):
            break
        step()
    cells = _cells(names, rows)
    return cells if fits(cells) else [_short_headings(names), *cells[1:]]


def _cells(names: list[str], rows: list[Row]) -> list[list[str]]:
    return [names, *([row.get(name, "") for name in names] for row in rows)]


def _drop_alike(names: list[str], rows: list[Row], among: Set[str]) -> None:
    """Drop columns that say the same of all items: they tell none from another."""
    names[:] = [name for name in names if name not in among or len({row[name] for row in rows if row.get(name)}) > 1]


def _shorten_labels(rows: list[Row]) -> None:
    """Call files by their names alone, where those tell them apart as well."""
    labels = {row["label"] for row in rows if row.get("label")}
    if len({PurePath(label).name for label in labels}) == len(labels):
        for row in rows:
            if row.get("label"):
                row["label"] = PurePath(row["label"]).name


def _short_headings(names: list[str]) -> list[str]:
    """Call `node.port` by its port, where no other column has that name."""
    last = [name.rpartition(".")[2] for name in names]
    return [short if last.count(short) == 1 else name for name, short in zip(names, last, strict=True)]
