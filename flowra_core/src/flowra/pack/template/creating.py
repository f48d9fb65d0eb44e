"""Makes a pack from a template: all of it, or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowra.exceptions import FlowraError, UsageError
from flowra.pack.manifest_process import manifest_bytes
from flowra.pack.project import PackProject
from flowra.pack.template.rendering import files_of, render
from flowra.pack.template.source import Template
from flowra.pack.template.state import STATE_NAME, TemplateState, as_made
from flowra.pack.template.variables import Ask, answers, public, visible_variables
from flowra.plugin.manifest import MANIFEST_NAME

__all__ = ["Created", "create_pack"]


@dataclass(frozen=True)
class Created:
    """A pack that was made.

    Attributes:
        path: Its folder.
        template: The template and its version, in words.
        answers: The answers to the template's variables.
        files: Its files, by their path with `/`.
        note: What could not be done, or nothing.
    """

    path: Path
    template: str
    answers: Mapping[str, Any]
    files: tuple[str, ...]
    note: str = ""


def create_pack(path: Path | None, template: Template, given: Mapping[str, str], ask: Ask | None = None) -> Created:
    """Make a pack in a new or an empty folder.

    Args:
        path: The folder; None for one in the current folder, with the name that the template gives.
        template: The template; that its code may run is settled.
        given: Answers that are known. The name of the folder answers `name`, where the template has that variable.
        ask: Asks for the answers that are not known; None takes the template's defaults.

    Raises:
        UsageError: The folder is not empty or can't be written to, or an answer can't be used.
        PluginError: The template has a mistake. In either case the folder is as it was.
    """
    given = dict(given)
    if path is not None:
        _refuse_taken(path)
        if "name" in visible_variables(template.folder):
            given.setdefault("name", path.resolve().name)
    values = answers(template.folder, given, ask)
    parent = (path.resolve().parent if path is not None else Path.cwd()).resolve()
    near = next(folder for folder in (parent, *parent.parents) if folder.exists())
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".flowra-create-", dir=near))
    except OSError as error:
        raise UsageError(
            "nothing can be written here", where=str(near), why=error.strerror, fix="name a folder of your own"
        ) from error
    try:
        root = render(template, values, scratch)
        target = path if path is not None else Path(root.name)
        if path is None:
            _refuse_taken(target)
        note = _finish(root, template.origin_for(target), public(values))
        files = tuple(files_of(root))
        _move(root, target)
    except OSError as error:
        raise UsageError("the pack can't be written", where=str(near), why=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Created(target, template.version, public(values), files, note)


def _refuse_taken(path: Path) -> None:
    try:
        taken = path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir())))
    except OSError as error:
        raise UsageError("the folder can't be looked into", where=str(path), why=error.strerror) from error
    if taken:
        raise UsageError(
            f"{path} is there already",
            why="a pack is made in a new folder or an empty one",
            fix="choose another folder, or empty this one",
        )


def _finish(root: Path, origin: Mapping[str, str], said: Mapping[str, Any]) -> str:
    """Add what Flowra keeps beside the template's files: the manifest, and the template's state."""
    made = {name: as_made(content) for name, content in files_of(root).items()}
    note = ""
    if (root / "pyproject.toml").is_file():
        try:
            project = PackProject.find(root)
            (project.package_dir / MANIFEST_NAME).write_bytes(manifest_bytes(project))
        except FlowraError as error:
            note = f"the manifest was not written: {'; '.join(filter(None, [error.what, error.why]))}"
    (root / STATE_NAME).write_text(TemplateState(origin, said, made).to_text(), encoding="utf-8")
    return note


def _move(root: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        root.replace(target)
        return
    # Somebody may be standing in the empty folder: it stays, and gets the contents.
    moved: list[Path] = []
    try:
        for child in sorted(root.iterdir()):
            child.replace(target / child.name)
            moved.append(target / child.name)
    except BaseException:
        for child in moved:
            with suppress(OSError):
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        raise
