"""A batch as its journal tells it: totals, failures first, and what its nodes took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_table
from flowra.exceptions import printable
from flowra.execute.scheduler.state import item_of, node_name

if TYPE_CHECKING:
    from flowra.execute.session.history import PastRun

__all__ = ["items_as_json", "show_batch"]

#: Failures and items that are shown, at most.
_SHOWN = 20


def show_batch(past: PastRun) -> None:
    """Print a batch."""
    failed = {number: item for number, item in past.items.items() if item.get("status") == "failed"}
    cached = sum(bool(item.get("cached")) for item in past.items.values())
    parts = [
        f"{len(past.items):,} items: {len(past.items) - len(failed):,} succeeded",
        f"{cached:,} of them cached" if cached else "",
        f"{len(failed):,} failed" if failed else "",
    ]
    click.echo(", ".join(part for part in parts if part))
    if failed:
        _show_failures(past, failed)
    _show_nodes(past)
    if past.items:
        _show_items(past)
    if past.status != "succeeded":
        click.echo(f"go on from here:  flowra run --resume {past.id}")


def items_as_json(past: PastRun) -> list[dict[str, Any]]:
    """Return the items as plain data, in their order."""
    return [
        {name: value for name, value in past.items[number].items() if name not in ("line", "at")}
        for number in sorted(past.items)
    ]


def _show_failures(past: PastRun, failed: dict[int, Any]) -> None:
    from flowra.execute.given import replay_command

    rows = []
    for number in sorted(failed)[:_SHOWN]:
        item = failed[number]
        error = item.get("error") or {}
        rows.append([str(number), _name(item), printable(str(error.get("why") or error.get("what") or ""), 120)])
    print_table(["failed", "item", "why"], rows)
    if len(failed) > _SHOWN:
        click.echo(f"… and {len(failed) - _SHOWN:,} more")
    for name in past.failures:
        if (
            item_of(name) in failed
            and (given := past.given.get(name))
            and (command := replay_command(past.id, name, given))
        ):
            click.echo(f"debug the first:  {command}")
            break


def _show_nodes(past: PastRun) -> None:
    """Print how often each node ran, and how long it took."""
    ran: dict[str, list[float]] = {}
    known: dict[str, int] = {}
    failures: dict[str, int] = {}
    for name, call in past.calls.items():
        node = node_name(name).partition("[")[0]
        if call.how == "ran":
            ran.setdefault(node, []).append(call.seconds)
        else:
            known[node] = known.get(node, 0) + 1
    for name in past.failures:
        node = node_name(name).partition("[")[0]
        failures[node] = failures.get(node, 0) + 1
    rows = []
    for node in dict.fromkeys([*ran, *known, *failures]):
        times = ran.get(node, [])
        mean = f"{1000 * sum(times) / len(times):.3g} ms" if times else ""
        counts = (len(times), known.get(node, 0), failures.get(node, 0))
        rows.append([node, *(f"{count:,}" if count else "" for count in counts), mean])
    if rows:
        print_table(["node", "ran", "cached", "failed", "on average"], rows)


def _show_items(past: PastRun) -> None:
    rows = []
    for number in sorted(past.items)[:_SHOWN]:
        item = past.items[number]
        status = "cached" if item.get("cached") else str(item.get("status"))
        rows.append([str(number), _name(item), status, f"{float(item.get('seconds', 0)):.3f} s"])
    print_table(["item", "what", "how", "took"], rows)
    if len(past.items) > _SHOWN:
        click.echo(f"… and {len(past.items) - _SHOWN:,} more: flowra runs show {past.id} --json")


def _name(item: Any) -> str:
    given = item.get("given") or {}
    label = str(item.get("label") or "")
    settings = [f"{name}={value}" for name, value in given.items() if str(value) != label]
    return printable(", ".join([*([label] if label else []), *settings]), 80)
