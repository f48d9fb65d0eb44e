"""Addresses of buckets: `s3://bucket/prefix?endpoint=…`, and what each part of one says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from flowra.exceptions import StoreError
from flowra.storage.remote.options import without_secrets

__all__ = ["BucketAddress", "Scheme", "parse_address"]

Scheme = Literal["s3", "gs", "az"]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PREFIX = re.compile(r"[A-Za-z0-9._=-]+(?:/[A-Za-z0-9._=-]+)*")
_OPTIONS: dict[Scheme, tuple[str, ...]] = {
    "s3": ("endpoint", "region", "profile", "secret", "path_style", "anonymous", "conditional_put"),
    "gs": ("secret", "anonymous"),
    "az": ("account", "endpoint", "secret", "anonymous"),
}
_SWITCHES = frozenset({"path_style", "anonymous", "conditional_put"})
_MEANINGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket, or the part of one whose names begin with a prefix. Nothing in it is secret.

    Attributes:
        scheme: `s3`, `gs` or `az`.
        bucket: The bucket; Azure calls it a container.
        prefix: What the names of all objects begin with, without a slash at either end; "" for none.
        endpoint: The address of the service, where it is not the cloud's own: `http://127.0.0.1:9000`.
        region: The region that the bucket lies in; None for what the environment or the profile says.
        profile: The profile in `~/.aws` to take credentials, region and endpoint from.
        secret: What the names of Flowra's own secrets with the credentials begin with.
        account: The storage account, for Azure.
        path_style: Whether the bucket stands in the path of a request, not in the name of the host.
        anonymous: Whether requests go out without a signature: for public buckets.
        conditional_put: Whether the service heeds `If-None-Match: *`.
    """

    scheme: Scheme
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    secret: str | None = None
    account: str | None = None
    path_style: bool = True
    anonymous: bool = False
    conditional_put: bool = True

    def __str__(self) -> str:
        options = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name in _OPTIONS[self.scheme]
            if (value := getattr(self, name)) != BucketAddress.__dataclass_fields__[name].default
        }
        query = f"?{urlencode(options, safe=':/')}" if options else ""
        return f"{self.objects}{query}"

    @property
    def objects(self) -> str:
        """The address without its options: what an object's name is appended to."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_address(address: str) -> BucketAddress:
    """Read an address.

    Raises:
        StoreError: It is none, or something in it can't be.
    """
    parts = urlsplit(address)
    shown = without_secrets(address)
    if parts.scheme not in _OPTIONS:
        raise StoreError(f"{shown} is no address of a bucket", fix=f"begin it with one of {_listed(_OPTIONS)}")
    scheme: Scheme = parts.scheme
    if "@" in parts.netloc + parts.path:  # a secret may have a slash in it
        raise StoreError(
            "credentials don't belong in a store's address",
            where=shown,
            why="addresses stand in settings, journals and logs",
            fix="keep them in the environment, in a profile, or with  flowra config set secret.NAME",
        )
    if not _BUCKET.fullmatch(parts.netloc):
        raise StoreError(
            f"{parts.netloc[:80]!r} can't be the name of a bucket",
            where=shown,
            fix=f"write {scheme}://BUCKET/PREFIX",
        )
    prefix = parts.path.strip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise StoreError(
            f"{prefix[:80]!r} can't be a prefix",
            where=shown,
            why="it is made of segments of letters, digits and  . _ = -  joined by /",
        )
    options = _options(scheme, parts.query, shown)
    endpoint = options.get("endpoint")
    if isinstance(endpoint, str):
        options["endpoint"] = check_endpoint(endpoint, shown)
    return BucketAddress(scheme, parts.netloc, prefix, **options)  # type: ignore[arg-type]  # each by its name


def check_endpoint(endpoint: str, where: str) -> str:
    """Return the address of a service as it is used; raises StoreError if it is none."""
    parts = urlsplit(endpoint)
    if "@" in parts.netloc:
        raise StoreError("credentials don't belong in the address of a service", where=where)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise StoreError(
            f"{endpoint[:200]!r} is no address of a service", where=where, fix="write it like https://minio.example.org"
        )
    return endpoint.rstrip("/")


def _options(scheme: Scheme, query: str, where: str) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS[scheme]:
            # The value is not shown: it may be a key that somebody tried to pass here.
            raise StoreError(
                f"addresses with {scheme}:// have no option {name[:40]!r}",
                where=where,
                why=f"there are {_listed(_OPTIONS[scheme])}",
                fix="keep credentials in the environment, in a profile, or with  flowra config set secret.NAME",
            )
        if name in _SWITCHES:
            if value.lower() not in _MEANINGS:
                raise StoreError(f"{name} is true or false, not {value[:40]!r}", where=where)
            options[name] = _MEANINGS[value.lower()]
        elif value:
            options[name] = value
    return options


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
