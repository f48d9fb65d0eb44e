"""Which versions of Flowra a pack works with: read from its distribution's `Requires-Dist`, before any import."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["fits", "required_range"]

#: The requirement's name, up to where a version, marker or extra can begin.
_NAMES_FLOWRA = re.compile(r"\s*flowra\s*([\[(<>=!~;@]|$)", re.IGNORECASE)


def required_range(requirements: Iterable[str]) -> str:
    """Return the range of Flowra that `Requires-Dist` lines state, as in `<0.2,>=0.1`; empty if they state none.

    Lines whose environment marker does not hold here, or that belong to an extra, don't count.

    Raises:
        packaging.requirements.InvalidRequirement: If a line that names Flowra can't be read.
    """
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    stated = SpecifierSet()
    for line in requirements:
        if not _NAMES_FLOWRA.match(line):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            stated &= requirement.specifier
    return str(stated)


def fits(stated: str, version: str) -> bool:
    """Return whether `version` of Flowra, a pre-release or not, lies in the `stated` range."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(stated).contains(version, prereleases=True)
