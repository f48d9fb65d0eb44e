"""The command line, from the click commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from _generate.markdown import code, one_line, table
from flowra.cli.main import COMMANDS, cli

__all__ = ["commands", "walk"]


def walk() -> Iterator[tuple[str, click.Command]]:
    """Yield each command of the core by its whole name, `flowra graph show`; those of packs are left out."""
    yield "flowra", cli
    for name in sorted(COMMANDS):
        yield from _below(f"flowra {name}", import_module(COMMANDS[name][0]).command)


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _below(f"{path} {name}", command.commands[name])


def commands() -> str:
    """Return a section for each command."""
    return "\n".join(_section(path, command) for path, command in walk())


def _section(path: str, command: click.Command) -> str:
    context = click.Context(command, info_name=path, help_option_names=["-h", "--help"])
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{'###' if path.count(' ') > 1 else '##'} {code(path)}", f"```text\n{usage}\n```", _help(command)]
    if isinstance(command, click.Group) and command is not cli:
        below = [code(f"{path} {name}") for name in sorted(command.commands)]
        parts.append(f"Its commands: {', '.join(below)}.")
    rows = [row for parameter in command.get_params(context) if (row := _row(parameter, context))]
    if command is not cli:
        rows = [row for row in rows if "--help" not in row[0]]
    if rows:
        parts.append(table(("option", "meaning"), rows))
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record: Any = parameter.get_help_record(context)
    if record is None:
        return None
    names, text = record
    if not text:  # an argument, which the usage line and the text name
        return None
    repeated = " May be given several times." if getattr(parameter, "multiple", False) else ""
    return code(names), one_line(text) + repeated


def _help(command: click.Command) -> str:
    """Return a help text as Markdown: what click is told to leave as it is (`\\b`) becomes a block."""
    parts = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        kept = paragraph.removeprefix("\b\n")
        parts.append(one_line(paragraph) if kept == paragraph else f"```text\n{inspect.cleandoc(kept)}\n```")
    return "\n\n".join(parts)
