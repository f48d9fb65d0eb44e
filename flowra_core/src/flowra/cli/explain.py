"""`flowra explain`: why a node ran, or did not."""

from __future__ import annotations

import click

from flowra.cli.text import print_json

__all__ = ["command"]


@click.command("explain")
@click.argument("run")
@click.argument("node")
@click.option("--store", metavar="URI", help="The store that the run used, if it is not the one in the settings.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def command(run: str, node: str, store: str | None, as_json: bool) -> None:
    """Say why NODE ran in the run RUN (an id, the beginning of one, or last), or why it did not."""
    from flowra.execute.session import Session
    from flowra.execute.session.explanation import explain

    with Session(store=store) as session:
        found = explain(session.history, session.store, run, node)
    if as_json:
        print_json(found.to_json())
        return
    click.echo(f"{found.node} in {found.run}: {found.verdict}")
    for reason in found.reasons:
        click.echo(f"  {reason}")
