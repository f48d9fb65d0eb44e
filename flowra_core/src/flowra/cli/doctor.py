"""`flowra doctor`: is this machine ready, and what is to be mended?"""

from __future__ import annotations

import click

__all__ = ["command"]

_SIGNS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "red")}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(as_json: bool) -> int:
    """Check Python, uv, settings, packs, the store, disks, model hubs, clusters, GPUs and the terminal.

    What is off is said with what mends it. Every pack is imported, in processes of their own, and a store of at most
    1 GiB is read through. Exits with 1 if something has to be mended.
    """
    from flowra.cli.doctor_checks import CHECKS, Check, check_all, to_json
    from flowra.cli.text import print_json

    checks: list[Check] = []
    width = max(map(len, CHECKS))
    for check in check_all():
        checks.append(check)
        if as_json:
            continue
        sign, colour = _SIGNS[check.status]
        click.echo(f"{click.style(sign, fg=colour)} {check.name:<{width}}  {check.said}")
        if check.mend:
            click.echo(f"  {'':<{width}}  mend: {check.mend}")
    problems = sum(check.status == "problem" for check in checks)
    if as_json:
        print_json(to_json(checks))
    else:
        click.echo("\neverything is fine" if not problems else f"\n{problems} to mend")
    return 1 if problems else 0
