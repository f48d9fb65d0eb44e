"""Python processes that see a pack's source tree as if it were installed.

What is installed of the pack, and what this process has imported of it, is not in their way: the tree counts as it
lies there. Nothing of the pack is imported into this process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowra.exceptions import PluginError
from flowra.pack.project import PackProject

__all__ = ["environment_of", "run_module"]


@contextmanager
def environment_of(project: PackProject) -> Iterator[dict[str, str]]:
    """Return the variables of a process that finds the pack's source tree, as an editable install of it would."""
    with tempfile.TemporaryDirectory(prefix="flowra-pack-") as scratch:
        site = Path(scratch) / "site"
        _write_metadata(site, project)
        path = [str(site), str(project.source), *filter(None, [os.environ.get("PYTHONPATH")])]
        yield {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            # The index of packs is that of this search path, and of no use to anyone else.
            "FLOWRA_CACHE_DIR": str(Path(scratch) / "cache"),
            # A source that was changed within the second, at the same size, must not be taken for its byte code.
            "PYTHONPYCACHEPREFIX": str(Path(scratch) / "byte-code"),
        }


def run_module(project: PackProject, module: str, arguments: Sequence[str] = ()) -> Any:
    """Run a module of Flowra's in a process that sees the pack, and return the JSON that it prints.

    Raises:
        PluginError: The process ended without an answer: the pack's code ended it.
    """
    with environment_of(project) as variables:
        done = subprocess.run(  # noqa: S603  our own module
            [sys.executable, "-m", module, str(project.root), *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=variables,
            cwd=project.source,
            check=False,
        )
    try:
        return json.loads(done.stdout.rstrip().rpartition("\n")[2])
    except ValueError:
        said = done.stderr.strip().rpartition("\n")[2]
        raise PluginError(
            "the pack's code ended the process that looked at it",
            where=str(project.root),
            why=said or f"exit code {done.returncode}",
        ) from None


def _write_metadata(site: Path, project: PackProject) -> None:
    folder = site / f"{project.distribution.replace('-', '_')}-{project.version}.dist-info"
    folder.mkdir(parents=True)
    requires = "".join(f"Requires-Dist: {each}\n" for each in project.requires)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project.distribution}\nVersion: {project.version}\n{requires}", encoding="utf-8"
    )
    (folder / "entry_points.txt").write_text(f"[flowra]\n{project.pack} = {project.module}\n", encoding="utf-8")
    origin = {"url": project.root.as_uri(), "dir_info": {"editable": True}}
    (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")
