"""The steps as functions of a Hamilton graph, with its cache."""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from hamilton import driver


def build(folder: str, length: int) -> Any:
    """Return what runs a chain of steps, or the large one for no length."""
    source = "import steps\n\ndef s0() -> int:\n    return 0\n\n"
    # A node's code is that of its function: the step itself, as a person would write it.
    body = "    steps.count()\n    return {before} + steps.amount()\n"
    for number in range(length):
        source += f"def s{number + 1}(s{number}: int) -> int:\n" + body.format(before=f"s{number}")
    source += "\ndef large() -> bytes:\n    return steps.large(1)\n"
    module = _module(source)
    graph = driver.Builder().with_modules(module).with_cache(path=folder).build()
    wanted = f"s{length}" if length else "large"
    return functools.partial(_run, graph, wanted)


def _module(source: str) -> Any:
    path = Path(os.environ["SCRATCH"]) / "hamilton_nodes.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("hamilton_nodes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hamilton_nodes"] = module
    spec.loader.exec_module(module)
    return module


def _run(graph: Any, wanted: str) -> int | bytes:
    return graph.execute([wanted])[wanted]
