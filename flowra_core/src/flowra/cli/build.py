"""`flowra build`: a `.nodebin` and a wheel of the pack in a folder, proved to install and to run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_json, print_table
from flowra.storage.reports import size_in_words

if TYPE_CHECKING:
    from rich.status import Status

    from flowra.pack.building.build import Built

__all__ = ["command"]

#: Files shown one by one; of a folder with more, their number.
_FILES_SHOWN = 40


@click.command("build")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--bundle-deps",
    "bundle",
    metavar="[PLATFORM,…]",
    is_flag=False,
    flag_value="this",
    help="Put the wheels of all dependencies in, for this system or for those named, as linux-x86_64,macos-arm64.",
)
@click.option("--sign", "key", type=click.Path(path_type=Path), help="Sign with this private key.", metavar="KEY")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write into.  [default: dist in PATH]")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
def command(path: Path, bundle: str | None, key: Path | None, out: Path | None, as_json: bool) -> None:
    """Build the pack in PATH (the current folder) into a .nodebin and a wheel.

    Both are proved before they are yours: the archive is read as a stranger's, installed into a fresh environment,
    every node is imported, and every graph in examples/ is run. A step that fails leaves the folder as it was. Files
    with secrets, keys and weights are refused by name. The same tree makes the same bytes.
    """
    from flowra.config import load_settings
    from flowra.pack.building.build import build_pack
    from flowra.pack.project import PackProject

    out = out if out is not None else PackProject.find(path).root / "dist"
    platforms = None if bundle is None else [] if bundle == "this" else [each.strip() for each in bundle.split(",")]
    with _Steps() as steps:
        built = build_pack(
            path,
            out,
            steps.report,
            bundle_for=platforms,
            sign_with=key,
            wheel_cache=load_settings().cache_dir / "wheels",
        )
    if as_json:
        print_json(_as_data(built))
    else:
        _print_summary(built)


class _Steps:
    """Shows the steps on stderr: each with a mark, what it came to and how long it took."""

    def __init__(self) -> None:
        self._began = 0.0
        self._step = ""
        self._status: Status | None = None

    def __enter__(self) -> _Steps:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._step:
            self._line("✗", "red", "")
        if self._status is not None:
            self._status.stop()

    def report(self, step: str, said: str) -> None:
        """Take up a step, or what it came to; what begins with a carriage return is said in passing."""
        from flowra.pack.building.build import STEPS

        if not said:
            self._step, self._began = step, time.monotonic()
            said = f"\r{STEPS[step]}"
        if said.startswith("\r"):
            if self._status is not None:
                self._status.update(f"{step}: {said[1:]}")
            return
        self._line("✓", "green", said)
        self._step = ""

    def _line(self, mark: str, colour: str, said: str) -> None:
        took = f"{time.monotonic() - self._began:5.1f} s"
        if self._status is None:
            click.echo(f"{mark} {self._step:<9} {took}  {said}", err=True)
            return
        from rich.text import Text

        line = Text.assemble((mark, colour), f" {self._step:<9} ", (took, "dim"), f"  {said}")
        self._status.console.print(line, soft_wrap=True)


def _print_summary(built: Built) -> None:
    manifest, entries = built.archive.manifest, built.archive.entries
    click.echo(f"\n{click.style(f'{manifest.name} {manifest.version}', bold=True)}  {manifest.tagline}".rstrip())
    rows = [(name, size_in_words(entry.size)) for name, entry in entries.items()]
    print_table(("FILE", "SIZE"), rows[:_FILES_SHOWN])
    if len(rows) > _FILES_SHOWN:
        click.echo(f"… and {len(rows) - _FILES_SHOWN} more files: flowra pack verify {built.nodebin} --files")
    for permission in manifest.permissions:
        click.echo(f"permission {permission.name}: {permission.reason}")
    signed = f"signed by {', '.join(built.archive.signatures)}" if built.archive.signatures else "not signed"
    click.echo(f"\n{built.nodebin}  {size_in_words(built.nodebin.stat().st_size)}, {signed}")
    click.echo(f"{built.wheel}  {size_in_words(built.wheel.stat().st_size)}")
    click.echo(f"install it:  flowra pack install {built.nodebin}")


def _as_data(built: Built) -> dict[str, Any]:
    return {
        "nodebin": str(built.nodebin),
        "wheel": str(built.wheel),
        "manifest": built.archive.manifest.model_dump(mode="json"),
        "files": {name: entry.size for name, entry in built.archive.entries.items()},
        "signed_by": sorted(built.archive.signatures),
        "examples": list(built.examples),
    }
