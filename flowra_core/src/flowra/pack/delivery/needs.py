"""What a pack depends on: all of it as it is installed here, and what of that a worker lacks."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from flowra.pack.building.platforms import this_platform
from flowra.plugin.names import canonical_name

__all__ = ["lacking", "needs_of", "survey", "unmet"]


def needs_of(found: Distribution) -> list[list[Any]]:
    """Return all that a distribution depends on here, as plain data: name, version, and ranges that others state.

    Flowra itself is left out: workers have the same one. So is what is not installed here either.
    """
    versions: dict[str, str] = {}
    ranges: dict[str, set[str]] = {}
    waiting = [(found, frozenset[str]())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        holder, extras = waiting.pop()
        for requirement in _required(holder.requires or (), extras):
            name = canonical_name(requirement.name)
            if name == "flowra":
                continue
            try:
                needed = distribution(name)
            except PackageNotFoundError:
                continue
            versions[name] = needed.version
            ranges.setdefault(name, set()).add(str(requirement.specifier))
            state = (name, frozenset(requirement.extras))
            if state not in seen:
                seen.add(state)
                waiting.append((needed, frozenset(requirement.extras)))
    return [[name, version, sorted(filter(None, ranges[name]))] for name, version in sorted(versions.items())]


def lacking(needs: Iterable[Sequence[Any]]) -> tuple[list[str], list[str]]:
    """Return the names of what is not installed in this process, and what is in a version that does not do, in words.

    Args:
        needs: As `needs_of` gave them.
    """
    from packaging.specifiers import SpecifierSet

    missing, unfit = [], []
    for name, _, ranges in needs:
        try:
            version = distribution(name).version
        except PackageNotFoundError:
            missing.append(name)
            continue
        stated = ",".join(ranges)
        if not SpecifierSet(stated).contains(version, prereleases=True):
            unfit.append(f"{name} {stated} is needed, and it has {version}")
    return missing, unfit


async def survey(needs: list[list[Any]]) -> dict[str, Any]:
    """Return what this worker is, and what of some needs it lacks."""
    missing, unfit = lacking(needs)
    return {
        "platform": this_platform(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "missing": missing,
        "unfit": unfit,
    }


def unmet(folder: Path) -> list[str]:
    """Return what the distributions in a folder need, and neither it nor this process has, in words."""
    own = {canonical_name(each.metadata["Name"]): each for each in distributions(path=[str(folder)])}
    found = []
    for holder in own.values():
        for requirement in _required(holder.requires or (), frozenset()):
            there = own.get(canonical_name(requirement.name))
            try:
                version = (there or distribution(requirement.name)).version
            except PackageNotFoundError:
                found.append(f"{holder.metadata['Name']} needs {requirement.name}, which it has not")
                continue
            if not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{holder.metadata['Name']} needs {requirement}, and it has {version}")
    return found


def _required(lines: Iterable[str], extras: frozenset[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # it was installed with it all the same
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield requirement
