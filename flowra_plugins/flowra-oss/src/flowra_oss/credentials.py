"""Whose credentials requests are signed with, and where they come from.

The first that is there counts, from what is meant for Flowra alone to what all tools share; an address that names a
profile or a role gets that and nothing else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flowra.config.secrets import read_secret
from flowra.exceptions import StoreDeniedError
from flowra_oss.address import OssAddress
from flowra_oss.profiles import Profile, aliyun_profile, ossutil_profile
from flowra_oss.redaction import keep_out_of_logs

if TYPE_CHECKING:
    from oss2.credentials import CredentialsProvider

__all__ = ["METADATA_ADDRESS", "find_profile", "provider_of"]

#: Where an instance asks for the credentials of its role; the address is the same on every one.
METADATA_ADDRESS = "http://100.100.100.200/latest/meta-data/ram/security-credentials/"
_SECRETS = ("oss_access_key_id", "oss_access_key_secret", "oss_session_token")
#: Variables of an access key's id, its secret and a temporary one's token: those of OSS's tools, then of all tools.
_VARIABLES = (
    ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
)
_ROLE_VARIABLE = "ALIBABA_CLOUD_ECS_METADATA"


def find_profile(address: OssAddress) -> Profile:
    """Return who asks for an address.

    Raises:
        StoreDeniedError: There are no credentials, or those that there are can't be used.
    """
    if address.role:
        return Profile(f"RAM role {address.role} of this instance", role=address.role)
    if address.profile:
        named = aliyun_profile(address.profile)
        if named is None:
            raise StoreDeniedError(
                f"there is no profile {address.profile!r}",
                where=address.location,
                why="~/.aliyun/config.json is not there",
                fix=f"aliyun configure --profile {address.profile}",
            )
        return named
    found = _from_secrets() or _from_environment() or aliyun_profile() or ossutil_profile()
    if found is None:
        raise StoreDeniedError(
            "there are no credentials for OSS",
            where=address.location,
            why="neither in Flowra's secrets, nor in the environment, nor in ~/.aliyun/config.json or ~/.ossutilconfig",
            fix="set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, or run  aliyun configure\n"
            "on an instance with a RAM role: add role=NAME to the address",
        )
    return found


def provider_of(profile: Profile, *, metadata_address: str = METADATA_ADDRESS) -> CredentialsProvider:
    """Return what gives oss2 the credentials of a profile; those of a role are asked for, and renewed in time."""
    from oss2.credentials import StaticCredentialsProvider

    if profile.role:
        return _role_provider(profile.role, metadata_address)
    keep_out_of_logs(profile.id, profile.secret, profile.token)
    return StaticCredentialsProvider(profile.id, profile.secret, profile.token)


def _from_secrets() -> Profile | None:
    id, secret, token = (read_secret(name) or "" for name in _SECRETS)
    return _complete(Profile("Flowra's secrets", id=id, secret=secret, token=token), _SECRETS)


def _from_environment() -> Profile | None:
    for variables in _VARIABLES:
        id, secret, token = (os.environ.get(name, "") for name in variables)
        found = _complete(Profile(f"{variables[0]} in the environment", id=id, secret=secret, token=token), variables)
        if found is not None:
            return found
    role = os.environ.get(_ROLE_VARIABLE, "")
    return Profile(f"{_ROLE_VARIABLE} in the environment", role=role) if role else None


def _complete(profile: Profile, names: tuple[str, str, str]) -> Profile | None:
    if bool(profile.id) != bool(profile.secret):
        there, missing = names[:2] if profile.id else names[1::-1]
        raise StoreDeniedError("half of an access key is missing", why=f"there is {there}, but no {missing}")
    return profile if profile.id else None


def _role_provider(role: str, metadata_address: str) -> CredentialsProvider:
    from oss2.credentials import EcsRamRoleCredentialsProvider
    from oss2.exceptions import OssError

    class RoleProvider(EcsRamRoleCredentialsProvider):  # type: ignore[misc]  # oss2 is not typed
        """oss2's own, whose failure is told as ours and whose credentials stay out of the logs."""

        def get_credentials(self) -> Any:
            known = self.credentials
            try:
                credentials = super().get_credentials()
            except OssError:
                credentials = None
            if credentials is None:
                raise StoreDeniedError(
                    f"the instance gives no credentials for the RAM role {role}",
                    where=metadata_address,
                    why="it does not answer, has no such role, or answers only to hardened requests",
                    fix="attach the role to the instance, and let its metadata be read in normal mode",
                )
            if credentials is not known:
                keep_out_of_logs(
                    credentials.get_access_key_id(),
                    credentials.get_access_key_secret(),
                    credentials.get_security_token(),
                )
            return credentials

    keep_out_of_logs()
    return RoleProvider(metadata_address + role, max_retries=2, timeout=3)
