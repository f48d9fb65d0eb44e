"""`flowra store push` and `pull`: results that go between this machine and a store that machines share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowra.cli.store.options import Selection, json_option, opened_tiers, selection_options, store_option
from flowra.cli.text import print_json
from flowra.exceptions import StoreError
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from flowra.storage.record import Record
    from flowra.storage.tiers.store import TieredStore

__all__ = ["pull", "push"]

T = TypeVar("T")

#: Results that are looked up at once.
_AT_ONCE = 500
#: Seconds between two lines on how far it is.
_TOLD_EVERY = 1.0


@click.command("push")
@selection_options
@store_option
@json_option
def push(store: str | None, as_json: bool, **selection: Any) -> None:
    """Send results of this machine to the store: the chosen ones, and what earlier runs have left to be uploaded."""
    with opened_tiers(store) as (session, tiers):
        chosen = Selection(**selection).keys(session, tiers, tiers.local)
        records: dict[bytes, Record] = {}
        for keys in _portions(chosen):
            records.update(tiers.local.lookup_many(keys))
        with tiers.heard_by(_Said()):
            left = tiers.uploads.left.results
            sent = tiers.uploads.require(records, leftovers=True)
    if as_json:
        print_json({"results": len(records), "sent": sent, "left_from_before": left})
        return
    if records:
        click.echo(f"{sent:,} of {len(records):,} results sent, the others were there already")
    elif not left:
        click.echo("nothing to send: earlier runs have left nothing; --run last, or --all, sends what they did not")
    if left:
        click.echo(f"{left:,} results that earlier runs had left are there now")


@click.command("pull")
@selection_options
@store_option
@json_option
def pull(store: str | None, as_json: bool, **selection: Any) -> None:
    """Fetch results from the store, with their values, so that they are at hand without it."""
    with opened_tiers(store) as (session, tiers):
        chosen = Selection(**selection, needed=True).keys(session, tiers, tiers.remote.store)
        fetched = _Fetched()
        for keys in _portions(chosen):
            for record in tiers.lookup_many(keys).values():
                fetched.take(tiers, record)
    if as_json:
        print_json({"results": fetched.results, "values": fetched.values, "bytes": fetched.bytes})
        return
    came = f"{fetched.values:,} values ({size_in_words(fetched.bytes)})"
    click.echo(f"{fetched.results:,} results are at hand; {came} were fetched")


class _Said:
    """Says what a store has to say, on stderr."""

    def __init__(self) -> None:
        self._told = 0.0

    def log(self, node: str, text: str, level: str) -> None:
        """Say a line."""
        click.echo(f"{node}{text}" if level == "info" else f"{level}: {node}{text}", err=True)

    def uploading(self, results: int, size: int) -> None:
        """Say how much is left, now and then."""
        if results and time.monotonic() >= self._told + _TOLD_EVERY:
            self._told = time.monotonic()
            click.echo(f"uploading {results:,} results, {size_in_words(size)} …", err=True)


class _Fetched:
    """Counts what was fetched.

    Attributes:
        results: Results that are whole here now.
        values: Values that came for that.
        bytes: Their bytes.
    """

    def __init__(self) -> None:
        self.results = self.values = self.bytes = 0
        self._told = time.monotonic()

    def take(self, tiers: TieredStore, record: Record) -> None:
        """Fetch the values of a result that are not here.

        Raises:
            StoreError: One can't be had.
        """
        for blob in record.blobs():
            if tiers.local.has(blob):
                continue
            if tiers.get(blob) is None:
                raise StoreError(
                    f"a value of a result of {record.node_type} can't be fetched",
                    where=tiers.location,
                    why=tiers.remote.reason or "it is gone, or was damaged",
                )
            self.values += 1
            self.bytes += blob.size
            if time.monotonic() >= self._told + _TOLD_EVERY:
                self._told = time.monotonic()
                click.echo(f"fetched {self.values:,} values, {size_in_words(self.bytes)} …", err=True)
        self.results += 1


def _portions(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while portion := list(islice(rest, _AT_ONCE)):
        yield portion
