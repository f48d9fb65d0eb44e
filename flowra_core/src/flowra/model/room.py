"""Removes models: by name, or those used least lately, so that the rest stays within a limit."""

from __future__ import annotations

from flowra.model.hubs import Hubs, OpenHub
from flowra.model.manifest import Manifest

__all__ = ["make_room", "remove"]


def make_room(hubs: Hubs, size: int) -> list[Manifest]:
    """Remove the models used least lately until so many bytes more stay within the setting `model_limit`.

    One that is kept, or that a process uses, is never removed. Return those that were.
    """
    limit = hubs.settings.model_limit
    if limit <= 0:
        return []
    here = [(hub, manifest) for hub in hubs.every() for manifest in hub.cache.manifests() if manifest.here]
    over = sum(manifest.size for _, manifest in here) + size - limit
    here.sort(key=lambda each: each[0].cache.last_used(each[1].snapshot.model, each[1].snapshot.pinned))
    removed = []
    for hub, manifest in here:
        if over <= 0:
            break
        if not hub.cache.is_kept(manifest.snapshot.model, manifest.snapshot.pinned) and remove(hub, manifest):
            over -= manifest.size
            removed.append(manifest)
    return removed


def remove(hub: OpenHub, manifest: Manifest) -> bool:
    """Remove the files of a model, unless a process uses or fetches it; return whether they are gone.

    What they were stays noted: results that were computed with them are still found.
    """
    snapshot = manifest.snapshot
    with hub.cache.unused(snapshot.model, snapshot.pinned) as unused:
        if not unused:
            return False
        hub.cache.write(Manifest(manifest.hub, snapshot))
        hub.hub.discard(snapshot.model, snapshot.pinned, list(manifest.here))
        hub.cache.keep(snapshot.model, snapshot.pinned, keep=False)
        return True
