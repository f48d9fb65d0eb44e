"""`flowra pack`: the installed packs, what they contribute, and what has to be mended."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from flowra.exceptions import UsageError
from flowra.plugin.contributions import KINDS
from flowra.plugin.manager import default_manager

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowra.plugin.contribution import Contribution
    from flowra.plugin.import_cost import ImportCost
    from flowra.plugin.manager import PluginManager
    from flowra.plugin.packs import Pack, PackProblem

__all__ = ["command"]

_WIDTH = 100
_GAP = "  "


@click.group("pack")
def command() -> None:
    """List, describe and examine installed packs."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_packs(as_json: bool) -> None:
    """List the installed packs, the unusable ones too."""
    manager = default_manager()
    counts = [(pack, {kind: len(entries) for kind, entries in _contributed(manager, pack)}) for pack in manager.packs]
    if as_json:
        _print_json([{**pack.to_json(), "contributions": count} for pack, count in counts])
        return
    if not counts:
        click.echo("no packs: install one, for example with  pip install flowra-image", err=True)
        return
    rows = [
        (pack.id, pack.version, pack.status, str(count.get("nodes", 0)), pack.distribution) for pack, count in counts
    ]
    _print_table(("PACK", "VERSION", "STATUS", "NODES", "DISTRIBUTION"), rows)
    ailing = [pack.id for pack in manager.packs if pack.problem is not None]
    if ailing:
        click.echo(f"\n{len(ailing)} to mend: `flowra pack doctor` says what and how", err=True)


@command.command("show")
@click.argument("name", metavar="PACK")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
def show(name: str, as_json: bool) -> None:
    """Describe PACK, an id or the name of a distribution: where it lies, its state, what it contributes."""
    manager = default_manager()
    pack = _the_pack(manager, name)
    contributed = dict(_contributed(manager, pack))
    if as_json:
        plain = {kind: [entry.to_json() for entry in entries] for kind, entries in contributed.items()}
        _print_json({**pack.to_json(), "contributions": plain})
        return
    click.echo(click.style(pack.id, bold=True) + f"  {pack.status}")
    facts = {
        "distribution": f"{pack.distribution} {pack.version}".strip(),
        "flowra": pack.requires_flowra or "any version (it states no range)",
        "module": pack.module,
        "location": pack.location + (" (editable)" if pack.editable else ""),
    }
    for label, text in facts.items():
        click.echo(f"  {label + ':':<14}{text}")
    if pack.problem is not None:
        click.echo()
        _print_problem(pack.problem)
    for kind, entries in contributed.items():
        click.echo(f"\n{click.style(kind.replace('_', ' '), bold=True)}")
        width = max(len(_title(entry)) for entry in entries)
        for entry in entries:
            click.echo(_cut(f"  {_title(entry):<{width}}  {getattr(entry, 'summary', '')}".rstrip(), _WIDTH))


@command.command("doctor")
@click.argument("names", metavar="[PACK]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Examine the installed packs, or only PACK: what is off, how to mend it, and what each costs to import.

    Looks at every pack anew and imports all modules of its nodes, in a process of its own. Exits with 1 if something
    has to be mended.
    """
    from flowra.plugin.import_cost import measure_import_cost

    manager = default_manager()
    manager.refresh()
    packs = [_the_pack(manager, name) for name in names] or list(manager.packs)
    costs = [_cost(manager, pack, measure_import_cost) for pack in packs]
    problems = [
        {"pack": pack.id, **problem}
        for pack, cost in zip(packs, costs, strict=True)
        for problem in _problems(manager, pack, cost)
    ]
    if not names:
        problems += _disabling_nothing(manager)
    if as_json:
        findings = [
            {**pack.to_json(), "import_cost": cost.to_json() if cost else None}
            for pack, cost in zip(packs, costs, strict=True)
        ]
        _print_json({"ok": not problems, "packs": findings, "problems": problems})
    else:
        _print_findings(packs, costs, problems)
    context.exit(1 if problems else 0)
