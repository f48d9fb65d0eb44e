"""`flowra pack verify` and `flowra pack key`: archives of others, and the keys that sign one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowra.cli.text import print_json, print_table
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from flowra.pack.nodebin.signature import Verdict

__all__ = ["key", "verify"]


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--files", "show_files", is_flag=True, help="List every file that is in it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def verify(file: Path, show_files: bool, as_json: bool) -> int:
    """Read the .nodebin FILE whole, without running or writing anything of it, and say who signed it.

    Exits with 3 if it is not what the format allows, or was tampered with.
    """
    from flowra.config import load_settings
    from flowra.pack.install.source import verified

    archive, verdict = verified(file, load_settings().trusted_keys)
    manifest = archive.manifest
    code = 3 if verdict.status == "tampered" else 0
    if as_json:
        files = {name: entry.size for name, entry in archive.entries.items()}
        print_json(
            {
                "signature": verdict.status,
                "keys": list(verdict.keys),
                "manifest": manifest.model_dump(mode="json"),
                "files": files,
            }
        )
        return code
    click.echo(f"{click.style(f'{manifest.name} {manifest.version}', bold=True)}  {manifest.tagline}".rstrip())
    click.echo(f"  pack:      {manifest.id}, {len(archive.nodes)} nodes, licence {manifest.license or 'not stated'}")
    size = sum(entry.size for entry in archive.entries.values())
    click.echo(f"  files:     {len(archive.entries)} as recorded, {size_in_words(size)}")
    bundled = ", ".join(f"{each.platform} (Python {each.python})" for each in manifest.bundled)
    click.echo(f"  bundled:   {f'all dependencies for {bundled}' if bundled else 'the pack alone'}")
    for permission in manifest.permissions:
        click.echo(f"  permission {permission.name}: {permission.reason}")
    click.echo(f"  signature: {click.style(verdict.status, fg=_COLOURS[verdict.status])}{_explained(verdict)}")
    if show_files:
        click.echo()
        print_table(("FILE", "SIZE"), [(name, size_in_words(entry.size)) for name, entry in archive.entries.items()])
    return code


@click.command("key")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the public key as JSON.")
def key(file: Path, as_json: bool) -> None:
    """Make a key pair to sign archives with: the private key goes to FILE, which you alone can read.

    The public key is printed: give it to those who are to trust your archives.
    """
    from flowra.config.signing_keys import new_key

    public = new_key(file)
    if as_json:
        print_json({"private": str(file), "public": public})
        return
    click.echo(public)
    click.echo(
        f"the private key is in {file}: keep it secret, keep a copy, keep it out of the pack's folder\n"
        f"sign with  flowra build --sign {file}\n"
        f'others trust it with  trusted_keys = ["{public}"]  in their own settings',
        err=True,
    )


_COLOURS = {"valid-trusted": "green", "valid-unknown": "yellow", "absent": "yellow", "tampered": "red"}


def _explained(verdict: Verdict) -> str:
    keys = ", ".join(verdict.keys)
    return {
        "valid-trusted": f", by {keys}",
        "valid-unknown": f", by {keys}\n             nobody you trust: ask the key's owner, and add it to trusted_keys",
        "absent": "\n             nothing says who made it",
        "tampered": "\n             its signature does not fit what is in it: don't install it",
    }[verdict.status]
