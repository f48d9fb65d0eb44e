"""`flowra store check`: what a store lets us do, and how quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowra.cli.store.options import json_option
from flowra.cli.text import print_json
from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from flowra.storage.remote.checking import Finding

__all__ = ["check"]

_MARKS = {"works": "✓", "limited": "–", "denied": "✗", "fails": "✗", "not tried": " "}


@click.command("check")
@click.argument("uri", required=False)
@json_option
def check(uri: str | None, as_json: bool) -> int:
    """Try out the store URI, or the one in the settings: what works, how quickly, and which right is missing.

    A few objects are written below the address and removed again. Exits with 1 if something does not work.
    """
    from flowra.config.settings import load_settings
    from flowra.storage.address import open_objects
    from flowra.storage.remote.checking import check_objects

    address = uri or load_settings().store
    objects = open_objects(address)
    if objects is None:
        raise UsageError(
            "this store is no service that machines share",
            where=address or "the folder in the user's cache folder",
            fix="name one, as in flowra store check s3://bucket/prefix; flowra doctor looks at folders",
        )
    findings = []
    with objects:
        if not as_json:
            click.echo(objects.location)
        for finding in check_objects(objects):
            findings.append(finding)
            if not as_json:
                _show(finding)
    if as_json:
        print_json({"location": objects.location, "findings": [each.to_json() for each in findings]})
    return 0 if all(each.state in ("works", "limited") for each in findings) else 1


def _show(finding: Finding) -> None:
    took = f"{finding.seconds * 1000:.0f} ms" if finding.seconds is not None and finding.state == "works" else ""
    said = finding.detail or took
    state = "" if finding.state == "works" else f"{finding.state}: "
    click.echo(f"  {_MARKS[finding.state]} {finding.what:<16} {state}{said}".rstrip())
    if finding.mend:
        click.echo(f"      {finding.mend}")
