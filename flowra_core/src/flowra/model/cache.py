"""What Flowra notes beside the models in a hub's cache folder: manifests, what revisions mean, locks.

```
{cache}/.flowra/{org}--{name}/revisions.json     what each revision that was asked for is pinned to
                              {pinned}.json      the manifest
                              {pinned}.lock      held by whoever fetches or removes files
                              {pinned}.use       shared by the processes that use them; its time says when that began
                              {pinned}.keep      it is never removed to make room
                              {pinned}.progress  how far a download is, for those who wait for it
```

Where the models themselves lie is the hub's own layout: what its client downloaded is found, and the other way round.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowra.exceptions import ModelError
from flowra.model.hub import Snapshot
from flowra.model.manifest import Manifest, read_manifest

__all__ = ["HubCache"]

_FOLDER = ".flowra"
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN})

#: The models that this process uses, by the file that says so: nobody removes them while it lives, since nodes keep
#: paths for as long as they like.
_used: dict[Path, int] = {}


class HubCache:
    """What is noted of a hub's models.

    Args:
        hub: The hub's name.
        root: The folder that its client keeps models in.
    """

    def __init__(self, hub: str, root: Path) -> None:
        self.hub = hub
        self.root = root

    def manifest(self, model: str, pinned: str) -> Manifest | None:
        """Return the manifest of a pinned revision; None where there is none."""
        return read_manifest(self._path(model, pinned, "json"))

    def manifests(self) -> Iterator[Manifest]:
        """Yield every manifest."""
        for path in sorted(self.root.joinpath(_FOLDER).glob("*/*.json")):
            if path.name != "revisions.json" and (found := read_manifest(path)) is not None:
                yield found

    def write(self, manifest: Manifest) -> None:
        """Write a manifest; raises ModelError where that can't be."""
        self._write(self._path(manifest.snapshot.model, manifest.snapshot.pinned, "json"), manifest.to_json())

    def pinned(self, model: str, revision: str) -> tuple[str, bool] | None:
        """Return what a revision is pinned to, and whether it may mean other files some day; None if nobody asked."""
        try:
            known = json.loads(self._revisions(model).read_text(encoding="utf-8"))
            found = known[revision]
            return str(found["pinned"]), bool(found["moving"])
        except (OSError, ValueError, KeyError, TypeError):
            if (same := self.manifest(model, revision)) is not None:
                return same.snapshot.pinned, False
            return None

    def note(self, snapshot: Snapshot) -> None:
        """Note what a revision is pinned to."""
        path = self._revisions(snapshot.model)
        known: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
        entry = {"pinned": snapshot.pinned, "moving": snapshot.moving}
        if known.get(snapshot.revision) != entry:
            self._write(path, {**known, snapshot.revision: entry})

    def revisions(self, model: str) -> list[str]:
        """Return the revisions of a model that are known here."""
        try:
            return sorted(json.loads(self._revisions(model).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return []

    def progress_file(self, model: str, pinned: str) -> Path:
        """Return the file that says how far a download is."""
        return self._path(model, pinned, "progress")

    @contextmanager
    def exclusive(self, model: str, pinned: str, wait: Callable[[Callable[[], bool]], None]) -> Iterator[None]:
        """Hold the right to fetch or remove the files of a pinned revision.

        Args:
            model: The model.
            pinned: The revision.
            wait: Given what takes the lock if it is free, and told so by True; it comes back once that did.

        Raises:
            ModelError: The folder can't be written to.
        """
        path = self._path(model, pinned, "lock")
        descriptor = self._open(path)
        try:
            wait(lambda: _take(descriptor, fcntl.LOCK_EX))
            yield
        finally:
            os.close(descriptor)

    def use(self, model: str, pinned: str) -> None:
        """Note that this process uses a model, for as long as it lives."""
        path = self._path(model, pinned, "use")
        with suppress(ModelError, OSError):  # a folder that can only be read has nobody who removes anything
            if path not in _used:
                descriptor = self._open(path)
                if _take(descriptor, fcntl.LOCK_SH):
                    _used[path] = descriptor
                else:
                    os.close(descriptor)
            os.utime(path)

    def last_used(self, model: str, pinned: str) -> float:
        """Return when a model was used last, in seconds since 1970; 0 if never."""
        try:
            return self._path(model, pinned, "use").stat().st_mtime
        except OSError:
            return 0.0

    @contextmanager
    def unused(self, model: str, pinned: str) -> Iterator[bool]:
        """Tell whether no process uses a model or fetches it, and let none begin to while the block runs."""
        descriptors = [self._open(self._path(model, pinned, kind)) for kind in ("lock", "use")]
        try:
            yield all(_take(descriptor, fcntl.LOCK_EX) for descriptor in descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def is_kept(self, model: str, pinned: str) -> bool:
        """Tell whether a model is never removed to make room."""
        return self._path(model, pinned, "keep").exists()

    def keep(self, model: str, pinned: str, *, keep: bool) -> None:
        """Say whether a model is never to be removed to make room."""
        path = self._path(model, pinned, "keep")
        if keep:
            os.close(self._open(path))
        else:
            path.unlink(missing_ok=True)

    def _revisions(self, model: str) -> Path:
        return self.root / _FOLDER / model.replace("/", "--") / "revisions.json"

    def _path(self, model: str, pinned: str, kind: str) -> Path:
        return self.root / _FOLDER / model.replace("/", "--") / f"{quote(pinned, safe='+')}.{kind}"

    def _open(self, path: Path) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _write(self, path: Path, data: Any) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(data, file, ensure_ascii=False)
                Path(temporary).chmod(0o644)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _unwritable(path, error) from error


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _unwritable(path: Path, error: OSError) -> ModelError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return ModelError(
        "the folder of models is full" if full else "the folder of models can't be written to",
        where=str(path.parent),
        why=error.strerror or str(error),
        fix="make room, or remove models: flowra model rm" if full else "give another: FLOWRA_MODEL_DIR=FOLDER",
    )
