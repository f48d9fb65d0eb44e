"""Time imports, in a process of its own: run as a script, never imported.

Reads `{"path": [...], "modules": [...]}` from stdin; writes one JSON object a module to stdout as soon as it is known,
so that what a crash leaves untold is the crash itself.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time


def main() -> None:
    """Import each module in order and tell what it took."""
    request = json.loads(sys.stdin.read())
    # What modules print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Flowra's own part is not the pack's cost. The first entry is this script's folder, whose modules are no one's.
    # In "isolated" mode, as it is used for an environment of a pack, there is no such entry.
    own = sys.path[0 if sys.flags.isolated else 1 :]
    path = request["path"] if request["path"] is not None else own
    sys.path[:] = [*own, *path]
    importlib.import_module("flowra.plugin.markers")
    importlib.import_module("flowra.plugin.contributions")
    sys.path[:] = path
    for module in request["modules"]:
        error = ""
        began = time.perf_counter()
        try:
            importlib.import_module(module)
        except BaseException as problem:  # noqa: BLE001 - a pack's module may raise anything, SystemExit too
            error = f"{type(problem).__name__}: {problem}"
        answer = {"module": module, "seconds": time.perf_counter() - began, "error": error}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
