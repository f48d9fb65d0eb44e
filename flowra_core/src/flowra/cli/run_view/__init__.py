"""How a run looks while it goes: a live display on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flowra.cli.run_view.view import RunView

__all__ = ["RunView", "view_for"]


@contextmanager
def view_for(*, as_json: bool, verbose: bool) -> Iterator[RunView]:
    """Give the view that suits where the output goes; with `as_json`, stdout is the view's alone meanwhile."""
    if as_json:
        from flowra.cli.run_view.json_lines import JsonLinesView
        from flowra.cli.run_view.reserved import reserved_stdout

        with reserved_stdout() as stdout:
            yield JsonLinesView(stdout, verbose=verbose)
    elif sys.stdout.isatty():
        from flowra.cli.run_view.terminal import TerminalView

        yield TerminalView(verbose=verbose)
    else:
        from flowra.cli.run_view.plain import PlainView

        yield PlainView(verbose=verbose)
