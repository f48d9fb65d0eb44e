"""The programs that packs are built and installed with: uv, else pip, as processes of their own."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flowra.exceptions import PluginError, UsageError

__all__ = ["clean_environment", "disk_error", "find_links", "find_uv", "require_uv", "run_tool", "said_by"]

#: What a developer's shell may say that would change what a fresh environment does.
_LEFT_OUT = ("PYTHON", "COVERAGE", "FLOWRA_", "VIRTUAL_ENV", "CONDA_")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def find_uv() -> Path | None:
    """Return uv: the one installed beside this Python, else the one on the path; None where there is none."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    return Path(found) if found else None


def require_uv() -> Path:
    """Return uv.

    Raises:
        UsageError: There is none; the message says how to get it.
    """
    uv = find_uv()
    if uv is None:
        raise UsageError(
            "this needs uv, and there is none",
            why="packs are locked, and proved in an environment of their own, with it",
            fix=f"{sys.executable} -m pip install uv",
        )
    return uv


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's variables without what belongs to its own Python and Flowra, and with more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return {**kept, "PYTHONUTF8": "1", "NO_COLOR": "1", **(extra or {})}


def find_links(*folders: Path) -> list[str | Path]:
    """Return uv's arguments for folders of wheels; those that its variable names would be forgotten beside them."""
    stated: list[str | Path] = [each for each in os.environ.get("UV_FIND_LINKS", "").split(",") if each]
    arguments: list[str | Path] = []
    for each in [*folders, *stated]:
        arguments += ["--find-links", each]
    return arguments


def run_tool(
    command: Sequence[str | Path],
    *,
    failing: str,
    fix: str,
    where: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it printed.

    Args:
        command: The program and its arguments.
        failing: What happened if it fails, as an error's first line.
        fix: What to do then.
        where: What it is about.
        environment: Its variables; this process's own by default.
        cwd: Its folder.
        timeout: Seconds that it may take.
        keep_open: File descriptors that stay open in it.

    Raises:
        PluginError: It fails, with the end of what it said; it takes longer; or it can't be started.
    """
    try:
        done = subprocess.run(  # noqa: S603  the programs are ours to choose, the arguments no shell's
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=dict(environment) if environment is not None else None,
            cwd=cwd,
            timeout=timeout,
            check=False,
            pass_fds=tuple(keep_open),
        )
    except subprocess.TimeoutExpired as error:
        raise PluginError(failing, where=where, why=f"it took longer than {timeout:g} seconds", fix=fix) from error
    except OSError as error:
        raise PluginError(failing, where=where, why=f"{command[0]} can't be started: {error}", fix=fix) from error
    if done.returncode:
        raise PluginError(failing, where=where, why=said_by(done), fix=fix)
    return done


def said_by(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program that failed said of it, without what it said while all was well."""
    text = _COLOUR.sub("", done.stderr or done.stdout)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if re.match(r"\s*(error|×|ERROR)\b", line)]
    told = lines[starts[0] :] if starts else lines[-4:]
    return "\n".join(told) or f"exit code {done.returncode}"


def disk_error(error: OSError, folder: Path) -> UsageError:
    """Return in words what the system said of a file; a full disk is named as one.

    Args:
        error: What the system said.
        folder: Where it happened, if the error does not say.
    """
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return UsageError(
        "the disk is full" if full else "a file can't be read or written",
        where=str(error.filename or folder),
        why=error.strerror or str(error),
        fix="make room; TMPDIR says where what passes through is kept" if full else None,
    )
