"""The installed versions of the libraries that a node declares."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["installed_versions"]


def installed_versions(libraries: Iterable[str], site: Path | None = None) -> dict[str, str | None]:
    """Return the version of each distribution, None for one that is not installed.

    Args:
        libraries: Names of distributions.
        site: The `site-packages` of another environment; this one's search path if None.
    """
    from importlib.metadata import Distribution, PackageNotFoundError, version

    versions: dict[str, str | None] = {}
    for library in sorted(set(libraries)):
        if site is not None:
            found = next(iter(Distribution.discover(name=library, path=[str(site)])), None)
            versions[library] = found.version if found is not None else None
            continue
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = None
    return versions
