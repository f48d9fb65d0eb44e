"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""

from __future__ import annotations

from collections.abc import Iterable

from flowra.plugin import StorageEntry, hookimpl

_SUMMARIES = {
    "s3": "Buckets of Amazon S3, and of MinIO, Ceph and others that speak its protocol",
    "gs": "Buckets of Google Cloud Storage",
    "az": "Containers of Azure Blob Storage",
}


@hookimpl
def flowra_storage_backends() -> Iterable[StorageEntry]:
    """Return the stores that this pack serves."""
    return [
        StorageEntry(scheme, target="flowra_s3.objects:BucketObjects", summary=summary)
        for scheme, summary in _SUMMARIES.items()
    ]
