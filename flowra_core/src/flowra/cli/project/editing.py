"""`flowra project add-group`, `add-node`, `rename` and `remove`: edits of a pack, each whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flowra.cli.project.options import json_option, project_option, show_edit

__all__ = ["add_group", "add_node", "remove", "rename"]


@click.command("add-group")
@click.argument("group")
@project_option
@json_option
def add_group(group: str, path: Path, as_json: bool) -> None:
    """Add the group GROUP of nodes: a module that they go into."""
    from flowra.pack.edit import adding
    from flowra.pack.project import PackProject

    show_edit(adding.add_group(PackProject.find(path), group), as_json)


@click.command("add-node")
@click.argument("name")
@click.option("--group", metavar="GROUP", help="The group that it goes into; it is made where there is none.")
@click.option("--input", "inputs", metavar="PORT", multiple=True, help="A port that goes in: NAME:TYPE[RANGE]=DEFAULT.")
@click.option("--output", "outputs", metavar="PORT", multiple=True, help="A port that comes out: NAME:TYPE.")
@click.option("--summary", metavar="TEXT", default="", help="What it does, in one line.")
@project_option
@json_option
def add_node(
    name: str,
    group: str | None,
    inputs: Sequence[str],
    outputs: Sequence[str],
    summary: str,
    path: Path,
    as_json: bool,
) -> None:
    """Add the node NAME: its class, its entry, a test and an example graph.

    On a terminal, a group and ports that are not given are asked for.

    \b
    flowra project add-node Emboss --group filters --input image:AnyImage \\
        --input 'strength:Number[0..10]=1' --output image:AnyImage
    """  # noqa: D301  click reads \b as an escape
    from flowra.exceptions import UsageError
    from flowra.pack.edit import adding
    from flowra.pack.edit.port_form import read_port
    from flowra.pack.project import PackProject

    project = PackProject.find(path)
    asks = not as_json and sys.stdin.isatty()
    if group is None:
        if not asks:
            raise UsageError("there is no group for the node", fix=f"flowra project add-node {name} --group GROUP")
        group = str(click.prompt("Group", err=True))
    if asks and not inputs and not outputs:
        inputs, outputs = _asked("Input"), _asked("Output")
    added = adding.add_node(
        project, name, group, [read_port(each) for each in inputs], [read_port(each) for each in outputs], summary
    )
    show_edit(added, as_json)


@click.command("rename")
@click.argument("old")
@click.argument("new")
@project_option
@json_option
def rename(old: str, new: str, path: Path, as_json: bool) -> None:
    """Rename the node or group OLD to NEW, with everything in the pack that refers to it."""
    from flowra.pack.edit import renaming
    from flowra.pack.project import PackProject

    show_edit(renaming.rename(PackProject.find(path), old, new), as_json)


@click.command("remove")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@project_option
@json_option
def remove(name: str, yes: bool, path: Path, as_json: bool) -> None:
    """Remove the node or group NAME, with its tests and examples.

    A node that other examples or modules use is not removed; they are named.
    """
    from flowra.pack.edit import removing
    from flowra.pack.project import PackProject

    project = PackProject.find(path)
    if not yes and not as_json and sys.stdin.isatty():
        click.confirm(f"Remove {name} from {project.pack}, with its tests and examples?", abort=True, err=True)
    show_edit(removing.remove(project, name), as_json)


def _asked(what: str) -> list[str]:
    """Ask for ports, one after the other, until nothing is said."""
    from flowra.exceptions import UsageError
    from flowra.pack.edit.port_form import read_port

    found: list[str] = []
    while said := click.prompt(f"{what} (NAME:TYPE, empty to go on)", default="", show_default=False, err=True):
        try:
            read_port(said)
        except UsageError as error:
            click.echo(str(error), err=True)
        else:
            found.append(said)
    return found
