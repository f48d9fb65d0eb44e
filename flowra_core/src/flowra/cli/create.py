"""`flowra create`: make a node pack from a template."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from flowra.pack.template.source import Template

__all__ = ["command", "may_run", "settings_of"]

_USUAL = "node-pack"


@click.command("create")
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--template",
    "said",
    metavar="NAME|DIR|GIT",
    help=f"An installed template, a folder with one, or a git address, with @REF after it. Usually {_USUAL}.",
)
@click.option("--list", "listed", is_flag=True, help="List the installed templates, and make nothing.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Answer a variable of the template.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; what is not set is as the template has it.")
@click.option("--trust", is_flag=True, help="Let a template that is not installed run its code.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON; asks nothing.")
def command(
    path: Path | None, said: str | None, listed: bool, settings: Sequence[str], yes: bool, trust: bool, as_json: bool
) -> None:
    """Make a node pack in the folder PATH, new or empty, from a template.

    On a terminal, what is not set is asked for. Everything works without a network, but templates from git.

    \b
    flowra create my-filters
    flowra create my-filters --yes --set license=MIT --set groups=filters,color
    """  # noqa: D301  click reads \b as an escape
    from flowra.cli.text import print_json
    from flowra.pack.template.creating import create_pack
    from flowra.pack.template.rendering import check_cookiecutter
    from flowra.pack.template.source import find_template, installed_templates

    if listed:
        _list(installed_templates(), as_json)
        return
    check_cookiecutter()
    asks = not yes and not as_json and sys.stdin.isatty()
    given = settings_of(settings)
    if path is None and "name" not in given and said is None and not asks:
        raise UsageError("there is no name for the pack", fix="flowra create my-pack")
    with find_template(said or _USUAL) as template:
        may_run(template, trust=trust, asks=asks)
        made = create_pack(path, template, given, _ask if asks else None)
    if as_json:
        print_json(
            {
                "path": str(made.path),
                "template": made.template,
                "answers": dict(made.answers),
                "files": list(made.files),
                "note": made.note,
            }
        )
        return
    click.echo(f"{made.path}: {len(made.files)} files, from {made.template}")
    for name in made.files:
        click.echo(f"  {name}")
    if made.note:
        click.echo(f"note: {made.note}", err=True)
    click.echo(f"\nnext:  cd {made.path} && pip install -e . && flowra project list")


def settings_of(settings: Sequence[str]) -> dict[str, str]:
    """Return what `--set NAME=VALUE` says."""
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {setting} is not of the form NAME=VALUE")
        given[name] = value
    return given


def may_run(template: Template, *, trust: bool, asks: bool) -> None:
    """Settle whether a template's code may run: that of installed packs may; for others somebody has to say so.

    Raises:
        UsageError: Nobody said so.
    """
    if template.installed or trust:
        return
    hooks = sorted(path.name for path in (template.folder / "hooks").glob("*_*")) if template.folder.is_dir() else []
    what = f"its hooks ({', '.join(hooks)}) and what its files compute" if hooks else "what its files compute"
    if asks and click.confirm(f"The template {template.name} runs code: {what}. Do you trust it?", default=False):
        return
    raise UsageError(
        f"the template {template.name} is not trusted",
        why=f"templates run code as you: {what}",
        fix="look at it, then say  --trust",
    )


def _list(templates: dict[str, str], as_json: bool) -> None:
    from flowra.cli.text import print_json, print_table

    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in templates.items()])
    elif templates:
        print_table(("TEMPLATE", "MAKES"), list(templates.items()))
    else:
        click.echo("no templates are installed; pip install flowra-templates")


def _ask(_: str, prompt: str, default: str, choices: Sequence[str]) -> str:
    kind = click.Choice(choices) if choices else None
    return str(click.prompt(prompt, default=default, type=kind, err=True))
