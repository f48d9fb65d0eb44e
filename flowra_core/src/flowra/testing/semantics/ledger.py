"""The ledger: a file to which each execution of a node appends a line, from whatever process it runs in."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

__all__ = ["Ledger", "write_line"]


def write_line(path: str, text: str) -> None:
    """Append a line; lines of several threads and processes don't mix, and none is lost. Nothing without a path."""
    if not path:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode() + b"\n")
    finally:
        os.close(descriptor)


class Ledger:
    """Reads what was appended.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __str__(self) -> str:
        return str(self.path)

    def lines(self) -> list[str]:
        """Return the lines in the order in which they were written."""
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    def counts(self) -> Counter[str]:
        """Return how often each line was written."""
        return Counter(self.lines())

    def take(self) -> list[str]:
        """Return the lines, sorted, and begin anew."""
        found = sorted(self.lines())
        self.path.unlink(missing_ok=True)
        return found

    def wait_for(self, line: str, seconds: float = 20.0) -> None:
        """Wait until a line was written; raises TimeoutError if it never is."""
        deadline = time.monotonic() + seconds
        while line not in self.lines():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{line!r} was not written in {seconds:g} s; what was: {self.lines()}")
            time.sleep(0.005)
