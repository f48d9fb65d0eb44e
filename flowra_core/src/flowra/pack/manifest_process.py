"""Makes a pack's manifest from the tree as it lies there, in a process of its own; as a module, it is that process."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from flowra.exceptions import FlowraError, PluginError
from flowra.pack.process import run_module
from flowra.pack.project import PackProject
from flowra.plugin.manifest import write_manifest

__all__ = ["manifest_bytes"]


def manifest_bytes(project: PackProject) -> bytes:
    """Return the manifest that a pack's code makes.

    Raises:
        PluginError: The pack can't be imported, or a node is none.
    """
    answer = run_module(project, "flowra.pack.manifest_process")
    if "error" in answer:
        raise PluginError(answer["error"]["what"], **{key: answer["error"][key] for key in ("where", "why", "fix")})
    with tempfile.TemporaryDirectory(prefix="flowra-manifest-") as scratch:
        path = Path(scratch, "manifest.json")
        write_manifest(path, answer["manifest"])
        return path.read_bytes()


def _main() -> None:
    from flowra.pack.manifest_sync import manifest_of

    try:
        answer = {"manifest": manifest_of(PackProject.find(Path(sys.argv[1])))}
    except FlowraError as error:
        lines = error.lines()
        problems = "; ".join(line.strip() for line in lines[1:] if line.startswith("  ")) if error.why is None else None
        answer = {
            "error": {"what": error.what, "where": error.where, "why": error.why or problems or None, "fix": error.fix}
        }
    print(json.dumps(answer))  # noqa: T201  the answer


if __name__ == "__main__":
    _main()
