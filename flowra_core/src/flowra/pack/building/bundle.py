"""Fetches the wheels of dependencies that go into an archive, unmodified."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from flowra.exceptions import PluginError
from flowra.pack.building.lock import LockedFile, LockedPackage
from flowra.pack.building.platforms import Platform

__all__ = ["fetch_wheels"]

_SECONDS = 60


def fetch_wheels(
    packages: Iterable[LockedPackage], platforms: Iterable[Platform], cache: Path, told: Callable[[str], None]
) -> dict[str, Path]:
    """Return the wheels that the platforms need, by file name; each was compared with its digest in the lock.

    Args:
        packages: The lock.
        platforms: The systems.
        cache: A folder where wheels are kept by their digest, for the next build.
        told: Is told the name of each wheel.

    Raises:
        PluginError: A package has no wheel for a system, or a wheel can't be fetched or is another.
    """
    chosen: dict[str, LockedFile] = {}
    packages = list(packages)
    for platform in platforms:
        for package in packages:
            if not platform.needs(package):
                continue
            wheel = platform.best(package.wheels)
            if wheel is None:
                raise PluginError(
                    f"{package.name} {package.version} can't be bundled for {platform.name}",
                    why="it has no wheel for that system and this Python",
                    fix=f"build without --bundle-deps={platform.name}, or depend on a version that has one",
                )
            chosen[wheel.name] = wheel
    found = {}
    for name, wheel in sorted(chosen.items()):
        told(name)
        found[name] = _fetched(wheel, cache)
    return found


def _fetched(wheel: LockedFile, cache: Path) -> Path:
    kept = cache / wheel.sha256
    if kept.is_file() and _digest(kept) == wheel.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        if urlsplit(wheel.source).scheme in ("http", "https"):
            _download(wheel.source, temporary)
        else:
            shutil.copyfile(wheel.source, temporary)
        if _digest(temporary) != wheel.sha256:
            raise PluginError(
                f"{wheel.name} is not the file that was locked", why="its digest differs", fix="try again"
            )
        temporary.replace(kept)
    except (OSError, ValueError) as error:
        raise PluginError(
            f"{wheel.name} can't be fetched", why=str(error), fix="is there a network? then try again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return kept


def _download(address: str, target: Path) -> None:
    from urllib.request import urlopen

    with urlopen(address, timeout=_SECONDS) as answer, target.open("wb") as file:  # noqa: S310  http and https only
        shutil.copyfileobj(answer, file)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
