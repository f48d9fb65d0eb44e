"""`flowra project`: work on a node pack's source tree."""

from __future__ import annotations

import click

from flowra.cli.project.editing import add_group, add_node, remove, rename
from flowra.cli.project.looking import info, list_nodes, validate
from flowra.cli.project.upkeep import sync, test, update, version

__all__ = ["command"]


@click.group("project")
def command() -> None:
    """Work on a node pack's source tree."""


for _each in (info, list_nodes, add_group, add_node, rename, remove, validate, test, version, sync, update):
    command.add_command(_each)
