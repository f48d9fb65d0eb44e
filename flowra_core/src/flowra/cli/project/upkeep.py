"""`flowra project sync`, `test`, `version` and `update`: keep a pack in order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from flowra.cli.project.options import json_option, path_argument, project_option, show_files

__all__ = ["sync", "test", "update", "version"]


@click.command("sync")
@path_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the manifest is not what the code says.")
def sync(path: Path, check: bool) -> int:
    """Write the manifest of the pack in PATH (the current folder) from its code.

    The manifest lets graphs be listed and checked without importing the pack. Commit it with the code.
    """
    from flowra.pack.manifest_sync import manifest_changes, manifest_of, sync_manifest
    from flowra.pack.project import PackProject
    from flowra.plugin.manifest import MANIFEST_NAME

    project = PackProject.find(path)
    if check:
        manifest = project.package_dir / MANIFEST_NAME
        changes = manifest_changes(manifest, manifest_of(project))
    else:
        manifest, changes = sync_manifest(project)
    for change in changes:
        click.echo(f"  {change}")
    if check and changes:
        click.echo(f"{manifest} is not what the code says; write it with  flowra project sync {path}", err=True)
        return 1
    click.echo(f"{manifest}: {'written' if changes else 'up to date'}")
    return 0


@click.command("test", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[PYTEST ARGUMENTS]", nargs=-1, type=click.UNPROCESSED)
@project_option
def test(arguments: Sequence[str], path: Path) -> int:
    """Run the tests of a pack with pytest, as its tree lies there: nothing has to be installed or synced before.

    Arguments are passed on, those behind -- as they are; the exit code is that of pytest.
    """
    import subprocess
    from importlib.util import find_spec

    from flowra.exceptions import UsageError
    from flowra.pack.process import environment_of
    from flowra.pack.project import PackProject

    project = PackProject.find(path)
    if find_spec("pytest") is None:
        raise UsageError("pytest is not installed", fix="pip install 'flowra[testing]'")
    with environment_of(project) as variables:
        return subprocess.run(  # noqa: S603  pytest, as the user asked
            [sys.executable, "-m", "pytest", *arguments], cwd=project.root, env=variables, check=False
        ).returncode


@click.command("version")
@click.argument("new", metavar="[NEW|major|minor|patch]", required=False)
@project_option
def version(new: str | None, path: Path) -> None:
    """Print the version of a pack, or set it: to NEW, or to the next major, minor or patch version."""
    from flowra.pack.project import PackProject
    from flowra.pack.versioning import next_version, set_version

    project = PackProject.find(path)
    if new is None:
        click.echo(project.version)
        return
    wanted = next_version(project.version, new)
    files = set_version(project, wanted)
    click.echo(f"{project.version} → {wanted}" + (f" in {', '.join(files)}" if files else ": it is that already"))


@click.command("update")
@path_argument
@click.option("--template", "said", metavar="NAME|DIR|GIT", help="Another place to take the template from.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Answer a variable anew.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if there is something to bring in.")
@click.option("--trust", is_flag=True, help="Let a template that is not installed run its code.")
@json_option
def update(path: Path, said: str | None, settings: Sequence[str], check: bool, trust: bool, as_json: bool) -> int:
    """Bring the template, as it is now, into the pack in PATH (the current folder), and keep what you changed.

    Both sides are merged line by line. Where both changed the same lines, both stand in the file between markers, the
    files are named with their lines, and the exit code is 1.
    """
    from flowra.cli.create import may_run, settings_of
    from flowra.cli.text import print_json
    from flowra.pack.project import PackProject
    from flowra.pack.template.rendering import check_cookiecutter
    from flowra.pack.template.source import find_template, template_of_origin
    from flowra.pack.template.state import TemplateState
    from flowra.pack.template.updating import update_pack

    check_cookiecutter()
    root = PackProject.find(path).root
    origin = TemplateState.read(root).origin
    place = said or template_of_origin(origin)
    with find_template(place, relative_to=None if said else root) as template:
        may_run(template, trust=trust, asks=not as_json and sys.stdin.isatty())
        done = update_pack(root, template, settings_of(settings), check=check)
    if as_json:
        print_json(
            {
                "template": done.template,
                "files": dict(done.files),
                "conflicts": {name: list(lines) for name, lines in done.conflicts.items()},
                "kept": list(done.kept),
                "note": done.note,
            }
        )
        return int(bool(done.conflicts) or (check and bool(done.files)))
    show_files(done.files)
    for kept in done.kept:
        click.echo(f"  kept     {kept}")
    for name, lines in done.conflicts.items():
        for line in lines:
            click.echo(f"{root / name}:{line}: conflict", err=True)
    if done.note:
        click.echo(f"note: {done.note}", err=True)
    if done.conflicts:
        count = len(done.conflicts)
        click.echo(
            f"{count} file{'' if count == 1 else 's'} with conflicts; settle them, then  flowra project sync", err=True
        )
    else:
        click.echo(f"{root} is as {done.template} has it" if not done.files else f"from {done.template}")
    return int(bool(done.conflicts) or (check and bool(done.files)))
