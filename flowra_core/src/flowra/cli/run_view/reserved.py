"""Keeps stdout for what programs read: whatever else is printed there goes to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

__all__ = ["reserved_stdout"]


@contextlib.contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Yield stdout; what nodes print meanwhile, in Python, in C or in a child process, goes to stderr."""
    replaced = sys.stdout
    try:
        descriptor, errors = replaced.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):  # no files of the system, but a program's own that has this one inside
        with contextlib.redirect_stdout(sys.stderr):
            yield replaced
        return
    replaced.flush()
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as reserved:
        os.dup2(errors, descriptor)
        try:
            yield reserved
        finally:
            replaced.flush()
            reserved.flush()
            os.dup2(reserved.fileno(), descriptor)
