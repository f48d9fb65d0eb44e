"""The manifest of a model: which files a pinned revision has, and which of them are here, with what they look like."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from flowra.exceptions import ModelNotFoundError
from flowra.model.checksum import Looks, looks_of
from flowra.model.hub import RemoteFile, Snapshot
from flowra.plugin.nearest import nearest_name
from flowra.type.model_reference import ModelReference, is_pattern

__all__ = ["FORMAT", "LocalFile", "Manifest", "digest_of_files", "selected"]

FORMAT = "flowra-model/1"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was fetched.

    Attributes:
        sha256: Of its contents, in hex.
        looks: Size, times, inode and device, as they were when it was hashed; while they stay, so do the contents.
    """

    sha256: str
    looks: Looks


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pinned revision is made of.

    Attributes:
        hub: The hub's name.
        snapshot: The model, its revision and all its files.
        here: Those that were fetched, by path.
    """

    hub: str
    snapshot: Snapshot
    here: dict[str, LocalFile] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of the files that are here."""
        return sum(file.size for file in self.snapshot.files if file.path in self.here)

    def missing(self, files: Iterable[RemoteFile]) -> list[RemoteFile]:
        """Return those of the files that are not here."""
        return [file for file in files if file.path not in self.here]

    def with_files(self, files: dict[str, LocalFile]) -> Manifest:
        """Return a manifest with more files here, or with others in place of what they were."""
        return replace(self, here={**self.here, **files})

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "format": FORMAT,
            "hub": self.hub,
            "model": self.snapshot.model,
            "revision": self.snapshot.revision,
            "pinned": self.snapshot.pinned,
            "moving": self.snapshot.moving,
            "files": [
                {
                    "path": file.path,
                    "size": file.size,
                    "checksum": file.checksum,
                    **({"sha256": here.sha256, "looks": list(here.looks)} if here is not None else {}),
                }
                for file in self.snapshot.files
                for here in [self.here.get(file.path)]
            ],
        }

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """Return the manifest that `to_json` wrote; raises ValueError for anything else."""
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"it has the format {data['format']!r}, and this Flowra reads {FORMAT}")
            files = tuple(
                RemoteFile(str(each["path"]), int(each["size"]), str(each["checksum"])) for each in data["files"]
            )
            snapshot = Snapshot(data["model"], data["revision"], data["pinned"], bool(data["moving"]), files)
            here = {
                each["path"]: LocalFile(str(each["sha256"]), tuple(map(int, each["looks"])))
                for each in data["files"]
                if "sha256" in each
            }
            return cls(str(data["hub"]), snapshot, here)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no manifest of a model: {type(error).__name__}: {error}") from error


def selected(reference: ModelReference, snapshot: Snapshot) -> tuple[RemoteFile, ...]:
    """Return the files that a reference means, in the order of their paths.

    Raises:
        ModelNotFoundError: A file is not there, or a pattern means none; it names the nearest.
    """
    by_path = {file.path: file for file in snapshot.files}
    if not reference.files:
        return tuple(by_path[path] for path in sorted(by_path))
    found: set[str] = set()
    for wanted in reference.files:
        if not is_pattern(wanted):
            matching = [wanted] if wanted in by_path else []
        else:
            pattern = f"{wanted}*" if wanted.endswith("/") else wanted
            matching = [path for path in by_path if fnmatchcase(path, pattern)]
        if not matching:
            raise _no_file(reference, wanted, by_path)
        found.update(matching)
    return tuple(by_path[path] for path in sorted(found))


def digest_of_files(files: Sequence[RemoteFile]) -> bytes:
    """Return the digest of files of a model by what its hub says of them: 32 bytes.

    It is known before anything is downloaded, and does not depend on where the model lies.
    """
    hashing = sha256(FORMAT.encode())
    for file in files:
        name = os.fsencode(file.path)
        hashing.update(
            len(name).to_bytes(4, "big") + name + file.size.to_bytes(8, "big") + file.checksum.encode() + b"\0"
        )
    return hashing.digest()


def looks_the_same(file: LocalFile, path: Path) -> bool:
    """Tell whether a file looks as it did when it was hashed; raises OSError if it is not there."""
    return looks_of(path) == file.looks


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None if there is none, or if it can't be understood: then it is made anew."""
    try:
        return Manifest.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _no_file(reference: ModelReference, wanted: str, known: dict[str, RemoteFile]) -> ModelNotFoundError:
    near = nearest_name(wanted, known)
    listed = ", ".join(sorted(known)[:12]) + (f", … ({len(known)} files)" if len(known) > 12 else "")
    what = "has no file that matches" if is_pattern(wanted) else "has no file"
    return ModelNotFoundError(
        f"the model {reference.model} {what} {wanted}",
        where=str(reference),
        why=f"it has {listed}" if known else "it has no files",
        fix=f"did you mean {near}?" if near else "name one of its files",
    )
