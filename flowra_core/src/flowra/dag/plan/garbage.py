"""Keeps Python's garbage collector away while a plan is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collection_paused"]


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the collection of garbage in cycles, unless it is paused already.

    Making a plan makes a few objects for each node, none of which is garbage. The collector would go through all of
    them again and again, which for large graphs takes longer than the planning itself.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
