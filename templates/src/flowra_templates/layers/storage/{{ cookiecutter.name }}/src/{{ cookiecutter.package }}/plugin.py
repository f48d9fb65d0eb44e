"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: the store is loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import StorageEntry, hookimpl


@hookimpl
def flowra_storage_backends() -> Iterable[StorageEntry]:
    """Name the store, and the scheme of its addresses."""
    yield StorageEntry(
        "{{ cookiecutter.scheme }}",
        target="{{ cookiecutter.package }}.store:DatabaseStore",
        summary="Results in one SQLite file.",
    )
