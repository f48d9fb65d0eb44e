"""Asks uv, or pip where there is none, what an install would change, and has it done."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from flowra.pack.install.environment import Change, installed_versions
from flowra.pack.tools import find_links, find_uv, run_tool
from flowra.version import VERSION

__all__ = ["Request", "install", "planned_changes", "uninstall"]

#: A line of uv's plan: ` + numpy==2.4.6`, or ` + my-pack @ file:///…`.
_LINE = re.compile(r" [+~] (?P<name>[A-Za-z0-9._-]+)(==(?P<version>[^\s(]+)| @ (?P<origin>\S+))")
_FIX = "mend what is named above; nothing was changed"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be installed.

    Attributes:
        requirements: As uv and pip take them: a wheel, a folder, `git+https://…`, a name with a range.
        find_links: Folders with wheels of dependencies.
        offline: Take everything from those folders, and ask no index.
        upgrade: Distributions to take the newest of, though an older one would do.
        reinstall: Distributions to install though that version is there: its files may be others.
        scratch: A folder for what passes through.
    """

    requirements: tuple[str, ...]
    scratch: Path
    find_links: tuple[Path, ...] = ()
    offline: bool = False
    upgrade: tuple[str, ...] = ()
    reinstall: tuple[str, ...] = ()


def planned_changes(request: Request) -> list[Change]:
    """Return what installing would change; nothing changes.

    Raises:
        PluginError: It can't be resolved; the message is the resolver's.
    """
    uv = find_uv()
    report_file = request.scratch / "plan.json"
    extra = ["--dry-run"] if uv is not None else ["--dry-run", "--quiet", "--report", str(report_file)]
    done = run_tool(
        [*_command(), *extra, *_arguments(request)],
        failing="the pack can't be installed: its dependencies don't come together",
        where=" ".join(request.requirements),
        fix=_FIX,
    )
    if uv is not None:
        lines = filter(None, map(_LINE.match, done.stderr.splitlines()))
        after = {_canonical(line["name"]): line["version"] or _version_of(line["origin"]) for line in lines}
    else:
        report = json.loads(report_file.read_text(encoding="utf-8"))
        after = {_canonical(each["metadata"]["name"]): each["metadata"]["version"] for each in report["install"]}
    before = installed_versions()
    return [Change(name, before.get(name, ""), version) for name, version in sorted(after.items())]


def install(request: Request, keep_open: int) -> None:
    """Install; the process inherits the file descriptor `keep_open`.

    Raises:
        PluginError: It failed.
    """
    run_tool(
        [*_command(), "--quiet", *_arguments(request)],
        failing="installing failed",
        where=" ".join(request.requirements),
        fix=_FIX,
        keep_open=[keep_open],
    )


def uninstall(names: Sequence[str], keep_open: int) -> None:
    """Remove distributions; the process inherits the file descriptor `keep_open`.

    Raises:
        PluginError: It failed.
    """
    uv = find_uv()
    tool = (
        [uv, "pip", "uninstall", "--quiet", "--python", sys.executable]
        if uv is not None
        else [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes"]
    )
    run_tool(
        [*tool, *names],
        failing="removing failed",
        where=" ".join(names),
        fix="is the environment yours to write?",
        keep_open=[keep_open],
    )


def _version_of(origin: str) -> str:
    """Return the version in a wheel's name; a folder and a repository tell theirs when they are built."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return str(parse_wheel_filename(unquote(origin.rpartition("/")[2]))[1])
    except InvalidWheelFilename:
        return f"from {origin}"


def _command() -> list[str | Path]:
    uv = find_uv()
    if uv is None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    return [uv, "pip", "install", "--python", sys.executable, "--no-progress"]


def _arguments(request: Request) -> list[str | Path]:
    # The Flowra that does this stays as it is: it can't be exchanged under its own hands.
    constraints = request.scratch / "constraints.txt"
    constraints.write_text(f"flowra=={VERSION}\n", encoding="utf-8")
    arguments: list[str | Path] = ["--constraint", constraints]
    links = find_links(*request.find_links) if request.find_links and not request.offline else []
    arguments += links or [part for folder in request.find_links for part in ("--find-links", folder)]
    if request.offline:
        arguments += ["--no-index"]
    for name in request.upgrade:
        arguments += ["--upgrade-package", name] if find_uv() is not None else ["--upgrade"]
    if find_uv() is not None:  # pip could only reinstall everything; there, an equal version counts as installed
        for name in request.reinstall:
            arguments += ["--reinstall-package", name]
    return [*arguments, *request.requirements]


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
