"""Options of a command line that take several words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

__all__ = ["joined_values"]

#: The options that may have several values after them, as in `--zip a.x=1,2 b.y=3,4`.
_SEVERAL = ("--matrix", "--zip")


def joined_values(args: Sequence[str]) -> list[str]:
    """Return a command line in which what follows `--matrix` or `--zip` is one value, apart by blanks."""
    found: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*found, word, *rest]
        found.append(word)
        if word in _SEVERAL and rest:
            values = [rest.pop(0)]
            while rest and "=" in rest[0] and not rest[0].startswith("-"):
                values.append(rest.pop(0))
            found.append(values[0] if len(values) == 1 else shlex.join(values))
    return found
