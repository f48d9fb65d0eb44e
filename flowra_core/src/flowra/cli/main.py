"""The command `flowra`.

Its own commands and those of packs are listed by name; the module behind one is imported when it is called, so that
`flowra --help` costs little however many packs are installed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flowra.cli.errors import show_error, show_unexpected
from flowra.exceptions import FlowraError, PluginError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["cli", "main"]

#: The most columns that help takes.
_WIDEST = 100
#: The commands of the core: the module whose `command` it is, and its line in the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("flowra.cli.build", "Build a pack into a .nodebin and a wheel."),
    "cache": ("flowra.cli.cache", "Look after the store that results are kept in."),
    "cluster": ("flowra.cli.cluster", "Start, look at and stop a cluster that stays."),
    "completion": ("flowra.cli.completion", "Print the completion script of a shell."),
    "config": ("flowra.cli.config", "Show and change settings."),
    "create": ("flowra.cli.create", "Make a node pack from a template."),
    "debug": ("flowra.cli.debug.command", "Run a node or a graph, and look at every value."),
    "doctor": ("flowra.cli.doctor", "Check that this machine is ready, and say how to mend what is not."),
    "explain": ("flowra.cli.explain", "Say why a node ran, or did not."),
    "graph": ("flowra.cli.graph", "Check, draw and describe graph files."),
    "model": ("flowra.cli.model", "List, fetch, check, keep and remove models."),
    "node": ("flowra.cli.node", "List and describe node types."),
    "pack": ("flowra.cli.pack", "Install, describe, examine and remove packs."),
    "plan": ("flowra.cli.plan", "Show what a run would do."),
    "project": ("flowra.cli.project", "Work on a node pack's source tree."),
    "run": ("flowra.cli.run", "Run a graph."),
    "runs": ("flowra.cli.runs", "List, describe and remove earlier runs."),
    "store": ("flowra.cli.store", "Look at stores that machines share, and move results."),
}


class _ReaderHasLeftError(Exception):
    """Whoever reads our output has left. click would answer a BrokenPipeError itself, with exit code 1."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        # click would import shutil to find it out, which is a tenth of what `flowra --help` takes.
        extra.setdefault("terminal_width", _help_width())
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError:
            raise _ReaderHasLeftError from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderHasLeftError from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_pack_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            from importlib import import_module

            command = import_module(COMMANDS[cmd_name][0]).command
        elif cmd_name in (contributed := _pack_commands()):
            from flowra.plugin.manager import default_manager

            command = default_manager().load(contributed[cmd_name][0])
        else:
            return None
        if not isinstance(command, click.Command):
            raise PluginError(f"the command {cmd_name} is no click command, but {type(command).__name__}")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # click would import every command for its line of help, and a pack's mistake would end the completion.
        from click.shell_completion import CompletionItem

        known = {name: summary for name, (_, summary) in {**COMMANDS, **_pack_commands()}.items()}
        names = [CompletionItem(name, help=known[name]) for name in sorted(known) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise UsageError(
                f"there is no command {args[0]!r}",
                fix=f"did you mean flowra {near[0]}?" if near else "flowra --help lists the commands",
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        contributed = _pack_commands()
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(COMMANDS.items())])
        if contributed:
            with formatter.section("Commands of packs"):
                formatter.write_dl([(name, summary) for name, (_, summary) in sorted(contributed.items())])


def _help_width() -> int:
    """Return how wide help is written, as click has it."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns
    except (ValueError, OSError):
        columns = 80
    return max(min(columns, _WIDEST) - 2, 50)


def _pack_commands() -> dict[str, tuple[str, str]]:
    """Return the commands that packs contribute: target and summary by name; the core's own names stay its own."""
    from flowra.plugin.manager import default_manager

    return {
        entry.name: (entry.target, entry.summary)
        for _, entry in default_manager().entries("commands")
        if entry.name not in COMMANDS
    }


def _take_back_interrupted_install() -> None:
    """Take back what an install left half done; one that still goes on is left alone."""
    if not os.path.exists(os.path.join(sys.prefix, ".flowra-install", "journal.json")):  # noqa: PTH110, PTH118  at each start
        return
    from flowra.pack.install.journal import recover

    try:
        what = recover(wait=False)
    except UsageError as error:  # who may not write the environment can still use it
        show_error(error)
        return
    if what is not None:
        click.echo(f"an install was interrupted, and is taken back: {what}", err=True)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from flowra.version import VERSION

        click.echo(f"flowra {VERSION}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.option("-v", "--verbose", is_flag=True, expose_value=False, help="Show errors whole, with tracebacks.")
def cli() -> None:
    """Run graphs of typed nodes over images, audio, video and 3D, and make the packs that contribute the nodes."""
    _take_back_interrupted_install()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 fine, 2 usage, 3 invalid graph or pack, 4 a node failed, 130 interrupted.

    141 where whoever reads the output has left, as other commands end then.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name of a file that is no UTF-8, or a terminal without Unicode, is no reason to end with a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_run(args))


def _run(args: list[str]) -> int:
    verbose = "-v" in args or "--verbose" in args
    try:
        result = cli.main(args, prog_name="flowra", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FlowraError as error:
        show_error(error, verbose=verbose)
        return error.exit_code
    except _ReaderHasLeftError:
        _drop_output()
        return 141
    except Exception as error:  # noqa: BLE001  the last place where a mistake of ours can be said in words
        show_unexpected(error, verbose=verbose)
        try:
            sys.stdout.flush()
        except OSError:
            # The interpreter would try once more as it ends, and put its own exit code, 120, in place of ours.
            _drop_output()
        return 1
    return result if isinstance(result, int) else 0


def _drop_output() -> None:
    """What is still buffered for stdout has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
