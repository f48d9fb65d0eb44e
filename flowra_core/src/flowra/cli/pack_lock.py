"""`flowra pack lock`: write down which packs a graph was made with."""

from __future__ import annotations

from pathlib import Path

import click

from flowra.cli.text import print_json, print_table

__all__ = ["lock", "tell_differences"]


@click.command("lock")
@click.argument("graph", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def lock(graph: Path, as_json: bool) -> None:
    """Write down which packs, in which versions, GRAPH was made with: in GRAPH's name with .packs.json beside it.

    Give both files to others: `flowra run GRAPH` then says which packs they lack, and the command that installs them.
    """
    from flowra.cli.graph_file import read
    from flowra.pack.graph_packs import lock_path, write_lock
    from flowra.plugin.manager import default_manager
    from flowra.version import VERSION

    found = write_lock(graph, read(graph).graph, default_manager().packs, VERSION)
    if as_json:
        print_json(found.to_json())
        return
    rows = [(name, distribution, version) for name, (distribution, version) in found.packs.items()]
    print_table(("PACK", "DISTRIBUTION", "VERSION"), rows)
    click.echo(f"\n{lock_path(graph)}: written", err=True)


def tell_differences(graph: Path) -> None:
    """Say on stderr which packs are of another version than the graph was made with; raise where one is missing.

    Raises:
        PluginError: A pack is not installed; the message has the command that installs it.
        GraphError: What was written down can't be read.
    """
    from flowra.pack.graph_packs import compared, read_lock
    from flowra.plugin.manager import default_manager

    wanted = read_lock(graph)
    if wanted is None:
        return
    found = compared(wanted, default_manager().packs)
    found.check(graph)
    for other in found.others:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + other, err=True)
    if found.others:
        click.echo(f"  as it was made:  {found.command}", err=True)
