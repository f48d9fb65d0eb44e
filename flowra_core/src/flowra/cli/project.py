"""`flowra project`: work on a node pack's source tree."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group("project")
def command() -> None:
    """Work on a node pack's source tree."""


@command.command("sync")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
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
