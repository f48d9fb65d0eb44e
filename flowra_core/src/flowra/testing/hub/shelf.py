"""The models that a fake hub has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ShelvedModel", "contents_of", "git_id", "sha256_of"]


@dataclass
class ShelvedModel:
    """A model.

    Attributes:
        revisions: The files of each revision: bytes by path.
        branches: Which of the revisions are branches; the others are tags.
    """

    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: set[str] = field(default_factory=set)

    def commit(self, revision: str) -> str:
        """Return the id of the commit that a revision means: 40 hex digits that depend on its files alone."""
        listed = [f"{path}:{sha256_of(data)}" for path, data in sorted(self.revisions[revision].items())]
        return hashlib.sha1("\n".join(listed).encode(), usedforsecurity=False).hexdigest()

    def find(self, revision: str) -> dict[str, bytes] | None:
        """Return the files of a revision or commit; None if there is none."""
        if revision in self.revisions:
            return self.revisions[revision]
        return next((files for each, files in self.revisions.items() if self.commit(each) == revision), None)


def contents_of(source: str | Path | Mapping[str, bytes | str | Path]) -> dict[str, bytes]:
    """Return files as bytes by path: of a folder, of one file, or as a mapping gives them."""
    if isinstance(source, Mapping):
        return {path: _bytes_of(data) for path, data in source.items()}
    root = Path(source)
    if root.is_file():
        return {root.name: root.read_bytes()}
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def _bytes_of(data: bytes | str | Path) -> bytes:
    if isinstance(data, Path):
        return data.read_bytes()
    return data.encode() if isinstance(data, str) else data


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def git_id(data: bytes) -> str:
    """Return the id that git gives a blob, in hex."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
