"""Checksums of files, and what a file looks like while nobody touches it."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["Looks", "hashes_of", "looks_of", "matches"]

#: Size, times of contents and attributes (ns), inode, device.
Looks = tuple[int, ...]
_PIECE = 1 << 20


def looks_of(path: Path) -> Looks:
    """Return what a file looks like; raises OSError if it is not there."""
    status = path.stat()
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def hashes_of(path: Path) -> tuple[str, str]:
    """Return a file's checksums, `sha256:…` and `git-sha1:…`, reading it once; raises OSError."""
    plain = hashlib.sha256()
    size = path.stat().st_size
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            plain.update(piece)
            blob.update(piece)
    return f"sha256:{plain.hexdigest()}", f"git-sha1:{blob.hexdigest()}"


def matches(checksum: str, hashes: tuple[str, str]) -> bool:
    """Tell whether a checksum is one of those that `hashes_of` gave."""
    return checksum.lower() in hashes
