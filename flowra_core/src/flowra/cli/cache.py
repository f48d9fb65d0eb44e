"""`flowra cache`: look after the store that results are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flowra.cli.text import print_json
from flowra.config.kinds import bytes_in
from flowra.exceptions import UsageError
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from flowra.storage.reports import Collected
    from flowra.storage.store import Store

__all__ = ["command"]

_store_option = click.option("--store", metavar="URI", help="Another store than the one in the settings.")
_remote_option = click.option(
    "--remote", is_flag=True, help="Of a store that machines share: what they share, not what is on this machine."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group("cache")
def command() -> None:
    """Look after the store that results are kept in."""


@command.command("path")
@_store_option
def path(store: str | None) -> None:
    """Print where results are kept."""
    with _opened(store) as opened:
        click.echo(opened.location)


@command.command("stats")
@_store_option
@_remote_option
@_json_option
def stats(store: str | None, remote: bool, as_json: bool) -> None:
    """Count what is in the store."""
    with _opened(store, remote=remote) as opened:
        found = opened.stats()
    if as_json:
        print_json(found.to_json())
        return
    click.echo(f"{found.location}")
    click.echo(f"  results     {found.records:,} ({size_in_words(found.record_bytes)})")
    click.echo(f"  values      {found.blobs:,} in files of their own ({size_in_words(found.blob_bytes)})")
    click.echo(f"  damaged     {found.quarantined:,} put aside")
    click.echo(f"  open in     {found.sessions:,} process{'es' if found.sessions != 1 else ''}, this one included")


@command.command("verify")
@_store_option
@_remote_option
@_json_option
def verify(store: str | None, remote: bool, as_json: bool) -> int:
    """Read every stored byte, and put aside what is damaged; exit with 1 if anything was."""
    with _opened(store, remote=remote) as opened:
        found = opened.verify()
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(f"{found.blobs:,} values ({size_in_words(found.bytes)}) and {found.records:,} results read")
        for each in found.quarantined:
            click.echo(f"  damaged: {each}")
        if found.damaged_records or found.incomplete_records:
            dropped = found.damaged_records + found.incomplete_records
            click.echo(f"  {dropped:,} results dropped; they are computed again when they are next asked for")
        click.echo("sound" if found.sound else "what was damaged is computed again when it is next asked for")
    return 0 if found.sound else 1


@command.command("gc")
@click.option("--max-size", metavar="SIZE", required=True, help="What may stay, as in 20GB or 512MiB.")
@_store_option
@_remote_option
@_json_option
def collect(max_size: str, store: str | None, remote: bool, as_json: bool) -> None:
    """Drop results, the least recently used first, until the store is small enough; what runs use is kept."""
    most = parse_size(max_size)
    with _opened(store, remote=remote) as opened:
        _show(opened.gc(most), as_json=as_json)


@command.command("clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_store_option
@_remote_option
@_json_option
def clear(yes: bool, store: str | None, remote: bool, as_json: bool) -> None:
    """Drop every result; what runs use is kept."""
    with _opened(store, remote=remote) as opened:
        if not yes and not click.confirm(f"Drop every result in {opened.location}?", err=True):
            raise click.Abort
        _show(opened.clear(), as_json=as_json)


def parse_size(text: str) -> int:
    """Return the bytes that a size means: a number, with a unit as in `20GB`, `1.5 GiB`, `500M`.

    Raises:
        UsageError: It is no size.
    """
    try:
        return bytes_in(text)
    except ValueError:
        raise UsageError(f"{text!r} is no size", fix="write it as in 20GB or 512MiB") from None


@contextmanager
def _opened(address: str | None, *, remote: bool = False) -> Iterator[Store]:
    from flowra.execute.session import Session
    from flowra.storage.tiers.store import TieredStore

    with Session(store=address) as session:
        store = session.store
        assert store is not None, "a session with a cache has a store"
        if not remote:
            yield store
            return
        if not isinstance(store, TieredStore):
            raise UsageError("this store is on this machine alone", where=store.location, fix="leave --remote out")
        yield store.remote.store


def _show(found: Collected, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
        return
    click.echo(f"dropped {found.records:,} results and {found.blobs:,} values ({size_in_words(found.bytes)})")
    if found.leftovers:
        click.echo(f"swept {found.leftovers:,} files that crashed processes had left")
    kept = f"{size_in_words(found.kept_bytes)} kept"
    click.echo(f"{kept}, {size_in_words(found.in_use_bytes)} of it in use" if found.in_use_bytes else kept)
