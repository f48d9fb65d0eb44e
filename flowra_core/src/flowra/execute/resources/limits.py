"""The processors and the memory that this process may use: the machine's, within its control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["usable_cores", "usable_memory"]

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
#: Version 1 writes a number near 2**63 where there is no limit.
_NO_LIMIT = 2**60


def usable_cores(groups: Path = _GROUPS, own: Path = _OWN_GROUP) -> float:
    """Return how many processors this process may use; a fraction where its control group gets part of one's time.

    Args:
        groups: Where the control groups are mounted.
        own: The file that says in which groups this process is.
    """
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    for folder in _folders(groups, own, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            cores = min(cores, int(quota) / int(period))
    return cores


def usable_memory(groups: Path = _GROUPS, own: Path = _OWN_GROUP) -> int | None:
    """Return the bytes of memory that this process may use; None where the system doesn't say.

    Args:
        groups: Where the control groups are mounted.
        own: The file that says in which groups this process is.
    """
    try:
        found: int | None = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        found = None
    for folder in _folders(groups, own, "memory"):
        limit = _text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")
        if limit.isdecimal() and int(limit) < _NO_LIMIT:
            found = min(int(limit), found if found is not None else int(limit))
    return found


def _folders(groups: Path, own: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that bound this process: its own, and all that this one lies in."""
    for line in _text(own).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root = groups
        elif controller in controllers.split(","):
            root = groups / controller
        else:
            continue
        folder = root / path.strip("/")
        while True:
            yield folder
            if folder == root:
                break
            folder = folder.parent


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
