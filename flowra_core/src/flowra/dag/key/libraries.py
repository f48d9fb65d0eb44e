"""The installed versions of the libraries that a node declares."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["installed_versions"]


def installed_versions(libraries: Iterable[str]) -> dict[str, str | None]:
    """Return the version of each distribution, None for one that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    versions: dict[str, str | None] = {}
    for library in sorted(set(libraries)):
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = None
    return versions
