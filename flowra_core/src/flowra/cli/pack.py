"""`flowra pack`: the packs that are installed and those that come: their contributions, their trust, their mending."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from flowra.cli.pack_bisect import bisect
from flowra.cli.pack_install import install, uninstall, upgrade
from flowra.cli.pack_lock import lock
from flowra.cli.pack_verify import key, verify
from flowra.cli.text import WIDTH, cut, print_json, print_problem, print_table
from flowra.exceptions import UsageError
from flowra.plugin.conflicts import UNIQUE_FIELDS
from flowra.plugin.contributions import KINDS, Migration
from flowra.plugin.manager import default_manager
from flowra.plugin.nearest import nearest_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowra.plugin.contribution_base import Contribution
    from flowra.plugin.manager import PluginManager
    from flowra.plugin.packs import Pack

__all__ = ["command"]


@click.group("pack")
def command() -> None:
    """Install, describe, examine and remove packs."""


for each in (install, uninstall, upgrade, verify, key, bisect, lock):
    command.add_command(each)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_packs(as_json: bool) -> None:
    """List the installed packs, the unusable ones too."""
    manager = default_manager()
    # Counted by kind over all packs at once: pack by pack would look through every contribution for each of them.
    tally: Counter[tuple[Pack, str]] = Counter()
    for kind in KINDS:
        tally.update((pack, kind) for pack, _ in manager.entries(kind))
    counts = [(pack, {kind: tally[pack, kind] for kind in KINDS if tally[pack, kind]}) for pack in manager.packs]
    if as_json:
        print_json([{**pack.to_json(), "contributions": count} for pack, count in counts])
        return
    if not counts:
        click.echo("no packs: install one, for example with  flowra pack install flowra-image", err=True)
        return
    rows = [
        (pack.id, pack.version, pack.status, str(count.get("nodes", 0)), pack.distribution + _where(pack))
        for pack, count in counts
    ]
    print_table(("PACK", "VERSION", "STATUS", "NODES", "DISTRIBUTION"), rows)
    ailing = [pack.id for pack in manager.packs if pack.problem is not None]
    if ailing:
        click.echo(f"\n{len(ailing)} to mend: `flowra pack doctor` says what and how", err=True)


@command.command("show")
@click.argument("name", metavar="PACK")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
def show(name: str, as_json: bool) -> None:
    """Describe PACK: its state, what it contributes.

    PACK is a pack's id, or the name of its distribution.
    """
    manager = default_manager()
    pack = _the_pack(manager, name)
    contributed = dict(_contributed(manager, pack))
    if as_json:
        plain = {kind: [entry.to_json() for entry in entries] for kind, entries in contributed.items()}
        print_json({**pack.to_json(), "contributions": plain})
        return
    click.echo(click.style(pack.id, bold=True) + f"  {pack.status}")
    facts = {
        "distribution": f"{pack.distribution} {pack.version}".strip(),
        "flowra": pack.requires_flowra or "any version (it states no range)",
        "module": pack.module,
        "location": pack.location + (" (editable)" if pack.editable else ""),
    }
    if pack.python:
        facts["flowra"] = "that of its environment"
        facts["runs in"] = pack.python
    for label, text in facts.items():
        click.echo(f"  {label + ':':<14}{text}")
    if pack.problem is not None:
        click.echo()
        print_problem(pack.problem)
    for kind, entries in contributed.items():
        click.echo(f"\n{click.style(kind.replace('_', ' '), bold=True)}")
        width = max(len(_title(entry)) for entry in entries)
        for entry in entries:
            click.echo(cut(f"  {_title(entry):<{width}}  {getattr(entry, 'summary', '')}".rstrip(), WIDTH))


@command.command("doctor")
@click.argument("names", metavar="[PACK]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Examine the installed packs, or only PACK.

    Shows what is off and how to mend it, and what each pack costs to import. Looks at every pack anew, and imports the
    modules of all nodes in processes of their own. Exits with 1 if something has to be mended.
    """
    from flowra.cli.pack_doctor import examine

    manager = default_manager()
    manager.refresh()
    chosen = [_the_pack(manager, name) for name in names]
    findings = examine(manager, chosen or manager.packs)
    problems = [problem for finding in findings for problem in finding.problems]
    unknown = () if chosen else manager.unknown_disabled
    fine = not problems and not unknown
    if as_json:
        print_json(
            {"ok": fine, "packs": [finding.to_json() for finding in findings], "unknown_disabled": list(unknown)}
        )
        context.exit(0 if fine else 1)
    rows = [(finding.pack.id, finding.pack.version, finding.pack.status, *finding.costs()) for finding in findings]
    if rows:
        print_table(("PACK", "VERSION", "STATUS", "ENTRY", "NODES", "SLOWEST MODULE OF NODES"), rows)
    for finding in findings:
        for problem in finding.problems:
            click.echo(f"\n{click.style(str(finding.pack), bold=True)}")
            print_problem(problem)
    for name in unknown:
        click.echo(f"\n{name} is to be disabled, and no pack and no distribution of a pack has that name")
    click.echo("\neverything is fine" if fine else f"\n{len(problems) + len(unknown)} to mend")
    context.exit(0 if fine else 1)


def _contributed(manager: PluginManager, pack: Pack) -> Iterator[tuple[str, list[Contribution]]]:
    """Yield what a pack contributes and can be used, kind by kind."""
    for kind in KINDS:
        entries = [entry for owner, entry in manager.entries(kind) if owner == pack]
        if entries:
            yield kind, entries


def _the_pack(manager: PluginManager, name: str) -> Pack:
    """Return the one pack of an id or a distribution's name."""
    packs = [pack for pack in manager.packs if name in {pack.id, pack.distribution}]
    if len(packs) == 1:
        return packs[0]
    if not packs:
        near = nearest_name(name, {text for pack in manager.packs for text in (pack.id, pack.distribution)})
        fix = f"did you mean {near}?" if near else "`flowra pack list` shows the packs there are"
        raise UsageError(f"there is no pack {name}", fix=fix)
    raise UsageError(
        f"{len(packs)} packs go by {name}",
        why="; ".join(str(pack) for pack in packs),
        fix="give the name of the distribution, or the pack's own id",
    )


def _where(pack: Pack) -> str:
    """Return what a list says of where a pack is, after its distribution."""
    return " (its own environment)" if pack.python else ""


def _title(entry: Contribution) -> str:
    """Return what an entry is called in a list."""
    if isinstance(entry, Migration):
        return f"{entry.node} {entry.from_version} to {entry.from_version + 1}"
    return str(getattr(entry, UNIQUE_FIELDS[entry.kind] or "name"))
