"""When a file may be taken to be what it was."""

from __future__ import annotations

import os
import time

__all__ = ["Stamp", "is_settled", "stamp_of"]

#: Device, inode, size, and the times of the last change of contents and of metadata in nanoseconds. Whoever sets the
#: first time back changes the second.
Stamp = tuple[int, int, int, int, int]
#: A file that changes twice within a tick of the file system's clock has one stamp for both contents.
_RACY_NS = 2_000_000_000


def stamp_of(stat: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def is_settled(stamp: Stamp) -> bool:
    """Tell whether a later change will show in the stamp: a stamp that is young, or from the future, may lie."""
    return max(stamp[3], stamp[4]) < time.time_ns() - _RACY_NS
