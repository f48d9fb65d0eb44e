"""How commands put their findings in text: tables and problems that fit a terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowra.plugin.packs import PackProblem

__all__ = ["WIDTH", "cut", "fits", "print_json", "print_problem", "print_table", "table_rows"]

#: The most columns that a line takes.
WIDTH = 100
#: The fewest and the most columns of a terminal that a table is fitted to.
_TERMINAL = (40, 200)
_GAP = "  "


def print_json(data: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings in aligned columns; where they don't fit, the widest columns are cut."""
    for number, line in enumerate(table_rows(headings, rows)):
        click.echo(click.style(line, bold=True) if number == 0 else line)


def table_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, the headings first; where they don't fit, the widest columns are cut."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    room = table_width()
    while _total(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return [
        _GAP.join(f"{cut(cell, width):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headings, *rows)
    ]


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table of these rows needs no cell to be cut."""
    return _total([max(map(len, column)) for column in zip(*rows, strict=True)]) <= table_width()


def table_width() -> int:
    """Return how many columns a table may take: those of the terminal; 100 where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, _TERMINAL[0]), _TERMINAL[1])


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def print_problem(problem: PackProblem) -> None:
    """Print what is the matter with a pack, why, and how to mend it."""
    for label, text in problem.to_json().items():
        # Paths and commands stay whole, so that they can be copied.
        lines = textwrap.wrap(text, WIDTH - 8, break_long_words=False, break_on_hyphens=False) or [""]
        for number, line in enumerate(lines):
            click.echo(f"  {label + ':' if number == 0 else '':<6}{line}")


def cut(text: str, width: int) -> str:
    """Return a text cut to `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"
