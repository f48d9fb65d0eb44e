"""What the commands of `flowra project` have in common: which pack, and what an edit did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowra.pack.edit.edit_result import Edited

__all__ = ["json_option", "path_argument", "project_option", "show_edit", "show_files"]

#: The pack as an argument, for commands that need no other one.
path_argument: Callable[..., Any] = click.argument("path", type=click.Path(path_type=Path), default=Path())
#: The pack as an option, beside other arguments.
project_option: Callable[..., Any] = click.option(
    "-C",
    "--project",
    "path",
    metavar="PATH",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The pack's folder, or one inside it; the current folder.",
)
json_option: Callable[..., Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_COLOURS = {"new": "green", "changed": "yellow", "removed": "red"}


def show_edit(edited: Edited, as_json: bool) -> None:
    """Say which files an edit wrote, and what is left to do."""
    from flowra.cli.text import print_json

    if as_json:
        print_json({"files": dict(edited.files), "notes": list(edited.notes)})
        return
    show_files(edited.files)
    for note in edited.notes:
        click.echo(note)


def show_files(files: tuple[tuple[str, str], ...]) -> None:
    """Say of each file what became of it."""
    for name, what in files:
        click.echo(f"  {click.style(f'{what:<7}', fg=_COLOURS[what])}  {name}")
