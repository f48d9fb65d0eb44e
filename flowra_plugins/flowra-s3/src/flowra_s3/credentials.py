"""Who we are to a service, found the way its own tools find it. What is found goes to obstore and nowhere else."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from flowra.exceptions import StoreDeniedError
from flowra_s3.address import BucketAddress
from flowra_s3.profiles import Profile

__all__ = ["Provider", "aws_credentials", "needed_secret"]

Provider = Callable[[], dict[str, Any]]

#: What in a profile says that its keys have to be fetched; botocore knows how.
_FETCHED = ("credential_process", "sso_session", "sso_start_url", "source_profile", "credential_source")
#: How long fetched keys are used before botocore is asked again; it fetches new ones only when they run out.
_KEPT = timedelta(minutes=5)
#: What tells obstore about a role of a container or a web identity.
_OTHER_SOURCES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def aws_credentials(address: BucketAddress, profile: Profile) -> Provider | None:
    """Return what gives the keys for S3, or None if obstore is to find them: web identity, container, machine.

    In this order: Flowra's secrets or the profile that the address names, `AWS_ACCESS_KEY_ID` and its like, the
    profile of `AWS_PROFILE` or `default`.

    Raises:
        StoreDeniedError: There are none, or those named can't be used.
    """
    if address.secret:
        return _fixed(
            needed_secret(address, "access_key_id"),
            needed_secret(address, "secret_access_key"),
            _secret(address, "session_token"),
        )
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not address.profile and key and secret:
        return _fixed(key, secret, os.environ.get("AWS_SESSION_TOKEN"))
    if not address.profile and "AWS_PROFILE" not in os.environ and any(map(os.environ.get, _OTHER_SOURCES)):
        return None
    if provider := _of_profile(address, profile):
        return provider
    if not any(map(os.environ.get, _OTHER_SOURCES)) and os.environ.get("AWS_EC2_METADATA_DISABLED") == "true":
        raise StoreDeniedError(
            "there are no credentials for the bucket",
            where=str(address),
            why="neither the environment nor ~/.aws has any, and those of the machine are switched off",
            fix="aws configure,  or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return None


def needed_secret(address: BucketAddress, part: str) -> str:
    """Return one of Flowra's secrets that an address names; raises StoreDeniedError if it isn't there."""
    value = _secret(address, part)
    if value is None:
        name = f"{address.secret}_{part}"
        raise StoreDeniedError(
            f"the secret {name} is not there", where=str(address), fix=f"flowra config set secret.{name}"
        )
    return value


def _secret(address: BucketAddress, part: str) -> str | None:
    from flowra.config.secrets import read_secret

    return read_secret(f"{address.secret}_{part}")


def _fixed(key: str, secret: str, token: str | None) -> Provider:
    found = {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None}
    return lambda: found


def _of_profile(address: BucketAddress, profile: Profile) -> Provider | None:
    # As botocore has it: a role to assume comes before keys in the same profile.
    if any(name in profile for name in _FETCHED):
        return _fetched(address)
    if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
        return _fixed(profile["aws_access_key_id"], profile["aws_secret_access_key"], profile.get("aws_session_token"))
    if "web_identity_token_file" in profile or not address.profile:
        return None
    raise StoreDeniedError(
        f"the AWS profile {address.profile!r} has no credentials",
        where=str(address),
        fix=f"aws configure --profile {address.profile}",
    )


def _fetched(address: BucketAddress) -> Provider:
    try:
        session = importlib.import_module("botocore.session").Session(profile=address.profile)
    except ImportError:
        raise StoreDeniedError(
            "the credentials of an AWS profile have to be fetched, and botocore is not there to do it",
            where=f"profile {address.profile or os.environ.get('AWS_PROFILE') or 'default'}",
            why="single sign-on, roles to assume and credential_process need it",
            fix="pip install 'flowra-s3[profiles]'",
        ) from None

    def fetch() -> dict[str, Any]:
        credentials = session.get_credentials()
        if credentials is None:
            raise LookupError("the profile gives no credentials")
        frozen = credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(timezone.utc) + _KEPT,
        }

    return fetch
