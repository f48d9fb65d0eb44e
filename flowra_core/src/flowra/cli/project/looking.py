"""`flowra project info`, `list` and `validate`: what there is in a pack, and what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from flowra.cli.project.options import json_option, path_argument

__all__ = ["info", "list_nodes", "validate"]

#: A requirement of Flowra itself, not of `flowra-image`.
_REQUIRES_FLOWRA = re.compile(r"flowra(?![\w.-])")


@click.command("info")
@path_argument
@json_option
def info(path: Path, as_json: bool) -> None:
    """Describe the pack in PATH (the current folder): its versions, what it contributes, its template."""
    from flowra.cli.text import print_json
    from flowra.exceptions import UsageError
    from flowra.pack.project import PackProject
    from flowra.pack.survey import survey
    from flowra.pack.template.state import TemplateState

    project = PackProject.find(path)
    found = survey(project)
    try:
        origin = TemplateState.read(project.root).origin
    except UsageError:
        origin = {}
    named = origin.get("name") or origin.get("folder") or origin.get("git", "")
    template = " ".join(filter(None, [named, origin.get("version")]))
    flowra = next((each for each in project.requires if _REQUIRES_FLOWRA.match(each)), "")
    groups = list(dict.fromkeys(node.group for node in found.nodes))
    data = {
        "distribution": project.distribution,
        "version": project.version,
        "pack": project.pack,
        "package": project.module.partition(".")[0],
        "root": str(project.root),
        "requires": flowra,
        "nodes": len(found.nodes),
        "groups": groups,
        "contributions": dict(found.contributions),
        "manifest": "up to date" if found.manifest else "not what the code says",
        "template": template,
        "problems": len(found.problems),
    }
    if as_json:
        print_json(data)
        return
    others = ", ".join(f"{kind.replace('_', ' ')}: {count}" for kind, count in found.contributions.items())
    rows = [
        ("pack", f"{project.pack}, in {project.distribution} {project.version}"),
        ("folder", str(project.root)),
        ("requires", flowra or "any Flowra"),
        ("nodes", f"{len(found.nodes)}, in {', '.join(groups)}" if found.nodes else "none"),
        ("also", others),
        ("manifest", str(data["manifest"])),
        ("template", template or "none"),
        ("problems", f"{len(found.problems)}: flowra project validate" if found.problems else "none"),
    ]
    for name, text in rows:
        if text:
            click.echo(f"{name:<9} {text}")


@click.command("list")
@path_argument
@json_option
def list_nodes(path: Path, as_json: bool) -> None:
    """List the nodes of the pack in PATH (the current folder), by group, with file and line."""
    from dataclasses import asdict

    from flowra.cli.text import print_json
    from flowra.pack.project import PackProject
    from flowra.pack.survey import survey

    nodes = survey(PackProject.find(path)).nodes
    if as_json:
        print_json([asdict(node) for node in nodes])
        return
    if not nodes:
        click.echo("the pack has no nodes; flowra project add-node NAME --group GROUP makes one")
        return
    for group in dict.fromkeys(node.group for node in nodes):
        click.echo(click.style(group or "no group", bold=True))
        inside = [node for node in nodes if node.group == group]
        width = max(len(node.name) for node in inside)
        for node in inside:
            click.echo(f"  {node.name:<{width}}  {node.summary}")
            place = f"{node.file}:{node.line}" if node.line else node.file
            click.echo(f"  {'':<{width}}  {click.style(place, dim=True)}")


@click.command("validate")
@path_argument
@json_option
def validate(path: Path, as_json: bool) -> int:
    """Check the pack in PATH (the current folder), and show every problem at once, with file and line.

    Its pyproject.toml, modules, node classes, manifest and example graphs are looked at. The exit code is 0 for a pack
    without problems, and 3 for one with some.
    """
    from flowra.cli.text import print_json
    from flowra.pack.project import PackProject
    from flowra.pack.survey import survey

    project = PackProject.find(path)
    found = survey(project)
    if as_json:
        print_json([problem.to_json() for problem in found.problems])
    elif found.problems:
        for problem in found.problems:
            click.echo(f"{click.style(problem.place, bold=True)}: {problem.reason}")
            if problem.fix:
                click.echo(f"  {click.style(problem.fix, fg='green')}")
        count = len(found.problems)
        click.echo(f"{project.pack}: {count} problem{'' if count == 1 else 's'}", err=True)
    else:
        count = len(found.nodes)
        click.echo(f"{project.pack} is valid: {count} node{'' if count == 1 else 's'}")
    return 3 if found.problems else 0
