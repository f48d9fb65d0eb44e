"""Credentials as other tools of Alibaba Cloud keep them: `~/.aliyun/config.json` (aliyun) and `~/.ossutilconfig`."""

from __future__ import annotations

import configparser
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowra.exceptions import StoreDeniedError

__all__ = ["Profile", "aliyun_profile", "ossutil_profile"]

#: The modes that hold what a request is signed with; those after the first two until it runs out.
_MODES_WITH_KEYS = {"AK", "StsToken", "CloudSSO", "OAuth"}


@dataclass(frozen=True)
class Profile:
    """What a file says about who somebody is.

    Attributes:
        source: The file and the profile, for messages.
        id: The id of an access key; empty with a role.
        secret: Its secret.
        token: The token of a temporary one; empty for one that lasts.
        role: The RAM role of the instance; empty with a key.
        region: The region that is used where no other is named; may be empty.
    """

    source: str
    id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    role: str = ""
    region: str = ""


def aliyun_profile(name: str = "") -> Profile | None:
    """Return a profile of the command `aliyun`, or the one that is current; None if there is no such file.

    Args:
        name: The profile; empty for `ALIBABA_CLOUD_PROFILE`, or else the current one.

    Raises:
        StoreDeniedError: The file can't be read, has no such profile, or one that can't be used.
    """
    path = Path.home() / ".aliyun" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        profiles = {str(profile["name"]): profile for profile in config.get("profiles") or ()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no configuration of aliyun"
        raise StoreDeniedError("the profile can't be read", where=str(path), why=why, fix="aliyun configure") from None
    chosen = name or os.environ.get("ALIBABA_CLOUD_PROFILE") or str(config.get("current") or "default")
    if chosen not in profiles:
        raise StoreDeniedError(
            f"there is no profile {chosen!r}",
            where=str(path),
            why=f"the profiles there are: {', '.join(sorted(profiles)) or 'none'}",
            fix=f"aliyun configure --profile {chosen}",
        )
    return _profile(profiles[chosen], f"profile {chosen} in {path}")


def _profile(content: dict[str, Any], source: str) -> Profile:
    texts = {key: str(value) for key, value in content.items() if isinstance(value, str)}
    mode, region = texts.get("mode") or "AK", texts.get("region_id", "")
    if mode == "EcsRamRole" and texts.get("ram_role_name"):
        return Profile(source, role=texts["ram_role_name"], region=region)
    found = Profile(
        source,
        id=texts.get("access_key_id", ""),
        secret=texts.get("access_key_secret", ""),
        token=texts.get("sts_token", "") if mode != "AK" else "",
        region=region,
    )
    if mode not in {*_MODES_WITH_KEYS, "EcsRamRole"}:
        raise StoreDeniedError(
            f"a profile of mode {mode} can't be used",
            where=source,
            why=f"modes that can: {', '.join(sorted({*_MODES_WITH_KEYS, 'EcsRamRole'}))}",
            fix="put temporary credentials into OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET and OSS_SESSION_TOKEN",
        )
    if not (found.id and found.secret) or (mode != "AK" and not found.token):
        raise StoreDeniedError(
            "the profile holds no credentials", where=source, fix="aliyun configure (a role needs its name)"
        )
    return found


def ossutil_profile() -> Profile | None:
    """Return the credentials of the command `ossutil`; None if there is no such file, or it holds none.

    Raises:
        StoreDeniedError: The file can't be read.
    """
    path = Path.home() / ".ossutilconfig"
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, configparser.Error) as error:
        # What a parser says of a file quotes its lines, and these hold keys.
        why = error.strerror if isinstance(error, OSError) else "it is no configuration of ossutil"
        raise StoreDeniedError("the profile can't be read", where=str(path), why=why, fix="ossutil config") from None
    for section in ("Credentials", "default"):  # as version 1 calls it, and version 2
        if parser.has_option(section, "accessKeyID") and parser.has_option(section, "accessKeySecret"):
            return Profile(
                str(path),
                id=parser.get(section, "accessKeyID"),
                secret=parser.get(section, "accessKeySecret"),
                token=parser.get(section, "stsToken", fallback=""),
                region=parser.get(section, "region", fallback=""),
            )
    return None
