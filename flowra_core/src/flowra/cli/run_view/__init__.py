"""How a run looks while it goes: a live display on a terminal, plain lines in a pipe, JSON lines for programs."""

from __future__ import annotations

import sys

from flowra.cli.run_view.view import RunView

__all__ = ["RunView", "view_for"]


def view_for(*, as_json: bool, verbose: bool) -> RunView:
    """Return the view that suits where the output goes."""
    if as_json:
        from flowra.cli.run_view.json_lines import JsonLinesView

        return JsonLinesView(verbose=verbose)
    if sys.stdout.isatty():
        from flowra.cli.run_view.terminal import TerminalView

        return TerminalView(verbose=verbose)
    from flowra.cli.run_view.plain import PlainView

    return PlainView(verbose=verbose)
