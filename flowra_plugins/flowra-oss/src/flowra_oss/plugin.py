"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import StorageEntry, hookimpl


@hookimpl
def flowra_storage_backends() -> Iterable[StorageEntry]:
    """Name what serves addresses that begin with `oss://`."""
    yield StorageEntry("oss", target="flowra_oss.objects:OssObjects", summary="Results in Alibaba Cloud OSS.")
