"""Adds a dependency to a `pyproject.toml`, and changes a version in one, without touching the rest of the file."""

from __future__ import annotations

import re
import sys
from typing import Any

from flowra.exceptions import UsageError

__all__ = ["with_dependency", "with_version"]

_TABLE = re.compile(r"^\s*\[", re.MULTILINE)
_ARRAY = re.compile(r"^(?P<head>dependencies\s*=\s*\[)(?P<inside>[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]", re.MULTILINE)
_VERSION = re.compile(r"""^(?P<head>version\s*=\s*)(?P<quote>["'])(?P<version>[^"']*)(?P=quote)""", re.MULTILINE)


def with_dependency(text: str, requirement: str, where: str) -> str:
    """Return the text with a requirement added to the project's dependencies.

    Raises:
        UsageError: The dependencies are written in a way that can't be edited.
    """
    start, end = _project_table(text)
    found = _ARRAY.search(text, start, end)
    if found is None:
        raise _refusal(where, f'dependencies = ["{requirement}"]')
    inside = found["inside"]
    if "\n" in inside:
        body, _, last = inside.rstrip().rpartition("\n")
        indent = last[: len(last) - len(last.lstrip())]
        # A comment may stand behind the last one; the comma goes before it.
        written = re.fullmatch(r"(?P<item>.*[\"'])(?P<comma>,?)(?P<comment>\s*(#.*)?)", last)
        if written is not None:
            last = f"{written['item']},{written['comment']}"
        made = f'{body}\n{last}\n{indent}"{requirement}",\n'
    else:
        made = f'{inside.rstrip().rstrip(",")}{", " if inside.strip() else ""}"{requirement}"'
    edited = text[: found.start("inside")] + made + text[found.end("inside") :]
    before, after = _toml(text)["project"], _toml(edited).get("project", {})
    if after != {**before, "dependencies": [*before.get("dependencies", []), requirement]}:
        raise _refusal(where, f"add {requirement!r} to the dependencies")
    return edited


def with_version(text: str, version: str, where: str) -> str:
    """Return the text with another version of the project.

    Raises:
        UsageError: The version is not written there.
    """
    start, end = _project_table(text)
    found = _VERSION.search(text, start, end)
    if found is None:
        raise UsageError(
            "the project's version is not written in its pyproject.toml",
            where=where,
            why="it is dynamic, or not there",
            fix=f'write it in [project]: version = "{version}"',
        )
    edited = text[: found.start("version")] + version + text[found.end("version") :]
    if _toml(edited) != {**_toml(text), "project": {**_toml(text)["project"], "version": version}}:
        raise _refusal(where, f'version = "{version}"')
    return edited


def _project_table(text: str) -> tuple[int, int]:
    head = re.search(r"^\[project\][^\n]*\n", text, re.MULTILINE)
    if head is None:
        return len(text), len(text)
    following = _TABLE.search(text, head.end())
    # An array's own lines may begin with a bracket; what is cut off there too early is refused, not damaged.
    return head.end(), following.start() if following else len(text)


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except ValueError:
        return {}


def _refusal(where: str, wanted: str) -> UsageError:
    return UsageError("the pyproject.toml can't be edited", where=where, fix=f"do it by hand: {wanted}")
