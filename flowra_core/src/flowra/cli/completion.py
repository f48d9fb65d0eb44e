"""`flowra completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that completes flowra's commands and options in SHELL.

    \b
    bash:  eval "$(flowra completion bash)"           in ~/.bashrc
    zsh:   eval "$(flowra completion zsh)"            in ~/.zshrc
    fish:  flowra completion fish > ~/.config/fish/completions/flowra.fish
    """  # noqa: D301  click reads \b as an escape
    from flowra.cli.main import cli

    completion_class = get_completion_class(shell)
    assert completion_class is not None, "click completes each of the shells offered"
    click.echo(completion_class(cli, {}, "flowra", "_FLOWRA_COMPLETE").source())
