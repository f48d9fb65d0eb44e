"""What the commands on stores have in common: which store, and which results of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowra.exceptions import StoreUnavailableError, UsageError

if TYPE_CHECKING:
    from flowra.execute.session import Session
    from flowra.storage.store import Store
    from flowra.storage.tiers.store import TieredStore

__all__ = ["Selection", "json_option", "opened_tiers", "selection_options", "store_option"]

Command = TypeVar("Command", bound=Callable[..., Any])

store_option = click.option("--store", metavar="URI", help="Another store than the one in the settings.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

_SELECTION = (
    click.option("--run", metavar="RUN", help="The results of this run (an id, or last)."),
    click.option("--graph", metavar="GRAPH", help="The results that running this graph would use."),
    click.option("--node", "types", metavar="TYPE", multiple=True, help="The results of nodes of this type."),
    click.option("--all", "everything", is_flag=True, help="Every result."),
    click.option("-i", "--input", "inputs", metavar="NAME=VALUE", multiple=True, help="With --graph: an input of it."),
    click.option("-s", "--set", "settings", metavar="NODE.PORT=VALUE", multiple=True, help="With --graph: a port."),
)


@dataclass(frozen=True)
class Selection:
    """Which results are meant, as the options say.

    Attributes:
        run: Those of this run.
        graph: Those that running this graph would use,
        inputs: … with these inputs,
        settings: … and these ports.
        types: Those of nodes of these types.
        everything: All of them.
        needed: Whether none of these is a mistake; else it means no result.

    Raises:
        UsageError: More than one of them is said, or none where one is needed.
    """

    run: str | None
    graph: str | None
    types: tuple[str, ...]
    everything: bool
    inputs: tuple[str, ...]
    settings: tuple[str, ...]
    needed: bool = False

    def __post_init__(self) -> None:
        said = [self.run, self.graph, self.types, self.everything]
        if sum(map(bool, said)) > 1 or (self.needed and not any(said)):
            raise UsageError("it is not clear which results are meant", fix="give one of --run, --graph, --node, --all")

    def keys(self, session: Session, tiers: TieredStore, side: Store) -> list[bytes]:
        """Return the keys of the results; those of types and all results are the ones that are listed on one side."""
        if self.run:
            return [call.key for call in session.history.find(self.run).calls.values() if call.key is not None]
        if self.graph:
            from flowra.cli.request import requested
            from flowra.execute.session.selection import keys_of_plan

            plan = requested(session, Path(self.graph), None, self.inputs, self.settings, ()).plan
            return keys_of_plan(plan, session.catalog, tiers)
        if not self.types and not self.everything:
            return []
        return [record.key for record in side.records() if self.everything or record.node_type in self.types]


def selection_options(command: Command) -> Command:
    """Give a command the options that say which results are meant."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@contextmanager
def opened_tiers(address: str | None) -> Iterator[tuple[Session, TieredStore]]:
    """Open a session on a store that has a remote tier that answers.

    Raises:
        UsageError: It has none.
        StoreUnavailableError: It does not answer.
    """
    from flowra.execute.session import Session
    from flowra.storage.tiers.store import TieredStore

    with Session(store=address) as session:
        store = session.store
        if not isinstance(store, TieredStore):
            assert store is not None, "a session with a cache has a store"
            raise UsageError(
                "this store is on this machine alone",
                where=store.location,
                fix="name one that machines share, as in --store s3://bucket/prefix",
            )
        if store.remote.lost_for():
            raise StoreUnavailableError(
                "the store does not answer",
                where=store.remote.location,
                why=store.remote.reason or None,
                fix=f"flowra store check {shlex.quote(store.remote.location)}",
            )
        yield session, store
