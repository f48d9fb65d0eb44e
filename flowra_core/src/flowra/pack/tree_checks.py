"""What can be wrong with a pack's tree, and can be seen without running its code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.exceptions import UsageError
from flowra.pack.project import PackProject
from flowra.plugin.contribution_base import NAME_PATTERN
from flowra.plugin.discovery import RESERVED_PACK_IDS

if TYPE_CHECKING:
    from flowra.pack.survey import FileProblem

__all__ = ["CONFLICT_MARKER", "conflict_lines", "tree_problems"]

#: How a conflict of `flowra project update` begins.
CONFLICT_MARKER = "<<<<<<< "
_SKIPPED = frozenset({".git", ".tox", ".venv", "venv", "build", "dist", "node_modules", "__pycache__"})


def tree_problems(project: PackProject) -> list[FileProblem]:
    """Return what is wrong with `pyproject.toml` and with files as texts."""
    return [*_project_problems(project), *_conflicts(project.root)]


def conflict_lines(text: str) -> list[int]:
    """Return the lines at which conflicts of an update begin."""
    return [number for number, line in enumerate(text.splitlines(), 1) if line.startswith(CONFLICT_MARKER)]


def _project_problems(project: PackProject) -> Iterator[FileProblem]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion, Version

    from flowra.pack.survey import FileProblem
    from flowra.plugin.compatibility import fits
    from flowra.version import VERSION

    path = project.root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    table = _project_table(text)

    def problem(key: str, reason: str, fix: str = "") -> FileProblem:
        return FileProblem(str(path), _line_of(text, key), reason, fix)

    if not NAME_PATTERN.fullmatch(project.pack) or project.pack in RESERVED_PACK_IDS:
        yield problem(project.pack, f"{project.pack!r} can't be a pack's id", "letters, digits, '_' and '-'")
    if "version" not in table.get("dynamic", ()):
        try:
            Version(str(table.get("version", "")))
        except InvalidVersion:
            yield problem("version", f"{table.get('version', '')!r} is no version", 'write one: version = "0.1.0"')
    flowra = None
    for each in project.requires:
        try:
            requirement = Requirement(each)
        except InvalidRequirement as error:
            yield problem(each, f"the dependency {each!r} can't be read: {str(error).partition(chr(10))[0]}")
            continue
        if requirement.name == "flowra":
            flowra = str(requirement.specifier)
    if flowra is None:
        yield problem("dependencies", "it does not say which Flowra it works with", 'add  "flowra>=0.1,<0.2"')
    elif not fits(flowra, VERSION):
        yield problem("flowra", f"it requires flowra{flowra}, and this is Flowra {VERSION}", "widen the range")
    for name in _files_named(table):
        if not any(project.root.glob(name)):
            yield problem(name, f"there is no {name}", "write the file, or leave it out")
    if "license" not in table:
        yield problem("[project]", "it has no licence", 'write one: license = "Apache-2.0"')
    if not table.get("description"):
        yield problem("[project]", "it has no description", "say in one line what the pack does")


def _files_named(table: dict[str, Any]) -> list[str]:
    readme, files = table.get("readme"), table.get("license-files", [])
    return [*([readme] if isinstance(readme, str) else []), *(files if isinstance(files, list) else [])]


def _project_table(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def _line_of(text: str, key: str) -> int | None:
    # A key stands at the beginning of its line, what is inside a value somewhere in it.
    for pattern in (rf"^\s*{re.escape(key)}\b", re.escape(key)):
        found = re.search(pattern, text, re.MULTILINE)
        if found is not None:
            return text.count("\n", 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1
    return None


def _conflicts(root: Path) -> Iterator[FileProblem]:
    from flowra.pack.survey import FileProblem
    from flowra.pack.template.state import STATE_NAME, TemplateState

    if not (root / STATE_NAME).is_file():
        return
    try:
        names = list(TemplateState.read(root).files)
    except UsageError as error:
        yield FileProblem(str(root / STATE_NAME), None, error.why or error.what)
        return
    for name in names:
        path = root / name
        if path.is_file() and not _SKIPPED & set(Path(name).parts):
            for line in conflict_lines(path.read_text(encoding="utf-8", errors="replace")):
                yield FileProblem(str(path), line, "a conflict of an update is not settled", "keep one of the sides")
