"""Distribution names, in the one form in which they can be compared."""

from __future__ import annotations

import re

__all__ = ["canonical_name"]


def canonical_name(distribution: str) -> str:
    """Return a distribution's name in lower case, with each run of `-`, `_` and `.` as one `-`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
