"""`flowra store`: the stores that machines share."""

from __future__ import annotations

import click

from flowra.cli.store.checking import check
from flowra.cli.store.results import get, list_results
from flowra.cli.store.transfers import pull, push

__all__ = ["command"]


@click.group("store")
def command() -> None:
    """Look at stores that machines share, and move results to and from them.

    flowra cache --help: how to count, check and collect what is in a store; with --remote, in the shared one.
    """


for _each in (check, list_results, get, push, pull):
    command.add_command(_each)
