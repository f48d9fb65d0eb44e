"""From an address to obstore's client: one for each cloud, with its credentials, and with limits to every wait."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from flowra.exceptions import StoreDeniedError, StoreError
from flowra_s3.address import BucketAddress, check_endpoint
from flowra_s3.credentials import aws_credentials, needed_secret
from flowra_s3.profiles import Profile, read_profile

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

__all__ = ["Clients", "connect", "place_of"]

#: Seconds in which a connection has to stand, and in which a request has to be over; whatever is large travels in
#: requests of `flowra_s3.transfers.PART` bytes.
CONNECT_SECONDS, REQUEST_SECONDS = 5, 300
#: Seconds in which a byte has to come. The library counts the time that it sends for as such in which nothing comes.
SILENT_SECONDS = 10

#: Retries are Flowra's own, the same for every service.
_RETRIES: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


class Clients(NamedTuple):
    """The clients for an address.

    Attributes:
        quick: For what is answered at once: it gives up a service that says nothing.
        patient: For sending what is large, which may take long over a slow line.
    """

    quick: Client
    patient: Client


class _Plan(NamedTuple):
    """How a client is made: its class, what it is given, and the options of its connections."""

    kind: Any
    arguments: dict[str, Any]
    options: dict[str, Any]


def connect(address: BucketAddress) -> Clients:
    """Return the clients for an address. Nothing is sent yet, and they neither retry nor wait for long.

    Raises:
        StoreDeniedError: There are no credentials.
        StoreError: Something in the settings can't be used.
    """
    from obstore.exceptions import BaseError

    plan = {"s3": _s3, "gs": _gs, "az": _az}[address.scheme](address)
    limits = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
    }

    def client(**more: Any) -> Client:
        made: Client = plan.kind(
            address.bucket,
            prefix=address.prefix or None,
            client_options={**plan.options, **limits, **more},
            retry_config=_RETRIES,
            **plan.arguments,
        )
        return made

    try:
        return Clients(client(read_timeout=timedelta(seconds=SILENT_SECONDS)), client())
    except (BaseError, ValueError) as error:
        # The message of a client that can't be made may quote a setting, and a setting may be a key.
        raise StoreError(
            "the store can't be opened",
            where=str(address),
            why=f"obstore does not accept its settings ({type(error).__name__})",
            fix="see whether the variables of the environment that begin with AWS_, GOOGLE_ or AZURE_ are right",
        ) from None


def place_of(address: BucketAddress) -> str:
    """Return where the objects of an address are, with what the environment and the profile add to it.

    Buckets of Google and Amazon are told apart by their names, those of Amazon by the region in which they are found
    besides. Another service may show each user buckets of their own: there it also counts who asks.
    """
    plain = replace(address, path_style=True, conditional_put=True)
    if address.scheme == "gs":
        return str(replace(plain, secret=None, anonymous=False))
    if address.scheme == "az":
        return str(replace(plain, account=_account(address), secret=None, anonymous=False))
    profile = _profile(address)
    endpoint = _endpoint(address, profile)
    if endpoint:
        return str(replace(plain, endpoint=check_endpoint(endpoint, str(address)), region=None))
    return str(replace(plain, region=_region(address, profile), profile=None, secret=None, anonymous=False))


def _profile(address: BucketAddress) -> Profile:
    return {} if address.secret or address.anonymous else read_profile(address.profile)


def _region(address: BucketAddress, profile: Profile) -> str:
    return address.region or _variable(*_REGIONS) or profile.get("region") or "us-east-1"


def _endpoint(address: BucketAddress, profile: Profile) -> str | None:
    return address.endpoint or _variable(*_ENDPOINTS) or profile.get("endpoint_url")


def _account(address: BucketAddress) -> str | None:
    return address.account or _variable("AZURE_STORAGE_ACCOUNT_NAME")


def _s3(address: BucketAddress) -> _Plan:
    from obstore.store import S3Store

    profile = _profile(address)
    region, endpoint = _region(address, profile), _endpoint(address, profile)
    config: dict[str, Any] = {
        "region": region,
        "virtual_hosted_style_request": not address.path_style,
        # Without it nothing goes along that the service could compare with what came.
        "checksum_algorithm": "SHA256",
    }
    if endpoint:
        endpoint = check_endpoint(endpoint, str(address))
        if not address.path_style:
            parts = urlsplit(endpoint)
            endpoint = f"{parts.scheme}://{address.bucket}.{parts.netloc}"
        # The second is what stands before the first, and is in the environment perhaps.
        config |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    provider = None
    if address.anonymous:
        config["skip_signature"] = True
    elif (provider := aws_credentials(address, profile)) is None and "web_identity_token_file" in profile:
        config |= {name: profile[name] for name in ("web_identity_token_file", "role_arn") if name in profile}
    options = _connections(endpoint, os.environ.get("AWS_CA_BUNDLE") or profile.get("ca_bundle"))
    return _Plan(S3Store, {"config": config, "credential_provider": provider}, options)


def _gs(address: BucketAddress) -> _Plan:
    from obstore.store import GCSStore

    config: dict[str, Any] = {}
    if address.anonymous:
        config["skip_signature"] = True
    elif address.secret:
        config["service_account_key"] = needed_secret(address, "service_account_key")
    return _Plan(GCSStore, {"config": config}, {})


def _az(address: BucketAddress) -> _Plan:
    from obstore.store import AzureStore

    account = _account(address)
    if not account:
        raise StoreError(
            "the address does not say in which storage account the container lies",
            where=str(address),
            fix=f"write {address.objects}?account=NAME, or set AZURE_STORAGE_ACCOUNT_NAME",
        )
    config: dict[str, Any] = {"account_name": account}
    if address.endpoint:
        config["endpoint"] = address.endpoint
    if address.anonymous:
        config["skip_signature"] = True
    elif address.secret:
        config["account_key"] = needed_secret(address, "account_key")
    return _Plan(AzureStore, {"config": config}, _connections(address.endpoint, None))


def _connections(endpoint: str | None, authorities: str | None) -> dict[str, Any]:
    """Return the options of connections to an endpoint; without TLS only where its address says so."""
    if endpoint and endpoint.startswith("http://"):
        return {"allow_http": True}
    return {"root_certificate": _read_authorities(authorities)} if authorities else {}


def _read_authorities(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise StoreDeniedError(
            "the file with the certificate authorities to trust can't be read",
            where=path,
            why=error.strerror,
            fix="correct AWS_CA_BUNDLE, or ca_bundle in the profile",
        ) from error


def _variable(*names: str) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)
