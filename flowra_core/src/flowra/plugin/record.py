"""What discovery knows of a pack, apart from settings and other packs: the rows of the index."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from flowra.plugin.packs import PackProblem

__all__ = ["MANIFEST_NAME", "FileStamp", "PackRecord", "State", "stamp", "stamp_sources"]

#: The file, in a pack's top-level import package, that describes the pack.
MANIFEST_NAME = "flowra-manifest.json"

#: found: its metadata is read, its contributions are not; ok: both are read; unreadable: its metadata is off; broken:
#: its manifest or entry module is off; incompatible: made for other versions of Flowra.
State = Literal["found", "ok", "unreadable", "broken", "incompatible"]

#: A file as it was: path, modification time and change time in nanoseconds, size. The times are -1 for no file.
#: The change time catches what sets the modification time back.
FileStamp = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class PackRecord:
    """A pack as discovery found it.

    Attributes:
        id: The entry point's name.
        distribution: The distribution's name.
        version: The distribution's version.
        module: The entry-point module.
        location: The folder of the pack's code or, where that can't be found, of its metadata.
        package: The folder of its top-level import package; empty if there is none.
        editable: Whether it is installed for development.
        requires_flowra: The range of Flowra it states.
        state: How far it could be read.
        problem: Why it could not be read further.
        contributions: The contributions, by kind, as plain data.
        manifest: The path of the manifest that they come from; empty if the hooks were called.
        python: The Python of the environment that the pack has of its own; empty if it is installed in this one.
        metadata_stamps: The files of the distribution's metadata, as they were.
        code_stamps: The files that the contributions come from, as they were.
    """

    id: str
    distribution: str
    version: str
    module: str
    location: str
    package: str = ""
    editable: bool = False
    requires_flowra: str = ""
    state: State = "found"
    problem: PackProblem | None = None
    contributions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    manifest: str = ""
    python: str = ""
    metadata_stamps: tuple[FileStamp, ...] = ()
    code_stamps: tuple[FileStamp, ...] = ()

    def code_is_as_stamped(self) -> bool:
        """Return whether the files that the contributions come from are as they were."""
        if self.editable and self.package:
            return self.code_stamps == stamp_sources(Path(self.package))
        return all(stamp(path) == (path, *rest) for path, *rest in self.code_stamps)

    def metadata_is_as_stamped(self) -> bool:
        """Return whether the files of the distribution's metadata are as they were."""
        return all(stamp(path) == (path, *rest) for path, *rest in self.metadata_stamps)

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return {**asdict(self), "problem": self.problem.to_json() if self.problem else None}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PackRecord:
        """Make a record from what `to_json` returned and JSON carried."""
        problem = data["problem"]
        return cls(
            **{
                **data,
                "problem": PackProblem(**problem) if problem else None,
                "metadata_stamps": tuple(map(tuple, data["metadata_stamps"])),
                "code_stamps": tuple(map(tuple, data["code_stamps"])),
            }
        )


def stamp(path: str) -> FileStamp:
    """Return a file as it is now."""
    try:
        status = os.stat(path)  # noqa: PTH116 - hundreds of these at each start; Path.stat costs three times as much
    except OSError:
        return (path, -1, -1, -1)
    return (path, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def stamp_sources(package: Path) -> tuple[FileStamp, ...]:
    """Return all `*.py` files of a package as they are now, and its manifest, be there one or not."""
    paths = sorted(str(path) for path in package.rglob("*.py"))
    return tuple(map(stamp, [*paths, str(package / MANIFEST_NAME)]))
