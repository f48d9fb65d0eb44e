"""Brings a later template into a pack that was made from it, and keeps what its author changed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowra.exceptions import PluginError, UsageError
from flowra.pack.edit.changes import Changes
from flowra.pack.manifest_process import manifest_bytes
from flowra.pack.project import PackProject
from flowra.pack.template.merging import merge
from flowra.pack.template.rendering import files_of, render
from flowra.pack.template.source import Template
from flowra.pack.template.state import STATE_NAME, TemplateState, as_made
from flowra.pack.template.variables import answers, public, visible_variables
from flowra.pack.tree_checks import conflict_lines
from flowra.plugin.manifest import MANIFEST_NAME

__all__ = ["Updated", "update_pack"]


@dataclass(frozen=True)
class Updated:
    """What an update did.

    Attributes:
        template: The template and its version, in words.
        files: Each file that was changed, with a word: `new`, `changed`, `removed`.
        conflicts: Each file with conflicts, with the lines at which they begin; none for a file that is no text.
        kept: What the template changed and the author had removed or replaced, in words.
        note: What could not be done, or nothing.
    """

    template: str
    files: tuple[tuple[str, str], ...]
    conflicts: Mapping[str, tuple[int, ...]]
    kept: tuple[str, ...]
    note: str = ""


def update_pack(root: Path, template: Template, given: Mapping[str, str], *, check: bool = False) -> Updated:
    """Bring a template, as it is now, into a pack.

    What the author and the template both changed is merged line by line; where that can't be, both sides stand in the
    file between markers. Files are written all or not at all.

    Args:
        root: The pack's folder.
        template: The template; that its code may run is settled.
        given: Answers that are to be other than when the pack was made.
        check: Write nothing.

    Raises:
        UsageError: The pack does not know its template, has conflicts of an earlier update, or can't be written.
        PluginError: The template has a mistake.
    """
    state = TemplateState.read(root)
    _refuse_unsettled(root, state)
    known = visible_variables(template.folder)
    said = {name: _said(value) for name, value in state.answers.items() if name in known}
    values = answers(template.folder, {**said, **given})
    with tempfile.TemporaryDirectory(prefix="flowra-update-") as scratch:
        made = files_of(render(template, values, Path(scratch)))
    changes = Changes(root)
    conflicts: dict[str, tuple[int, ...]] = {}
    kept: list[str] = []
    for name in sorted({*state.files, *made}):
        _one_file(changes, name, state.files.get(name), made.get(name), template.version, conflicts, kept)
    note = _manifest(changes, root) if changes.names() and not conflicts else ""
    after = TemplateState(
        template.origin_for(root), public(values), {name: as_made(content) for name, content in made.items()}
    )
    if after != state:
        changes.write(STATE_NAME, after.to_text())
    files = tuple(
        (name, "removed" if changes.contents[name] is None else "changed" if (root / name).exists() else "new")
        for name in changes.names()
    )
    if not check:
        changes.apply()
    return Updated(template.version, files, conflicts, tuple(kept), note)


def _one_file(
    changes: Changes,
    name: str,
    before: str | None,
    after: bytes | None,
    version: str,
    conflicts: dict[str, tuple[int, ...]],
    kept: list[str],
) -> None:
    """Settle one file: as the template had it, as it has it now, and as it lies in the pack."""
    path = changes.root / name
    there = path.read_bytes() if path.is_file() else None
    new = None if after is None else as_made(after)
    if new == before or there == after:
        return
    if there is None:
        if before is None and after is not None:
            changes.write(name, after)
        elif before is not None and after is not None:
            kept.append(f"{name}: the template changed it; you had removed it")
        return
    mine = as_made(there)
    if mine == before:
        if after is None:
            changes.remove(name)
        else:
            changes.write(name, after)
        return
    if after is None:
        kept.append(f"{name}: the template has it no more; you had changed it")
        return
    if any(text is not None and text.startswith("sha256:") for text in (before, mine, new)):
        conflicts[name] = ()
        kept.append(f"{name}: it is no text, and both sides changed it; yours was kept")
        return
    merged = merge(before or "", mine, new or "", our_name="yours", their_name=version)
    changes.write(name, merged.text)
    if merged.conflicts:
        conflicts[name] = tuple(conflict_lines(merged.text))


def _refuse_unsettled(root: Path, state: TemplateState) -> None:
    for name in state.files:
        path = root / name
        lines = conflict_lines(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        if lines:
            raise UsageError(
                "an earlier update is not settled",
                where=f"{path}:{lines[0]}",
                why="its conflict is still in the file",
                fix="keep one of the sides, then update again",
            )


def _manifest(changes: Changes, root: Path) -> str:
    """Make the manifest anew where the pack's code changed; return why not, where it can't be."""
    if not any(name.endswith(".py") for name in changes.names()):
        return ""
    project = PackProject.find(root)
    try:
        with changes.staged(project) as staged:
            content = manifest_bytes(staged)
    except (PluginError, UsageError) as error:
        return f"the manifest was not made: {'; '.join(filter(None, [error.what, error.why]))}"
    changes.write((project.package_dir / MANIFEST_NAME).relative_to(root).as_posix(), content)
    return ""


def _said(value: object) -> str:
    return "yes" if value is True else "no" if value is False else str(value)
