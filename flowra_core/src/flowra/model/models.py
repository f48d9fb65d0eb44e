"""`Models`: gets models, once on a machine, and says what they are for keys and records."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flowra.config.settings import Settings
from flowra.exceptions import (
    ModelDamagedError,
    ModelError,
    ModelOfflineError,
    ModelUnavailableError,
)
from flowra.model.checksum import hashes_of, looks_of, matches
from flowra.model.hub import RemoteFile, Snapshot
from flowra.model.hubs import Hubs, OpenHub
from flowra.model.manifest import LocalFile, Manifest, digest_of_files, selected
from flowra.model.room import make_room
from flowra.model.watch import DownloadStopped, DownloadWatch, Listener, Silent, follow
from flowra.plugin.manager import PluginManager
from flowra.type.model_reference import ModelReference

__all__ = ["ModelIdentity", "Models", "UsedModel"]

#: Seconds before a hub that could not tell what a revision means is asked again.
_ASKED_AGAIN = 5.0


class ModelIdentity(NamedTuple):
    """What a reference means now.

    Attributes:
        pinned: The reference with the hub's own name and the pinned revision.
        digest: The digest of the files that it means, 32 bytes.
    """

    pinned: str
    digest: bytes


class UsedModel(NamedTuple):
    """A model that is here.

    Attributes:
        reference: What was asked for.
        identity: What that means.
        path: The file that the reference names, or the folder.
    """

    reference: str
    identity: ModelIdentity
    path: Path


class Models:
    """Gets models. What a revision means is asked once, so that all of a run works with the same files.

    Any thread may call it.

    Args:
        settings: The settings; those of the process if None.
        manager: The packs; those that are installed if None.
    """

    def __init__(self, settings: Settings | None = None, manager: PluginManager | None = None) -> None:
        self.hubs = Hubs(settings, manager)
        self._snapshots: dict[tuple[str, str, str], Snapshot] = {}
        self._identities: dict[ModelReference, ModelIdentity] = {}
        # What could not be told, and when: thousands of nodes may ask for the same while a hub is away.
        self._untold: dict[tuple[str, str, str], tuple[float, ModelError]] = {}
        self._lock = threading.Lock()

    def identity(self, reference: ModelReference, listener: Listener | None = None) -> ModelIdentity:
        """Return what a reference means now. Nothing is downloaded; the hub is asked unless it is known for good.

        Raises:
            ModelError: It can't be told; see the subclasses.
        """
        found = self._identities.get(reference)
        if found is None:
            hub = self.hubs.of(reference.hub, reference.model)
            snapshot = self._snapshot(hub, reference, listener or Silent())
            found = self._identities[reference] = _identity(hub, reference, snapshot, selected(reference, snapshot))
        return found

    def get(self, reference: ModelReference, listener: Listener | None = None) -> UsedModel:
        """Return a model's path, downloading what is not here yet.

        What is here is looked at first: a file that was touched since it was fetched is read and compared.

        Args:
            reference: The model.
            listener: Who waits for it.

        Raises:
            ModelNotFoundError: There is no such model, revision or file.
            ModelDeniedError: It is private, or the token is wrong.
            ModelUnavailableError: The hub can't be reached, and the files are not here.
            ModelOfflineError: Flowra is offline, and the files are not here.
            ModelDamagedError: The files are not what they should be.
            ModelError: The folder of models can't be written to, or has no room.
        """
        listener = listener or Silent()
        hub = self.hubs.of(reference.hub, reference.model)
        snapshot = self._snapshot(hub, reference, listener)
        files = selected(reference, snapshot)
        manifest = hub.cache.manifest(snapshot.model, snapshot.pinned) or Manifest(hub.cache.hub, snapshot)
        if manifest.missing(files):
            self._refuse_offline(hub, reference, "its files are not here")
            self._fetch(hub, reference, snapshot, files, listener)
        hub.cache.use(snapshot.model, snapshot.pinned)
        self._check(hub, reference, snapshot, files)
        folder = hub.hub.folder(snapshot.model, snapshot.pinned)
        path = folder / files[0].path if reference.single else folder
        return UsedModel(str(reference), _identity(hub, reference, snapshot, files), path)

    def _snapshot(self, hub: OpenHub, reference: ModelReference, listener: Listener) -> Snapshot:
        """Return what a revision means: from what is noted where that is for good, else from the hub."""
        revision = reference.revision or hub.hub.main_branch
        key = (hub.name, reference.model, revision)
        with self._lock:
            found = self._snapshots.get(key)
            if found is None:
                failed_at, error = self._untold.get(key, (0.0, None))
                if error is not None and time.monotonic() < failed_at + _ASKED_AGAIN:
                    raise error.with_traceback(None)
                try:
                    found = self._snapshots[key] = self._resolved(hub, reference, revision, listener)
                except ModelError as failure:
                    self._untold[key] = (time.monotonic(), failure)
                    raise
            return found

    def _resolved(self, hub: OpenHub, reference: ModelReference, revision: str, listener: Listener) -> Snapshot:
        noted = hub.cache.pinned(reference.model, revision)
        known = hub.cache.manifest(reference.model, noted[0]) if noted is not None else None
        if noted is not None and known is not None and (not noted[1] or self._is_offline(hub)):
            return known.snapshot
        others = hub.cache.revisions(reference.model)
        besides = f", but of {', '.join(others)}" if others else ""
        self._refuse_offline(hub, reference, f"nothing is known here of its revision {revision}{besides}")
        try:
            snapshot = hub.hub.snapshot(reference.model, revision)
        except ModelUnavailableError as error:
            if known is None:
                raise
            listener.log(
                f"{error.what}: working with what {revision} of {reference.model} was when it could be reached last, "
                f"{known.snapshot.pinned}",
                "warning",
            )
            return known.snapshot
        if hub.cache.manifest(snapshot.model, snapshot.pinned) is None:
            hub.cache.write(Manifest(hub.cache.hub, snapshot))
        hub.cache.note(snapshot)
        return snapshot

    def _fetch(
        self,
        hub: OpenHub,
        reference: ModelReference,
        snapshot: Snapshot,
        files: Sequence[RemoteFile],
        listener: Listener,
    ) -> None:
        cache, text = hub.cache, f"fetching {snapshot.model}@{snapshot.pinned}"
        shown_at = cache.progress_file(snapshot.model, snapshot.pinned)
        with cache.exclusive(snapshot.model, snapshot.pinned, lambda take: follow(take, shown_at, listener, text)):
            # Another process may have fetched them while this one waited.
            manifest = cache.manifest(snapshot.model, snapshot.pinned) or Manifest(cache.hub, snapshot)
            missing = manifest.missing(files)
            if not missing:
                return
            size = sum(file.size for file in missing)
            make_room(self.hubs, size)
            _check_room(cache.root, size, str(reference))
            watch = DownloadWatch(listener, size, text, shown_at)
            try:
                hub.hub.download(snapshot, missing, watch)
                watch.finish()
            except DownloadStopped:
                pass
            except OSError as error:
                raise ModelError(
                    f"the model {snapshot.model} can't be written",
                    where=str(cache.root),
                    why=f"{type(error).__name__}: {error.strerror or error}",
                    fix="make room, or give another folder: FLOWRA_MODEL_DIR=FOLDER; what came is used next time",
                ) from error
            finally:
                watch.close()
            if watch.stopped is not None:
                raise watch.stopped
            cache.write(manifest.with_files(self._accepted(hub, snapshot, missing)))

    def _accepted(self, hub: OpenHub, snapshot: Snapshot, files: Sequence[RemoteFile]) -> dict[str, LocalFile]:
        """Compare what was downloaded with what the hub lists, and return what is noted of it."""
        folder = hub.hub.folder(snapshot.model, snapshot.pinned)
        found = {}
        for file in files:
            path = folder / file.path
            if not path.is_file():
                raise ModelDamagedError(
                    f"{file.path} of the model {snapshot.model} did not come",
                    where=str(path),
                    why="the hub's client says that it downloaded it",
                    fix="try again",
                )
            looks = looks_of(path)
            hashes = hashes_of(path)
            if looks[0] != file.size or not matches(file.checksum, hashes):
                hub.hub.discard(snapshot.model, snapshot.pinned, [file.path])
                raise ModelDamagedError(
                    f"{file.path} of the model {snapshot.model} is not what its hub lists",
                    where=f"{snapshot.model}@{snapshot.pinned}",
                    why=f"it has {looks[0]:,} bytes and {hashes[0]}; the hub says {file.size:,} and {file.checksum}",
                    fix="try again; if it stays so, the hub or what lies between is broken",
                )
            found[file.path] = LocalFile(hashes[0].removeprefix("sha256:"), looks)
        return found

    def _check(self, hub: OpenHub, reference: ModelReference, snapshot: Snapshot, files: Sequence[RemoteFile]) -> None:
        manifest = hub.cache.manifest(snapshot.model, snapshot.pinned)
        assert manifest is not None, "it was written, or read, just now"
        touched = self.check_files(hub, manifest, [file.path for file in files], full=False)
        if touched:
            raise damaged(hub, manifest, touched, f"flowra model rm {snapshot.model}@{snapshot.pinned}")

    def check_files(self, hub: OpenHub, manifest: Manifest, paths: Sequence[str], *, full: bool) -> dict[str, str]:
        """Compare files with their manifest, and return what is wrong with those that differ, by path.

        Args:
            hub: The hub.
            manifest: The manifest.
            paths: The files.
            full: Whether each is read; without, only those that don't look as they did.
        """
        folder = hub.hub.folder(manifest.snapshot.model, manifest.snapshot.pinned)
        wrong: dict[str, str] = {}
        seen: dict[str, LocalFile] = {}
        for path in paths:
            local = manifest.here[path]
            try:
                looks = looks_of(folder / path)
                if looks == local.looks and not full:
                    continue
                found = hashes_of(folder / path)[0].removeprefix("sha256:")
            except OSError as error:
                wrong[path] = error.strerror or str(error)
                continue
            if found != local.sha256:
                wrong[path] = f"its SHA-256 is {found[:16]}…, not {local.sha256[:16]}…"
            elif looks != local.looks:
                seen[path] = LocalFile(local.sha256, looks)
        if seen:
            with suppress(ModelError):  # a folder that can only be read: they are hashed again the next time
                hub.cache.write(manifest.with_files(seen))
        return wrong

    def _is_offline(self, hub: OpenHub) -> bool:
        return self.hubs.settings.offline and not hub.hub.local

    def _refuse_offline(self, hub: OpenHub, reference: ModelReference, why: str) -> None:
        if not self._is_offline(hub):
            return
        raise ModelOfflineError(
            f"the model {reference.model} can't be fetched offline",
            where=str(reference),
            why=why,
            fix=f"fetch it while there is a network: flowra model get '{reference}'",
        )


def damaged(hub: OpenHub, manifest: Manifest, wrong: dict[str, str], command: str) -> ModelDamagedError:
    """Return the error for files that are not those that were fetched."""
    snapshot = manifest.snapshot
    path, reason = next(iter(wrong.items()))
    return ModelDamagedError(
        f"{path} of the model {snapshot.model} is not what was fetched"
        + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""),
        where=str(hub.hub.folder(snapshot.model, snapshot.pinned) / path),
        why=reason,
        fix=f"remove it, and fetch it again: {command}",
    )


def _identity(
    hub: OpenHub, reference: ModelReference, snapshot: Snapshot, files: Sequence[RemoteFile]
) -> ModelIdentity:
    pinned = ModelReference(hub.name, snapshot.model, snapshot.pinned, reference.files, reference.single)
    return ModelIdentity(str(pinned), digest_of_files(files))


def _check_room(folder: Path, size: int, where: str) -> None:
    present = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(present).free
    if free < size:
        raise ModelError(
            "there is no room for the model",
            where=where,
            why=f"it takes {size:,} bytes, and {present} has {free:,}",
            fix="make room, or give another folder: FLOWRA_MODEL_DIR=FOLDER",
        )
