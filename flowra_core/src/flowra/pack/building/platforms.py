"""Systems that dependencies are bundled for: their names, and which wheels work on them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowra.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.tags import Tag

    from flowra.pack.building.lock import LockedFile, LockedPackage

__all__ = ["PLATFORMS", "Platform", "chosen_platforms", "this_platform"]

#: The oldest macOS and glibc that wheels are taken for.
_MACOS = (14, 0)
_GLIBC = range(28, 4, -1)
_ARM = {"aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """A system.

    Attributes:
        name: As `linux-x86_64`.
        markers: What environment markers see there.
    """

    name: str
    markers: dict[str, str]

    def needs(self, package: LockedPackage) -> bool:
        """Return whether a package of a lock is needed there."""
        from packaging.markers import Marker

        return not package.marker or Marker(package.marker).evaluate(dict(self.markers))

    def best(self, wheels: Sequence[LockedFile]) -> LockedFile | None:
        """Return the wheel that pip would take there, or None."""
        from packaging.utils import parse_wheel_filename

        order = {tag: number for number, tag in enumerate(dict.fromkeys(self._tags()))}
        ranked = [
            (min((order[tag] for tag in parse_wheel_filename(wheel.name)[3] if tag in order), default=None), wheel)
            for wheel in wheels
        ]
        fitting = [(rank, wheel.name, wheel) for rank, wheel in ranked if rank is not None]
        return min(fitting)[2] if fitting else None

    def _tags(self) -> list[Tag]:
        from packaging import tags

        system, _, machine = self.name.partition("-")
        if system == "linux":
            platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC]
            platforms.insert(_GLIBC.index(16), f"manylinux2014_{machine}")
        elif system == "macos":
            platforms = list(tags.mac_platforms(_MACOS, machine))
        else:
            platforms = ["win_amd64"]
        version = sys.version_info[:2]
        interpreter = f"cp{version[0]}{version[1]}"
        found = [
            *tags.cpython_tags(version, platforms=platforms),
            *tags.compatible_tags(version, interpreter, platforms),
        ]
        # Wheels for this very machine come last: older ones of the same system could not use them.
        return [*found, *tags.sys_tags()] if self.name == this_platform() else found


def _platform(system: str, machine: str, sys_platform: str, os_name: str, title: str) -> Platform:
    markers = {
        "sys_platform": sys_platform,
        "os_name": os_name,
        "platform_system": title,
        "platform_machine": machine,
        "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "python_full_version": platform.python_version(),
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return Platform(f"{system}-{'x86_64' if machine == 'AMD64' else machine}", markers)


#: The systems that dependencies can be bundled for, by name.
PLATFORMS = {
    each.name: each
    for each in (
        _platform("linux", "x86_64", "linux", "posix", "Linux"),
        _platform("linux", "aarch64", "linux", "posix", "Linux"),
        _platform("macos", "arm64", "darwin", "posix", "Darwin"),
        _platform("macos", "x86_64", "darwin", "posix", "Darwin"),
        _platform("windows", "x86_64", "win32", "nt", "Windows"),
    )
}


def this_platform() -> str:
    """Return the name of the system that this runs on, as `linux-x86_64`; it need not be one of `PLATFORMS`."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower().replace("amd64", "x86_64")
    return f"{system}-{_ARM.get(machine, machine) if system == 'macos' else machine}"


def chosen_platforms(names: Sequence[str]) -> list[Platform]:
    """Return the systems of these names; of none, the one that this runs on.

    Raises:
        UsageError: A name is none of `PLATFORMS`.
    """
    wanted = list(dict.fromkeys(names)) or [this_platform()]
    for name in wanted:
        if name not in PLATFORMS:
            raise UsageError(f"dependencies can't be bundled for {name}", fix=f"the systems are {', '.join(PLATFORMS)}")
    return [PLATFORMS[name] for name in wanted]
