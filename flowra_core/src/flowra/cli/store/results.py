"""`flowra store ls` and `get`: the results in a store, and their values as files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.store.options import json_option, store_option
from flowra.cli.text import print_json, print_table
from flowra.exceptions import FlowraError, StoreError, UsageError, printable
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from flowra.execute.session import Session
    from flowra.storage.record import Record
    from flowra.storage.store import Store

__all__ = ["get", "list_results"]

#: Characters of a key that are shown; so many are enough to name it.
_SHOWN = 12


@click.command("ls")
@store_option
@click.option("--local", is_flag=True, help="What is on this machine, of a store that machines share.")
@click.option("--node", "types", metavar="TYPE", multiple=True, help="Only results of nodes of this type.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="The most results to show, the latest first; 0 for all.",
)
@json_option
def list_results(store: str | None, local: bool, types: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List results with their node type, size and age, the latest first."""
    from flowra.execute.session import Session

    with Session(store=store) as session:
        records = [each for each in _side(session, local=local).records() if not types or each.node_type in types]
    records.sort(key=lambda record: record.created, reverse=True)
    shown = records[:limit] if limit else records
    if as_json:
        print_json([_summary(record) for record in shown])
        return
    rows = [
        [
            record.key.hex()[:_SHOWN],
            printable(record.node_type),
            size_in_words(_size(record)),
            _age(record),
            _took(record),
        ]
        for record in shown
    ]
    if rows:
        print_table(["result", "node type", "size", "age", "took"], rows)
    hidden = len(records) - len(shown)
    if hidden or not rows:
        click.echo(f"… and {hidden:,} more: --limit 0 shows all" if hidden else "no results", err=True)


@click.command("get")
@click.argument("result")
@click.option("--port", metavar="NAME", help="Only this output of the node.")
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path), default=Path(), help="Folder for the files.")
@store_option
@json_option
def get(result: str, port: str | None, folder: Path, store: str | None, as_json: bool) -> None:
    """Write the values of RESULT, the beginning of a key that `ls` shows, to files that people can open."""
    from flowra.execute.session import Session
    from flowra.execute.session.export import export_outputs

    with Session(store=store) as session:
        opened = session.store
        assert opened is not None, "a session with a cache has a store"
        record = _named(session, result)
        ports = [port] if port is not None else list(record.outputs)
        if port is not None and port not in record.outputs:
            raise UsageError(f"{record.node_type} has no output {port}", fix=f"it has {', '.join(record.outputs)}")
        values = {name: _value(session, opened, record, name) for name in ports}
    files = export_outputs({name: value for name, value in values.items() if value is not None}, folder)
    if as_json:
        print_json(files)
        return
    for name, written in files.items():
        click.echo(f"{name}: {written.get('file') or written.get('files') or written.get('value')}")


def _side(session: Session, *, local: bool) -> Store:
    """Return what is listed: the remote store of a store with one, unless this machine is asked for."""
    from flowra.storage.tiers.store import TieredStore

    store = session.store
    assert store is not None, "a session with a cache has a store"
    return store.remote.store if isinstance(store, TieredStore) and not local else store


def _named(session: Session, beginning: str) -> Record:
    """Return the one result whose key begins so; on this machine, or in the remote store."""
    store = session.store
    assert store is not None, "a session with a cache has a store"
    try:
        found = store.lookup(bytes.fromhex(beginning)) if len(beginning) == 64 else None
    except ValueError:
        found = None
    if found is not None:
        return found
    wanted = beginning.lower()
    matching: dict[bytes, Record] = {}
    for side in (_side(session, local=True), _side(session, local=False)):
        matching.update((each.key, each) for each in side.records() if each.key.hex().startswith(wanted))
        if matching:
            break
    if len(matching) != 1:
        raise UsageError(
            f"{len(matching) or 'no'} results begin with {beginning!r}",
            fix="write more of it" if matching else "flowra store ls shows what there is",
        )
    [key] = matching
    # By its key, which says whether its values are there and whoever signed it is trusted.
    record = store.lookup(key)
    if record is None:
        raise StoreError("this result can't be used", why="its values are gone, or nobody who is trusted has signed it")
    return record


def _value(session: Session, store: Store, record: Record, name: str) -> Any:
    """Return an output's value and type, or None where its branch ended."""
    from flowra.execute.reading import ValueReader
    from flowra.execute.stored_values import StoredValues, value_of
    from flowra.execute.values import Ended

    port = session.catalog.describe(record.node_type).output(name)
    if port is None:
        raise FlowraError(
            f"{record.node_type} has no output {name} any more", fix="install the version of the pack that it came from"
        )
    value = value_of(record.outputs[name], port.value_type)
    if isinstance(value, Ended):
        click.echo(f"{name}: no value: {printable(value.reason)}", err=True)
        return None
    return ValueReader(StoredValues(store), lambda _: None, lambda *_: None).plain(value), port.value_type


def _size(record: Record) -> int:
    from flowra.storage.record_bytes import encode_record

    return len(encode_record(record)) + sum(blob.size for blob in record.blobs())


def _age(record: Record) -> str:
    seconds = max(0.0, time.time() - record.created)
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _took(record: Record) -> str:
    return f"{record.seconds:.1f} s" if record.seconds >= 1 else f"{record.seconds * 1000:.0f} ms"


def _summary(record: Record) -> dict[str, Any]:
    return {
        "key": record.key.hex(),
        "node_type": record.node_type,
        "bytes": _size(record),
        "created": record.created,
        "seconds": record.seconds,
        "outputs": {name: ref.to_json() for name, ref in record.outputs.items()},
    }
