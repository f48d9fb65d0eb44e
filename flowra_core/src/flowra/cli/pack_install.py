"""`flowra pack install`, `upgrade` and `uninstall`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowra.cli.text import print_json
from flowra.exceptions import UsageError, printable

if TYPE_CHECKING:
    from flowra.pack.install.change import Plan
    from flowra.plugin.packs import Pack

__all__ = ["install", "uninstall", "upgrade"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _options(function: _Function) -> _Function:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON."),
        click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing."),
        click.option("-y", "--yes", is_flag=True, help="Don't ask."),
    ):
        function = option(function)
    return function


@click.command("install")
@click.argument("names", metavar="PACK...", nargs=-1, required=True)
@click.option("--isolated", is_flag=True, help="Give each PACK an environment of its own, in which its nodes run.")
@_options
def install(names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, isolated: bool) -> int:
    """Install PACK into this environment: a .nodebin, a wheel, a folder, a git address, or a name.

    An archive is read as a stranger's, and refused before anything is written if it is not what the format allows.
    What would change is shown first, and refused if it would break what is installed. The packs are imported before
    they count. Whatever goes wrong, or interrupts it, leaves the environment as it was.

    With --isolated nothing in this environment changes: PACK, what it depends on and this Flowra go into a new one,
    which replaces the one that the pack had.
    """
    if isolated:
        return _install_isolated(names, dry_run=dry_run, as_json=as_json)
    return _install(names, yes=yes, dry_run=dry_run, as_json=as_json, newest=False)


@click.command("upgrade")
@click.argument("names", metavar="PACK...", nargs=-1, required=True)
@_options
def upgrade(names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool) -> int:
    """Install the newest PACK that fits here: of a name, the newest of the index; of a file, what is in it."""
    from flowra.plugin.manager import default_manager

    packs = default_manager().packs
    _check_kept(packs, names, "flowra pack install --isolated", isolated=False)
    distributions = {pack.id: pack.distribution for pack in packs}
    known = [distributions.get(name, name) for name in names]
    return _install(known, yes=yes, dry_run=dry_run, as_json=as_json, newest=True)


@click.command("uninstall")
@click.argument("names", metavar="PACK...", nargs=-1, required=True)
@click.option("--isolated", is_flag=True, help="Remove the environment that PACK has of its own.")
@_options
def uninstall(names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, isolated: bool) -> int:
    """Remove PACK, by its id or its distribution's name, from this environment; what it depended on stays.

    With --isolated the environment that PACK has of its own is removed, with all that is in it.
    """
    from flowra.pack.install.change import chosen_packs, plan_uninstall
    from flowra.plugin.manager import default_manager

    packs = default_manager().packs
    _check_kept(packs, names, f"flowra pack uninstall {'' if isolated else '--isolated'}".rstrip(), isolated=isolated)
    chosen = chosen_packs([pack for pack in packs if bool(pack.python) is isolated], names)
    with _in_words():
        if isolated:
            return _remove_isolated([pack.id for pack in chosen], dry_run=dry_run, as_json=as_json)
        _take_back_interrupted()
        plan = plan_uninstall(chosen)
        return _go_on(plan, yes=yes, dry_run=dry_run, as_json=as_json)


def _install(names: Sequence[str], *, yes: bool, dry_run: bool, as_json: bool, newest: bool) -> int:
    from flowra.config import load_settings
    from flowra.pack.install.change import plan_install

    with _in_words(), tempfile.TemporaryDirectory(prefix="flowra-install-") as scratch:
        _take_back_interrupted()
        with _working("looking at what would change"):
            plan = plan_install(names, Path(scratch).resolve(), load_settings().trusted_keys, upgrade=newest)
        return _go_on(plan, yes=yes, dry_run=dry_run, as_json=as_json)


def _check_kept(packs: Sequence[Pack], names: Sequence[str], instead: str, *, isolated: bool) -> None:
    """Refuse names of packs that are only kept in the other way: in an environment of their own, or in this one."""
    for name in names:
        found = [pack for pack in packs if name in (pack.id, pack.distribution)]
        if found and all(bool(pack.python) is not isolated for pack in found):
            raise UsageError(
                f"the pack {name} is {'not ' if isolated else ''}in an environment of its own",
                where=found[0].location,
                fix=f"{instead} {name}",
            )


def _install_isolated(names: Sequence[str], *, dry_run: bool, as_json: bool) -> int:
    from flowra.config import load_settings
    from flowra.pack.environments import create, find

    settings = load_settings()
    if dry_run:
        raise UsageError("--dry-run and --isolated don't go together", why="nothing in this environment would change")
    before = {each.pack: each.version for each in find(settings.environments)}
    done = []
    with _in_words():
        for name in names:
            with _working(f"making an environment for {printable(name, 80)}"):
                made = create(name, settings.environments, settings.trusted_keys)
            done.append(made)
            if not as_json:
                earlier = f", in place of {before[made.pack]}" if made.pack in before else ""
                click.echo(f"{made.distribution} {made.version} has an environment of its own{earlier}: {made.folder}")
    if as_json:
        print_json([{**each.to_json(), "folder": str(each.folder)} for each in done])
    return 0


def _remove_isolated(packs: Sequence[str], *, dry_run: bool, as_json: bool) -> int:
    from flowra.config import load_settings
    from flowra.pack.environments import find, remove

    folder = load_settings().environments
    if dry_run:
        gone = [each for each in find(folder) if each.pack in packs]
    else:
        gone = [each for pack in packs for each in remove(pack, folder)]
    if as_json:
        print_json({"dry_run": dry_run, "removed": [str(each.folder) for each in gone]})
        return 0
    for each in gone:
        click.echo(f"{each.distribution} {each.version} {'would be' if dry_run else 'is'} removed: {each.folder}")
    return 0


@contextmanager
def _in_words() -> Iterator[None]:
    """Say in words what the system says of a disk: by then, whatever was begun has been taken back."""
    from flowra.pack.tools import disk_error

    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise disk_error(error, Path(tempfile.gettempdir())) from error


def _take_back_interrupted() -> None:
    from flowra.pack.install.journal import interrupted, recover

    if interrupted():
        click.echo("an install was interrupted, or is going on: waiting for it to end", err=True)
        what = recover(wait=True)
        if what is not None:
            click.echo(f"taken back: {printable(what)}", err=True)


def _go_on(plan: Plan, *, yes: bool, dry_run: bool, as_json: bool) -> int:
    from flowra.pack.install.change import carry_out

    _show(plan)
    if dry_run:
        if as_json:
            print_json({"dry_run": True, **plan.to_json(), "packs": []})
        plan.check()
        return 0
    plan.check()
    if not plan.changes:
        click.echo("nothing to do: it is all there", err=True)
    elif not yes:
        _ask()
    with _working("installing" if plan.request else "removing"):
        packs = carry_out(plan) if plan.changes else []
    if as_json:
        print_json({"dry_run": False, **plan.to_json(), "packs": [pack.to_json() for pack in packs]})
        return 0
    for pack in packs:
        said = "" if pack.status == "ok" else f", {pack.status}"
        click.echo(f"{pack.distribution} {pack.version} is installed{said}: flowra pack show {pack.id}")
    for change in plan.changes if plan.request is None else ():
        click.echo(f"{change.name} {change.before} is removed")
    return 0


def _show(plan: Plan) -> None:
    """Say on stderr what is to be installed and what changes."""
    for source in plan.sources:
        if source.nodebin is None or source.verdict is None:
            continue
        manifest = source.nodebin.manifest
        click.echo(f"{click.style(f'{manifest.name} {manifest.version}', bold=True)}  {manifest.tagline}", err=True)
        click.echo(f"  signature: {source.verdict.status} {' '.join(source.verdict.keys)}".rstrip(), err=True)
        for permission in manifest.permissions:
            click.echo(f"  permission {permission.name}: {permission.reason}", err=True)
    for change in plan.changes:
        click.echo(f"  {change}", err=True)


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", why="stdin is no terminal", fix="say --yes, or --dry-run")
    if not click.confirm("Go on?", default=True, err=True):
        raise click.Abort


@contextmanager
def _working(what: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield
