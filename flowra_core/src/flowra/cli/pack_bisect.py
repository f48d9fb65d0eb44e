"""`flowra pack bisect`: which installed pack breaks something."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click

from flowra.cli.text import print_json
from flowra.exceptions import UsageError

__all__ = ["bisect"]


@click.command("bisect", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.argument("what", metavar="[GRAPH | COMMAND...]", nargs=-1)
def bisect(what: tuple[str, ...], as_json: bool) -> int:
    """Find the packs that break something, by leaving others out and trying again.

    Tried is the run of GRAPH (a file that ends in .json; options of `flowra run` may follow), or a COMMAND, which
    fails if it does not exit with 0; without either, whether `flowra node list` starts. Packs whose nodes GRAPH has
    stay. Nothing is uninstalled. Exits with 1 if a pack was found.
    """
    from flowra.config import load_settings
    from flowra.pack.bisect import culprits
    from flowra.plugin.manager import default_manager

    command, needed = _tried(what)
    disabled = load_settings().packs_disabled
    packs = [pack.id for pack in default_manager().packs if pack.status != "disabled" and pack.id not in needed]
    if as_json:
        click.echo(f"trying: {shlex.join(command)}", err=True)
    else:
        click.echo(f"trying: {shlex.join(command)}")

    def works_without(left_out: frozenset[str]) -> bool:
        names = ",".join([*disabled, *sorted(left_out)])
        done = subprocess.run(  # noqa: S603  the user's own command
            command, env={**os.environ, "FLOWRA_DISABLE_PACKS": names}, capture_output=True, check=False
        )
        enabled = [pack for pack in packs if pack not in left_out]
        shown = ", ".join(enabled) or ("only what the graph needs" if needed else "no pack")
        click.echo(f"  {'works' if done.returncode == 0 else 'fails'} with {shown}", err=True)
        return done.returncode == 0

    try:
        found = culprits(packs, works_without)
    except OSError as error:
        raise UsageError("the command can't be started", where=command[0], why=error.strerror) from error
    if as_json:
        print_json({"command": command, "culprits": found or [], "fails_without_packs": found is None})
    elif found is None:
        without = f"all packs but {', '.join(sorted(needed))}" if needed else "any pack"
        click.echo(f"it fails without {without} too: no other pack is to blame")
    elif not found:
        click.echo("it works with every pack that is installed")
    else:
        several = len(found) > 1
        click.echo(f"{' and '.join(found)} {'together break' if several else 'breaks'} it")
        click.echo(f"leave {'one' if several else 'it'} out:  FLOWRA_DISABLE_PACKS={found[-1]}")
        click.echo(f"or remove {'one' if several else 'it'}:  flowra pack uninstall {found[-1]}")
    return 1 if found else 0


def _tried(what: tuple[str, ...]) -> tuple[list[str], set[str]]:
    """Return the command to try, and the packs that it can't do without."""
    flowra = [sys.executable, "-m", "flowra.cli.main"]
    if not what:
        return [*flowra, "node", "list"], set()
    if what[0].endswith(".json"):
        from flowra.cli.graph_file import read
        from flowra.pack.graph_packs import packs_of

        needed = packs_of(read(Path(what[0])).graph)
        return [*flowra, "run", "--no-cache", "*", *what], needed
    return list(what), set()
