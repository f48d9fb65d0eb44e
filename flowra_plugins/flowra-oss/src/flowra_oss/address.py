"""Addresses of stores in OSS: `oss://bucket/prefix?region=…&endpoint=…&internal=true&profile=…&role=…&timeout=…`.

An address is made to be written down, shared and logged: nothing in it is secret, and where somebody writes a key into
one, it is refused without being repeated.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from flowra.exceptions import StoreError
from flowra.storage.remote.options import without_secrets

__all__ = ["OssAddress", "parse_address", "with_default_region"]

_PARAMETERS = ("region", "endpoint", "internal", "profile", "role", "timeout")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9._=@+-]+/)*[A-Za-z0-9._=@+-]+|")
_ENDPOINT = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?/?")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z0-9]+){1,4}")
_OWN_HOST = re.compile(r"oss-([a-z0-9-]+?)(-internal)?\.aliyuncs\.com")
#: A healthy service begins to answer within one; a large upload takes longest to be put together.
_TIMEOUT = 15.0
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class OssAddress:
    """Where objects lie.

    Attributes:
        bucket: The bucket's name.
        prefix: What the names of its objects begin with, without the slash that follows; empty for the whole bucket.
        endpoint: The service, as `https://host[:port]`; empty until the region is known.
        region: The region, as `cn-hangzhou`; empty until it is known.
        internal: Whether the service is asked inside Alibaba Cloud's own network.
        profile: The profile that holds the credentials; empty for whatever is found first.
        role: The RAM role of this instance whose credentials are used; empty for none.
        timeout: Seconds to wait for the next bytes of an answer.
        location: The address as it was given.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    internal: bool
    profile: str
    role: str
    timeout: float
    location: str

    @property
    def host(self) -> str:
        """The endpoint's host, without its port."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def place(self) -> str:
        """The same for every address of these objects: a bucket's name is its own in all regions of a service."""
        there = "" if _OWN_HOST.fullmatch(self.host) else f"?endpoint={self.endpoint}"
        return f"oss://{self.bucket}{'/' if self.prefix else ''}{self.prefix}{there}"

    @property
    def path_style(self) -> bool:
        """Whether the bucket stands in the path: before an IP address or a machine's own name it can't."""
        return is_own_machine(self.host) or _is_ip(self.host)


def parse_address(address: str) -> OssAddress:
    """Return what an address says, with what the environment adds: `OSS_REGION` and `OSS_ENDPOINT`.

    Raises:
        StoreError: It is no address of a store in OSS.
    """
    parts, shown = urlsplit(address), without_secrets(address)
    if "@" in parts.netloc:
        raise StoreError(
            "an address in OSS holds no key",
            where=shown,
            fix="take the key out, change it if anybody saw it, and give it as docs/oss.md says",
        )
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    unknown = [name for name, _ in pairs if name not in _PARAMETERS]
    if unknown or parts.fragment:
        # What stands behind an unknown name may be a key: the address is not repeated.
        raise StoreError(
            f"an address in OSS has no {unknown[0] if unknown else 'fragment'}",
            where=shown,
            fix=f"what may follow the question mark: {', '.join(_PARAMETERS)}",
        )
    given = dict(pairs)
    prefix = unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/"):
        raise StoreError(
            f"{shown} names no place in a bucket",
            fix="oss://bucket/folder: a bucket is called by 3 to 63 of a-z, 0-9 and -, a folder without blanks",
        )
    internal = _truth(given.get("internal", "false"), shown)
    endpoint = _endpoint(given.get("endpoint") or os.environ.get("OSS_ENDPOINT", ""), shown)
    region = given.get("region") or os.environ.get("OSS_REGION", "") or _region_of(endpoint)
    read = OssAddress(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=endpoint,
        region="",
        internal=internal,
        profile=given.get("profile", ""),
        role=given.get("role", ""),
        timeout=_seconds(given.get("timeout") or str(_TIMEOUT), shown),
        location=_location(parts.netloc, prefix, given),
    )
    return with_default_region(read, region)


def with_default_region(address: OssAddress, region: str) -> OssAddress:
    """Return an address in a region, and with the region's endpoint, where it says neither itself.

    Raises:
        StoreError: That is no region.
    """
    region = address.region or region.removeprefix("oss-")
    if region and not _REGION.fullmatch(region):
        raise StoreError(f"{region!r} is no region", where=address.location, fix="write it as in region=cn-hangzhou")
    endpoint = address.endpoint
    if not endpoint and region:
        endpoint = f"https://oss-{region}{'-internal' if address.internal else ''}.aliyuncs.com"
    return OssAddress(**{**address.__dict__, "region": region, "endpoint": endpoint})


def is_own_machine(host: str) -> bool:
    """Return whether a host is this machine itself."""
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _endpoint(given: str, where: str) -> str:
    if not given:
        return ""
    found = _ENDPOINT.fullmatch(given)
    if found is None:
        raise StoreError("that is no endpoint", where=where, fix="write a host: endpoint=oss-cn-hangzhou.aliyuncs.com")
    scheme, host, port = found.groups()
    bare = host.strip("[]")
    if scheme is None:
        scheme = "http" if is_own_machine(bare) else "https"
    return f"{scheme}://{host}{port or ''}"


def _region_of(endpoint: str) -> str:
    found = _OWN_HOST.fullmatch(urlsplit(endpoint).hostname or "")
    return found[1] if found else ""


def _truth(text: str, where: str) -> bool:
    if text.lower() not in _TRUTH:
        raise StoreError("internal is true or false", where=where)
    return _TRUTH[text.lower()]


def _seconds(text: str, where: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise StoreError("timeout is a number of seconds from 0.1 to 600", where=where)
    return seconds


def _location(bucket: str, prefix: str, given: dict[str, str]) -> str:
    """The address in one spelling, so that two that mean one place look alike."""
    said = "&".join(f"{name}={quote(given[name], safe=':/[]')}" for name in _PARAMETERS if given.get(name))
    return f"oss://{bucket}{'/' if prefix else ''}{prefix}{'?' if said else ''}{said}"
