"""`flowra config`: the settings, where each comes from, and how to change them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowra.exceptions import ConfigError, UsageError, printable

if TYPE_CHECKING:
    from flowra.config.settings import Layer

__all__ = ["command"]

#: What stands before the name of a secret.
SECRET = "secret."  # noqa: S105  not a secret, but how one is named
_PASSWORD = re.compile(r"(?<=://)([^/@\s]*)@")

_where = click.option("--project", "in_project", is_flag=True, help="The project's file, not the user's.")


@click.group("config")
def command() -> None:
    """Show and change settings, which have layers: defaults, the user's file, the project's, the environment."""


@command.command("list")
@click.option("--show-origin", is_flag=True, help="Say where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON, with their origins.")
def list_settings(show_origin: bool, as_json: bool) -> None:
    """List every setting with the value that holds here, and the names of the secrets."""
    from flowra.cli.text import print_json
    from flowra.config.secrets import secret_names

    rows = [(name, _shown(value), origin) for name, (value, origin) in _effective().items()]
    rows += [(f"{SECRET}{name}", "(kept apart)", origin) for name, origin in secret_names().items()]
    if as_json:
        print_json([dict(zip(("setting", "value", "origin"), row, strict=True)) for row in rows])
        return
    width = max(len(name) for name, _, _ in rows)
    for name, value, origin in rows:
        click.echo(
            f"{name:<{width}}  {value or '(none)'}" + (click.style(f"  ({origin})", dim=True) if show_origin else "")
        )


@command.command("get")
@click.argument("name")
@click.option("--show-origin", is_flag=True, help="Say where the value comes from.")
def get(name: str, show_origin: bool) -> None:
    """Print the value of the setting NAME that holds here."""
    if name.startswith(SECRET):
        raise UsageError("secrets are not printed", fix="flowra config list says which there are")
    value, origin = _known(name)
    click.echo(_shown(value) + (f"  ({origin})" if show_origin else ""))


@command.command("set")
@click.argument("name")
@click.argument("value", required=False)
@_where
def set_setting(name: str, value: str | None, in_project: bool) -> None:
    """Set NAME to VALUE in the user's settings file, or in the project's.

    \b
    flowra config set output_dir ~/pictures
    flowra config set --project packs_disabled old_pack,slow_pack
    flowra config set secret.s3_key        asks for it; or reads it from a pipe

    A secret is kept in a file that only you can read.
    """  # noqa: D301  click reads \b as an escape
    from flowra.config.editing import setting_from_text, write_setting

    if name.startswith(SECRET):
        _keep_secret(name.removeprefix(SECRET), value)
        return
    if value is None:
        raise UsageError(f"{printable(name, 80)} is to be set to nothing", fix=f"flowra config set {name} VALUE")
    _known(name)
    path = _file(in_project)
    write_setting(path, name, setting_from_text(name, value, path))
    click.echo(f"{path}: {name} = {_shown(_in_file(path, name))}")
    value_here, origin = _known(name)
    if origin != str(path):
        click.echo(f"here it stays {_shown(value_here)}: {origin} stands before it", err=True)


@command.command("unset")
@click.argument("name")
@_where
def unset(name: str, in_project: bool) -> None:
    """Remove NAME from the user's settings file, or from the project's; a secret, from the file of secrets."""
    from flowra.config.editing import remove_setting
    from flowra.config.secrets import forget_secret, secrets_file

    if name.startswith(SECRET):
        path, removed = secrets_file(), forget_secret(name.removeprefix(SECRET))
    else:
        _known(name)
        path = _file(in_project)
        removed = remove_setting(path, name)
    click.echo(f"{path}: {name} {'removed' if removed else 'was not there'}")


@command.command("path")
@_where
@click.option("--secrets", is_flag=True, help="The file of secrets.")
def print_path(in_project: bool, secrets: bool) -> None:
    """Print where the user's settings file is, whether it exists yet or not."""
    from flowra.config.secrets import secrets_file

    click.echo(secrets_file() if secrets else _file(in_project))


@command.command("edit")
@_where
def edit(in_project: bool) -> None:
    """Open the settings file in $VISUAL or $EDITOR; what can't be used is refused, and the file stays as it was."""
    import tempfile

    from flowra.config.editing import check_file, write_whole

    path = _file(in_project)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    folder = Path(tempfile.mkdtemp(prefix="flowra-config-"))
    draft = folder / path.name
    draft.write_text(before, encoding="utf-8")
    click.edit(filename=str(draft))
    after = draft.read_text(encoding="utf-8")
    if after == before:
        click.echo(f"{path}: not changed")
    else:
        try:
            check_file(draft)
        except ConfigError as error:
            error.fix = f"{error.fix or 'correct it'}; your draft is still there, and {path} is as it was"
            raise
        write_whole(path, after)
        click.echo(f"{path}: written")
    draft.unlink()
    folder.rmdir()


def _effective() -> dict[str, tuple[Any, str]]:
    """Return each setting's value and origin: the last layer that has it."""
    from flowra.config.settings import load_layers

    found: dict[str, tuple[Any, str]] = {}
    layer: Layer
    for layer in load_layers():
        found.update({name: (value, layer.origin(name)) for name, value in layer.values.items()})
    return found


def _known(name: str) -> tuple[Any, str]:
    effective = _effective()
    if name not in effective:
        from difflib import get_close_matches

        near = get_close_matches(name, effective, n=1)
        fix = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(effective)}"
        raise UsageError(f"there is no setting {printable(name, 80)!r}", fix=fix)
    return effective[name]


def _in_file(path: Path, name: str) -> Any:
    from flowra.config.settings import settings_in

    return settings_in(path)[name]


def _file(in_project: bool) -> Path:
    from flowra.config.files import find_project_file, user_file

    if not in_project:
        return user_file()
    return find_project_file() or Path.cwd() / "flowra.toml"


def _keep_secret(name: str, value: str | None) -> None:
    from flowra.config.secrets import check_secret_name, keep_secret

    check_secret_name(name)
    if value is not None:
        raise UsageError(
            "a secret is not given on the command line",
            why="it would stay in the shell's history, and others could see it among the processes",
            fix=f"flowra config set {SECRET}{name}    which asks for it, or reads it from a pipe",
        )
    text = click.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise UsageError(f"the secret {name} is empty", fix="type it, or pipe it in as one line")
    click.echo(f"{keep_secret(name, text)}: {SECRET}{name} kept")


def _shown(value: Any) -> str:
    """Return a value for people; what an address says of a password is left out."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        amounts = (f"{each:g}" if isinstance(each, float) else str(each) for each in value.values())
        return ",".join(f"{name}={amount}" for name, amount in zip(value, amounts, strict=True))
    text = os.fspath(value) if isinstance(value, Path) else str(value)
    return _PASSWORD.sub(lambda found: f"{found[1].partition(':')[0]}:…@" if ":" in found[1] else found[0], text)
