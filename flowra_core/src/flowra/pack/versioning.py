"""The version of a pack, where it is written."""

from __future__ import annotations

import re
from pathlib import Path

from flowra.exceptions import UsageError
from flowra.pack.edit.changes import Changes
from flowra.pack.edit.dependency import with_version
from flowra.pack.project import PackProject

__all__ = ["next_version", "set_version"]

_PARTS = ("major", "minor", "patch")


def next_version(current: str, wanted: str) -> str:
    """Return the version that `wanted` means: a version, or `major`, `minor` or `patch` for the next one of it.

    Raises:
        UsageError: It is no version, or the current one has no such parts.
    """
    from packaging.version import InvalidVersion, Version

    if wanted not in _PARTS:
        try:
            return str(Version(wanted))
        except InvalidVersion:
            raise UsageError(
                f"{wanted!r} is no version", fix="write one like 1.2.0, or major, minor or patch"
            ) from None
    try:
        version = Version(current)
    except InvalidVersion:
        raise UsageError(f"there is no next {wanted} version of {current!r}", why="it is no version") from None
    at = _PARTS.index(wanted)
    parts = [*version.release, 0, 0, 0][:3]
    # The release of a pre-release comes after it: 1.2.0rc1 becomes 1.2.0 as a patch.
    if version.is_prerelease and not any(parts[at + 1 :]):
        return ".".join(map(str, parts))
    return ".".join(map(str, [*parts[:at], parts[at] + 1, *[0] * (2 - at)]))


def set_version(project: PackProject, version: str) -> list[str]:
    """Write a version into `pyproject.toml`, and into the package's `__version__` where it has one.

    Returns:
        The files that were changed.

    Raises:
        UsageError: The version is not written there, or a file can't be written. Nothing is changed then.
    """
    changes = Changes(project.root)
    path = project.root / "pyproject.toml"
    changes.write("pyproject.toml", with_version(path.read_text(encoding="utf-8"), version, str(path)))
    package = Path(project.package_dir, "__init__.py")
    if package.is_file():
        text = package.read_text(encoding="utf-8")
        edited = re.sub(
            r"""^(__version__\s*=\s*["'])[^"']*(["'])""", rf"\g<1>{version}\g<2>", text, count=1, flags=re.MULTILINE
        )
        changes.write(package.relative_to(project.root).as_posix(), edited)
    names = changes.names()
    changes.apply()
    return names
