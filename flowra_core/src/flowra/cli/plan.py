"""`flowra plan`: what a run would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowra.cli.request import requested
from flowra.cli.text import print_json

if TYPE_CHECKING:
    from flowra.dag.plan.logical import LogicalPlan
    from flowra.execute.policy import CachePolicy
    from flowra.execute.session import Session

__all__ = ["command", "show_plan"]


@click.command("plan")
@click.argument("graph_path", metavar="GRAPH", type=click.Path(path_type=Path))
@click.option("-i", "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Give an input of the graph.")
@click.option("-s", "--set", "settings", metavar="NODE.PORT=VALUE", multiple=True, help="Set a port of a node.")
@click.option("-t", "--target", "targets", metavar="NODE", multiple=True, help="Plan this node and what it needs.")
@click.option("--store", metavar="URI", help="Where results are looked up: a folder or an address.")
@click.option("--logical", is_flag=True, help="Show the logical plan: the checked graph, before the cache is asked.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    graph_path: Path,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    targets: tuple[str, ...],
    store: str | None,
    logical: bool,
    as_json: bool,
) -> None:
    """Show what running the graph in the file GRAPH would do: what is cached, what runs, and in which stages."""
    from flowra.execute.policy import CachePolicy
    from flowra.execute.session import Session

    with Session(store=store) as session:
        plan = requested(session, graph_path, None, inputs, settings, targets).plan
        if not logical:
            show_plan(session, plan, CachePolicy(), as_json=as_json)
        elif as_json:
            print_json(plan.to_json())
        else:
            click.echo(str(plan))


def show_plan(session: Session, plan: LogicalPlan, policy: CachePolicy, *, as_json: bool) -> None:
    """Print the physical plan of a logical one."""
    physical = session.physical_plan(plan, policy=policy)
    if as_json:
        print_json(physical.to_json())
    else:
        click.echo(str(physical))
