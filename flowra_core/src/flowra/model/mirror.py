"""A folder that stands in for hubs: for tests, for examples, and for machines without a network.

`{mirror}/{org}/{name}@{revision}/` holds the files of one revision, `{mirror}/{org}/{name}/` those of every revision
that has no folder of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from flowra.exceptions import ModelNotFoundError, ModelUnavailableError
from flowra.model.checksum import hashes_of
from flowra.model.hub import ModelHub, RemoteFile, Snapshot, Watch
from flowra.model.manifest import digest_of_files

__all__ = ["MirrorHub"]


class MirrorHub(ModelHub):
    """The folder that the setting `model_mirror` names; `endpoint` is that folder."""

    local: ClassVar[bool] = True

    @classmethod
    def own_cache(cls) -> Path:
        """Not asked for: a mirror's cache lies where the settings say."""
        raise NotImplementedError

    def has(self, model: str) -> bool:
        """Tell whether the folder has a model."""
        root = Path(self.endpoint)
        return root.joinpath(model).is_dir() or any(self._own_folders(model))

    def snapshot(self, model: str, revision: str) -> Snapshot:
        """Read the files of a revision; it is pinned to a digest of them, since a folder may change."""
        # What was pinned is asked for by its pinned name.
        named = revision.partition("+")[0]
        folder = self._source(model, named)
        if folder is None:
            own = ", ".join(sorted(path.name.partition("@")[2] for path in self._own_folders(model)))
            raise ModelNotFoundError(
                f"the model {model} has no revision {named}",
                where=self.endpoint,
                why=f"the mirror has {own}" if own else "the mirror has no such model",
                fix="name one of those" if own else "put its files there, or leave out model_mirror",
            )
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = tuple(
            RemoteFile(path.relative_to(folder).as_posix(), path.stat().st_size, hashes_of(path)[0]) for path in paths
        )
        return Snapshot(model, revision, f"{named}+{digest_of_files(files).hex()[:12]}", True, files)

    def folder(self, model: str, pinned: str) -> Path:
        """Return where the copies of the files lie."""
        return self.cache / "models" / model.replace("/", "--") / "snapshots" / pinned.replace("/", "--")

    def download(self, snapshot: Snapshot, files: Sequence[RemoteFile], watch: Watch) -> None:
        """Copy the files."""
        source = self._source(snapshot.model, snapshot.revision.partition("+")[0])
        target = self.folder(snapshot.model, snapshot.pinned)
        for file in files:
            path = target / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if source is None or not source.joinpath(file.path).is_file():
                raise ModelNotFoundError(
                    f"{file.path} of the model {snapshot.model} is gone", where=self.endpoint, fix="try again"
                )
            shutil.copyfile(source / file.path, path)
            watch.advance(file.size)

    def check(self) -> None:
        """Look whether the folder is there."""
        if not Path(self.endpoint).is_dir():
            raise ModelUnavailableError(
                "the mirror is not there", where=self.endpoint, fix="make it, or unset model_mirror"
            )

    def _source(self, model: str, revision: str) -> Path | None:
        root = Path(self.endpoint)
        own = root / f"{model}@{revision}"
        if "/" not in revision and own.is_dir():
            return own
        shared = root / model
        return shared if shared.is_dir() else None

    def _own_folders(self, model: str) -> list[Path]:
        folder = Path(self.endpoint).joinpath(model).parent
        return list(folder.glob(f"{Path(model).name}@*")) if folder.is_dir() else []
