"""Secrets: what must not stand in a settings file that is shared, shown or kept under version control.

They lie in a file of their own, `secrets.toml` beside the user's settings, which nobody but the user may read. A
variable `FLOWRA_SECRET_NAME` stands before it: that is how containers and CI are given theirs. Nothing prints a secret.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from flowra.config.editing import write_whole
from flowra.config.files import read_settings_table, user_folder
from flowra.exceptions import ConfigError, UsageError, printable

__all__ = ["check_secret_name", "forget_secret", "keep_secret", "read_secret", "secret_names", "secrets_file"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PREFIX = "FLOWRA_SECRET_"


def secrets_file() -> Path:
    """Return the file that secrets lie in; it need not exist."""
    return user_folder() / "secrets.toml"


def read_secret(name: str) -> str | None:
    """Return a secret, or None if nobody gave it.

    Raises:
        ConfigError: The file can't be read, or others than the user may read it.
        UsageError: That can't be the name of a secret.
    """
    given = os.environ.get(_PREFIX + check_secret_name(name).upper())
    return given if given is not None else _secrets().get(name)


def secret_names() -> dict[str, str]:
    """Return the names of the secrets there are, each with where it comes from: the file, or a variable."""
    names = dict.fromkeys(_secrets(), str(secrets_file()))
    variables = [variable for variable in os.environ if variable.startswith(_PREFIX)]
    names.update({variable.removeprefix(_PREFIX).lower(): variable for variable in variables})
    return dict(sorted(names.items()))


def keep_secret(name: str, value: str) -> Path:
    """Keep a secret, and return the file that it lies in; raises UsageError or ConfigError as `read_secret` does."""
    secrets = {**_secrets(), check_secret_name(name): value}
    _write(secrets)
    return secrets_file()


def forget_secret(name: str) -> bool:
    """Remove a secret from the file, and tell whether it was there."""
    secrets = _secrets()
    if secrets.pop(check_secret_name(name), None) is None:
        return False
    _write(secrets)
    return True


def check_secret_name(name: str) -> str:
    """Return the name of a secret; raises UsageError if it can't be one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{printable(name, 80)!r} can't be the name of a secret",
            fix="up to 64 of a-z, 0-9 and _, beginning with a letter",
        )
    return name


def _secrets() -> dict[str, str]:
    path = secrets_file()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError("the secrets can't be read", where=str(path), why=error.strerror or str(error)) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            "others may read your secrets",
            where=str(path),
            why=f"its permissions are {stat.S_IMODE(mode):04o}",
            fix=f"chmod 600 {path}",
        )
    table = read_settings_table(path)
    wrong = [name for name, value in table.items() if not (_NAME.fullmatch(name) and isinstance(value, str))]
    if wrong:
        raise ConfigError(f"{wrong[0]} is no secret", where=str(path), fix='write each as  name = "its value"')
    return table


def _write(secrets: dict[str, str]) -> None:
    import tomlkit

    path = secrets_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, tomlkit.dumps(secrets), mode=0o600)
