"""`flowra model`: list, fetch, check, keep and remove models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from flowra.cli.text import print_json, print_table
from flowra.exceptions import FlowraError, ModelNotFoundError, UsageError

if TYPE_CHECKING:
    from flowra.model.hubs import Hubs, OpenHub
    from flowra.model.manifest import Manifest

__all__ = ["command"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group("model")
def command() -> None:
    """List, fetch, check, keep and remove models.

    \b
    A model is named ORG/NAME, at the hub of the settings; or as a reference:
    modelscope://ORG/NAME@REVISION#FILE
    """  # noqa: D301  click reads \b as an escape


@command.command("list")
@_json_option
def list_models(as_json: bool) -> None:
    """List the models that are here, those used last first."""
    rows = [_about(hub, manifest) for hub, manifest in _here(_hubs())]
    rows.sort(key=lambda row: row["used"], reverse=True)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no model is here")
    else:
        from flowra.storage.reports import size_in_words

        print_table(
            ("model", "files", "size", "used", ""),
            [
                (
                    row["reference"],
                    f"{row['files_here']} of {row['files']}",
                    size_in_words(row["size"]),
                    datetime.fromtimestamp(row["used"]).astimezone().strftime("%Y-%m-%d %H:%M") if row["used"] else "",
                    "kept" if row["kept"] else "",
                )
                for row in rows
            ],
        )


@command.command("get")
@click.argument("model")
@click.option("--revision", metavar="NAME", help="A tag, a branch or a commit; else the hub's main branch.")
@click.option("--file", "files", metavar="FILE", multiple=True, help="A file or pattern; all files without it.")
@click.option("--hub", metavar="NAME", help="Another hub than the one in the settings.")
@click.option("--keep", is_flag=True, help="Never remove it to make room.")
@click.option("--offline", is_flag=True, help="Fetch nothing; say where it is if it is here.")
@_json_option
def get(
    model: str, revision: str | None, files: tuple[str, ...], hub: str | None, keep: bool, offline: bool, as_json: bool
) -> None:
    """Fetch MODEL unless it is here, and print its path."""
    from dataclasses import replace

    from flowra.config.settings import load_settings
    from flowra.model.fetching import reference_to
    from flowra.model.models import Models
    from flowra.type.model_reference import ModelReference, is_pattern

    single = files[0] if len(files) == 1 and not is_pattern(files[0]) else None
    reference = reference_to(model, revision=revision, file=single, files=() if single else files, hub=hub)
    settings = load_settings()
    models = Models(replace(settings, offline=True) if offline else settings)
    with _Shown() as shown:
        found = models.get(reference, shown)
    pinned = ModelReference.parse(found.identity.pinned)
    if keep:
        models.hubs.of(pinned.hub, pinned.model).cache.keep(pinned.model, pinned.revision, keep=True)
    if as_json:
        print_json({"path": str(found.path), "reference": str(pinned), "digest": found.identity.digest.hex()})
    else:
        click.echo(found.path)


@command.command("rm")
@click.argument("models", nargs=-1, required=True)
@_json_option
def remove(models: tuple[str, ...], as_json: bool) -> int:
    """Remove the files of MODELS; one that a process uses stays, and the command exits with 1."""
    from flowra.model import room

    hubs = _hubs()
    removed: list[dict[str, Any]] = []
    in_use: list[dict[str, Any]] = []
    for hub, manifest in [each for model in models for each in _named(hubs, model)]:
        (removed if room.remove(hub, manifest) else in_use).append(_about(hub, manifest))
    if as_json:
        print_json({"removed": removed, "in_use": in_use})
        return 1 if in_use else 0
    from flowra.storage.reports import size_in_words

    for row in removed:
        click.echo(f"{row['reference']} removed, {size_in_words(row['size'])}")
    for row in in_use:
        click.echo(f"{row['reference']} stays: a process uses it", err=True)
    return 1 if in_use else 0


@command.command("verify")
@click.argument("models", nargs=-1)
@_json_option
def verify(models: tuple[str, ...], as_json: bool) -> int:
    """Read every file of MODELS, or of all that are here, and compare it; exit with 1 if one is not what it was."""
    from flowra.model.models import Models

    checker = Models()
    hubs = checker.hubs
    chosen = [each for model in models for each in _named(hubs, model)] if models else list(_here(hubs))
    rows = []
    for hub, manifest in chosen:
        wrong = checker.check_files(hub, manifest, list(manifest.here), full=True)
        rows.append({**_about(hub, manifest), "wrong": wrong})
    if as_json:
        print_json(rows)
    for row in rows if not as_json else ():
        click.echo(f"{row['reference']}: {'sound' if not row['wrong'] else 'damaged'}")
        for path, reason in row["wrong"].items():
            click.echo(f"  {path}: {reason}")
        if row["wrong"]:
            click.echo(f"  mend: flowra model rm {row['reference']}, and fetch it again")
    return 1 if any(row["wrong"] for row in rows) else 0


@command.command("keep")
@click.argument("models", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Let them be removed again.")
def keep(models: tuple[str, ...], undo: bool) -> None:
    """Never remove MODELS to make room (setting model_limit)."""
    hubs = _hubs()
    for hub, manifest in [each for model in models for each in _named(hubs, model)]:
        hub.cache.keep(manifest.snapshot.model, manifest.snapshot.pinned, keep=not undo)
        click.echo(f"{_about(hub, manifest)['reference']} {'may be removed' if undo else 'kept'}")


class _Shown:
    """Shows on a terminal how far a download is."""

    def __enter__(self) -> _Shown:
        self._width = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        if not sys.stderr.isatty():
            return
        from flowra.storage.reports import size_in_words

        line = f"{text}  {size_in_words(int(done))}" + (f" of {size_in_words(int(total))}" if total else "")
        self._clear()
        self._width = len(line)
        click.echo(line, err=True, nl=False)

    def log(self, text: str, level: str = "info") -> None:
        self._clear()
        click.echo(f"{level}: {text}" if level != "info" else text, err=True)

    def check_cancelled(self) -> None:
        """Ctrl-C ends the command by itself."""

    def _clear(self) -> None:
        if self._width:
            click.echo(f"\r{' ' * self._width}\r", err=True, nl=False)
            self._width = 0


def _hubs() -> Hubs:
    from flowra.model.hubs import Hubs

    return Hubs()


def _here(hubs: Hubs) -> Iterator[tuple[OpenHub, Manifest]]:
    """Yield the models that are here; a hub whose pack can't be loaded is said to be one, and left out."""
    for name in [*hubs.names(), ""]:
        try:
            hub = hubs.of(name) if name else hubs.mirror()
        except FlowraError as error:
            click.echo(f"warning: the hub {name}: {error.what}", err=True)
            continue
        if hub is not None:
            yield from ((hub, manifest) for manifest in hub.cache.manifests() if manifest.here)


def _named(hubs: Hubs, text: str) -> list[tuple[OpenHub, Manifest]]:
    """Return the models that a text on the command line means."""
    from flowra.plugin.nearest import nearest_name
    from flowra.type.model_reference import DEFAULT_HUB, ModelReference, is_model_reference

    try:
        wanted = ModelReference.parse(text if is_model_reference(text) else f"{DEFAULT_HUB}://{text}")
    except ValueError as error:
        raise UsageError("no model can be called so", why=str(error)) from error
    here = list(_here(hubs))
    found = []
    for hub, manifest in here:
        snapshot = manifest.snapshot
        noted = hub.cache.pinned(snapshot.model, wanted.revision) if wanted.revision else None
        same_hub = not is_model_reference(text) or hub.name in (hubs.full_name(wanted.hub), "mirror")
        same_revision = not wanted.revision or snapshot.pinned in (wanted.revision, noted[0] if noted else "")
        if snapshot.model == wanted.model and same_hub and same_revision:
            found.append((hub, manifest))
    if not found:
        names = [manifest.snapshot.model for _, manifest in here]
        near = nearest_name(wanted.model, names)
        raise ModelNotFoundError(
            f"the model {text} is not here",
            fix=f"did you mean {near}?" if near and near != wanted.model else "flowra model list shows those that are",
        )
    return found


def _about(hub: OpenHub, manifest: Manifest) -> dict[str, Any]:
    snapshot = manifest.snapshot
    return {
        "reference": f"{hub.name}://{snapshot.model}@{snapshot.pinned}",
        "hub": hub.name,
        "model": snapshot.model,
        "pinned": snapshot.pinned,
        "files": len(snapshot.files),
        "files_here": len(manifest.here),
        "size": manifest.size,
        "used": hub.cache.last_used(snapshot.model, snapshot.pinned),
        "kept": hub.cache.is_kept(snapshot.model, snapshot.pinned),
        "folder": str(hub.hub.folder(snapshot.model, snapshot.pinned)),
    }
