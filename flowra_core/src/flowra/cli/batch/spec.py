"""What a command line asks of a batch, as data: the journal keeps it, so that `--resume` asks the same again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flowra.exceptions import UsageError

__all__ = ["STDIN", "BatchSpec"]

#: `--batch-file -`.
STDIN = "-"


@dataclass(frozen=True)
class BatchSpec:
    """What a batch is made of.

    Attributes:
        patterns: `--batch`: patterns of files, each of which is an item.
        input: `--batch-input`: the input of the graph that they are given to.
        file: `--batch-file`: a file with an item in each line.
        matrix: `--matrix`: `PLACE=VALUE,…`.
        zipped: `--zip`: several of those, apart by blanks.
        best: `--best`.
    """

    patterns: tuple[str, ...] = ()
    input: str = ""
    file: str = ""
    matrix: tuple[str, ...] = ()
    zipped: tuple[str, ...] = ()
    best: str = ""

    def __bool__(self) -> bool:
        """Tell whether a batch is asked for at all."""
        return bool(self.patterns or self.file or self.matrix or self.zipped)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with the working directory: names of files start there."""
        return {**asdict(self), "folder": str(Path.cwd())}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BatchSpec:
        """Return what `to_json` wrote, with names of files as they are to be written here.

        Raises:
            UsageError: Its items came from standard input, and are not there any more.
        """
        spec = cls(
            tuple(data.get("patterns", ())),
            str(data.get("input", "")),
            str(data.get("file", "")),
            tuple(data.get("matrix", ())),
            tuple(data.get("zipped", ())),
            str(data.get("best", "")),
        )
        if spec.file == STDIN:
            raise UsageError(
                "the items of this run came from standard input, and are not kept",
                fix="give them again: flowra run --resume RUN --batch-file -",
            )
        folder = Path(str(data.get("folder", ".")))
        if folder == Path.cwd():
            return spec
        return replace(
            spec,
            patterns=tuple(os.path.join(folder, pattern) for pattern in spec.patterns),  # noqa: PTH118  keeps wildcards
            file=str(folder / spec.file) if spec.file else "",
        )
