"""Run the benchmarks and put what they print into docs/performance.md.

    python benchmarks/refresh.py [overhead payload …]

Each block of the page that is marked with a benchmark's name is replaced by what that prints; the others stay.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
BLOCK = re.compile(r"(<!-- output of benchmarks/(\w+)\.py -->\n```text\n).*?(\n```)", re.DOTALL)


def main() -> None:
    """Replace the blocks of the named benchmarks, or all of them."""
    for name in sys.argv[1:] or [found[2] for found in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]:
        print(f"benchmarks/{name}.py", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py")]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip("\n")
        PAGE.write_text(BLOCK.sub(partial(replaced, name, printed), PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def replaced(name: str, printed: str, found: re.Match[str]) -> str:
    """Return a block, with what was printed if it is that of the benchmark."""
    return found[1] + printed + found[3] if found[2] == name else found[0]


if __name__ == "__main__":
    main()
