"""A virtual environment that Flowra makes: with uv, or with venv and pip where there is no uv."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flowra.pack.tools import clean_environment, find_links, find_uv, run_tool

__all__ = ["VirtualEnvironment"]


@dataclass(frozen=True, slots=True)
class VirtualEnvironment:
    """A virtual environment of this Python's version; it can be moved.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def make(self) -> None:
        """Make it, empty.

        Raises:
            PluginError: It can't be made.
        """
        uv = find_uv()
        # Without uv the scripts in it are lost when it is moved; what Flowra starts is its Python.
        command = (
            [uv, "venv", "--quiet", "--relocatable", "--no-project", "--python", sys.executable]
            if uv is not None
            else [sys.executable, "-m", "venv"]
        )
        run_tool(
            [*command, self.folder],
            failing="a fresh environment can't be made",
            fix="is the disk full? what is said above says more",
            environment=clean_environment(),
            cwd=self.folder.parent,
        )

    def install(
        self, requirements: Sequence[str | Path], folders: Sequence[Path], *, offline: bool, where: str, fix: str
    ) -> None:
        """Install into it.

        Args:
            requirements: As uv and pip take them.
            folders: Folders with wheels.
            offline: Take everything from those folders, and ask no index.
            where: What is installed, for the error.
            fix: What to do where it fails.

        Raises:
            PluginError: It does not install.
        """
        uv = find_uv()
        links: list[str | Path] = find_links(*folders)
        if offline:  # only those folders, whatever uv's own variable names
            links = [part for each in folders for part in ("--find-links", each)]
        command: list[str | Path]
        if uv is not None:
            command = [uv, "pip", "install", "--quiet", "--python", self.python]
            command += ["--offline", "--no-index"] if offline else []
        else:
            command = [self.python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
            command += ["--no-compile", *(["--no-index"] if offline else [])]
        run_tool(
            [*command, *links, *requirements],
            failing="the pack does not install into a fresh environment",
            where=where,
            fix=fix,
            environment=clean_environment(),
            cwd=self.folder.parent,
        )
