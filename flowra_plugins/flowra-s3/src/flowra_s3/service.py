"""From an address to obstore's client: one for each cloud, with its credentials, and with limits to every wait."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowra.exceptions import StoreDeniedError, StoreError
from flowra_s3.address import BucketAddress, check_endpoint
from flowra_s3.credentials import aws_credentials, needed_secret
from flowra_s3.profiles import read_profile

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Client

__all__ = ["connect"]

#: Seconds in which a connection has to stand, in which a byte has to come, and in which a request has to be over;
#: whatever is large travels in requests of `flowra_s3.objects.PART` bytes.
CONNECT_SECONDS, SILENT_SECONDS, REQUEST_SECONDS = 5, 20, 120

#: Retries are Flowra's own, the same for every service.
_RETRIES: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def connect(address: BucketAddress) -> Client:
    """Return the client for an address. Nothing is sent yet, and the client neither retries nor waits for long.

    Raises:
        StoreDeniedError: There are no credentials.
        StoreError: Something in the settings can't be used.
    """
    from obstore.exceptions import BaseError

    try:
        return {"s3": _s3, "gs": _gs, "az": _az}[address.scheme](address)
    except (BaseError, ValueError) as error:
        # The message of a client that can't be made may quote a setting, and a setting may be a key.
        raise StoreError(
            "the store can't be opened",
            where=str(address),
            why=f"obstore does not accept its settings ({type(error).__name__})",
            fix="see whether the variables of the environment that begin with AWS_, GOOGLE_ or AZURE_ are right",
        ) from None


def _s3(address: BucketAddress) -> Client:
    from obstore.store import S3Store

    profile = {} if address.secret or address.anonymous else read_profile(address.profile)
    region = address.region or _variable(*_REGIONS) or profile.get("region") or "us-east-1"
    endpoint = address.endpoint or _variable(*_ENDPOINTS) or profile.get("endpoint_url")
    # The library's own default takes no checksum along that S3 could compare with what came.
    config: dict[str, Any] = {"region": region, "checksum_algorithm": "SHA256"}
    if endpoint:
        endpoint = check_endpoint(endpoint, str(address))
        if not address.path_style:
            parts = urlsplit(endpoint)
            endpoint = f"{parts.scheme}://{address.bucket}.{parts.netloc}"
        # The second is what stands before the first, and is in the environment perhaps.
        config |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    config["virtual_hosted_style_request"] = not address.path_style
    provider = None
    if address.anonymous:
        config["skip_signature"] = True
    elif (provider := aws_credentials(address, profile)) is None and "web_identity_token_file" in profile:
        config |= {name: profile[name] for name in ("web_identity_token_file", "role_arn") if name in profile}
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=config,  # type: ignore[arg-type]  # a dictionary by the names that it has
        client_options=_client(endpoint, profile.get("ca_bundle")),
        retry_config=_RETRIES,
        credential_provider=provider,  # type: ignore[arg-type]
    )


def _gs(address: BucketAddress) -> Client:
    from obstore.store import GCSStore

    config: dict[str, Any] = {}
    if address.anonymous:
        config["skip_signature"] = True
    elif address.secret:
        config["service_account_key"] = needed_secret(address, "service_account_key")
    return GCSStore(
        address.bucket,
        prefix=address.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(None, None),
        retry_config=_RETRIES,
    )


def _az(address: BucketAddress) -> Client:
    from obstore.store import AzureStore

    account = address.account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
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
    return AzureStore(
        address.bucket,
        prefix=address.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=_client(address.endpoint, None),
        retry_config=_RETRIES,
    )


def _client(endpoint: str | None, ca_bundle: str | None) -> Any:
    options: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=SILENT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
    }
    if endpoint and endpoint.startswith("http://"):
        options["allow_http"] = True
    elif authorities := os.environ.get("AWS_CA_BUNDLE") or ca_bundle:
        options["root_certificate"] = _read_authorities(authorities)
    return options


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
