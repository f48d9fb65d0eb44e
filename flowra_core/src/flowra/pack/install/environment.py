"""The environment that this Flowra runs in: what is installed, where, and what needs what."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = [
    "Change", "broken_requirements", "check_writable", "claimed_files", "files_of", "installed_versions", "roots",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one distribution.

    Attributes:
        name: Its canonical name.
        before: The version that is installed; empty for none.
        after: The version that will be; empty for none.
    """

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.name} {self.after}"
        if self.before == self.after:
            return f"~ {self.name} {self.after}, installed again"
        return f"~ {self.name} {self.before} → {self.after}" if self.after else f"- {self.name} {self.before}"


def roots() -> list[Path]:
    """Return the folders that installing writes into, none inside another."""
    paths = sysconfig.get_paths()
    data = Path(paths["data"])
    wanted = [Path(paths[name]) for name in ("purelib", "platlib", "scripts")]
    wanted += [data / name for name in ("share", "etc", "include")]
    unique = list(dict.fromkeys(path.resolve() for path in wanted))
    return [path for path in unique if not any(other in path.parents for other in unique)]


def check_writable() -> None:
    """Raise UsageError where this environment can't be written."""
    folder = Path(sysconfig.get_paths()["purelib"])
    if not os.access(folder, os.W_OK):
        raise UsageError(
            "this environment can't be written",
            where=str(folder),
            why="the folder is not yours, or read-only",
            fix=f"make an environment of your own: {Path(sys.executable).name} -m venv .venv, and install Flowra there",
        )


def installed_versions() -> dict[str, str]:
    """Return the versions of all installed distributions by canonical name; the first on the path counts."""
    found: dict[str, str] = {}
    for distribution in _distributions():
        name = _name(distribution)
        if name:
            found.setdefault(name, distribution.version)
    return found


def broken_requirements(changes: Iterable[Change]) -> list[str]:
    """Return, in words, what installed distributions need and would no longer have after some changes."""
    by_name = {change.name: change for change in changes}
    found = []
    seen = set()
    for distribution in _distributions():
        name = _name(distribution)
        if not name or name in seen or name in by_name:
            continue
        seen.add(name)
        for requirement in _requirements(distribution):
            change = by_name.get(_canonical(requirement.name))
            if change is None or not change.before or not _fits(requirement, change.before):
                continue  # not concerned, or broken already
            if not change.after:
                found.append(f"{name} {distribution.version} needs {requirement.name}{requirement.specifier}")
            elif not _fits(requirement, change.after):
                needs = f"{requirement.name}{requirement.specifier}"
                found.append(f"{name} {distribution.version} needs {needs}, and would get {change.after}")
    return sorted(found)


def files_of(names: Iterable[str]) -> dict[str, list[Path]]:
    """Return the files of installed distributions, by canonical name, as their records list them."""
    wanted = set(names)
    return {name: files for name, files in _all_files() if name in wanted}


def claimed_files(but: Iterable[str]) -> set[Path]:
    """Return the files of all installed distributions but some."""
    left_out = set(but)
    return {path for name, files in _all_files() if name not in left_out for path in files}


def _all_files() -> Iterator[tuple[str, list[Path]]]:
    for distribution in _distributions():
        name = _name(distribution)
        if name:
            # Not resolved: a record may name a link, and the link is what was installed.
            yield name, [Path(os.path.normpath(str(file.locate()))) for file in distribution.files or ()]


def _distributions() -> Iterator[Any]:
    import importlib_metadata

    # The file finder remembers folders; an installer that ran since has changed them.
    importlib_metadata.MetadataPathFinder.invalidate_caches()
    folders = [str(path) for path in roots()]
    yield from importlib_metadata.distributions(path=list(dict.fromkeys([*folders, *sys.path])))


def _name(distribution: Any) -> str:
    try:
        return _canonical(distribution.metadata["Name"] or "")
    except Exception:  # noqa: BLE001  what can't be read is no distribution that anything is known of
        return ""


def _requirements(distribution: Any) -> Iterator[Requirement]:
    from packaging.requirements import InvalidRequirement, Requirement

    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        environment: Mapping[str, str] = {"extra": ""}
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            yield requirement


def _fits(requirement: Requirement, version: str) -> bool:
    from packaging.version import InvalidVersion

    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return True  # not known before it is built; it is looked at again once it is there


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
