"""Profiles in the files that the AWS command line and libraries share: `~/.aws/config` and `~/.aws/credentials`.

obstore knows environment variables, web identities and the roles of containers and machines, not these files. What
stands in them as plain keys is read here; a profile whose keys have to be fetched first (single sign-on, a role to
assume, a program to ask) is left to botocore, which whoever uses such a profile has installed or can.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import Error as ParserError
from configparser import RawConfigParser
from pathlib import Path

from flowra.exceptions import StoreDeniedError, StoreError

__all__ = ["Profile", "read_profile"]

Profile = Mapping[str, str]


def read_profile(name: str | None) -> Profile:
    """Return the settings of a profile, those of the credentials file first.

    Args:
        name: The profile; None for the one of `AWS_PROFILE`, or `default`.

    Raises:
        StoreDeniedError: There is no profile of that name.
        StoreError: A file can't be read.
    """
    wanted = name or os.environ.get("AWS_PROFILE") or "default"
    config, credentials = (
        _file("AWS_CONFIG_FILE", "config"),
        _file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    )
    of_config, of_credentials = _sections(config), _sections(credentials)
    section = "default" if wanted == "default" else f"profile {wanted}"
    if section not in of_config and wanted not in of_credentials:
        if wanted == "default" and name is None:
            return {}
        known = sorted({*of_credentials, *(each.removeprefix("profile ") for each in of_config)})
        raise StoreDeniedError(
            f"there is no AWS profile {wanted!r}",
            where=f"{config}, {credentials}",
            why=f"the profiles there are: {', '.join(known) or 'none'}",
            fix=f"aws configure --profile {wanted}",
        )
    return {**of_config.get(section, {}), **of_credentials.get(wanted, {})}


def _file(variable: str, name: str) -> Path:
    given = os.environ.get(variable)
    return Path(given).expanduser() if given else Path.home() / ".aws" / name


def _sections(path: Path) -> dict[str, dict[str, str]]:
    # No section lends its settings to the others: a profile may be called DEFAULT.
    parser = RawConfigParser(default_section="\0")
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError("an AWS file can't be read", where=str(path), why=type(error).__name__) from error
    except ParserError as error:
        # The parser quotes the lines it can't read, and those may hold keys.
        line = getattr(error, "lineno", None) or next((number for number, _ in getattr(error, "errors", [])), None)
        raise StoreError(
            "an AWS file can't be read",
            where=str(path) if line is None else f"{path}, line {line}",
            why="it isn't written as  name = value  below  [profile NAME]",
        ) from None
    return {section: dict(parser[section]) for section in parser.sections()}
