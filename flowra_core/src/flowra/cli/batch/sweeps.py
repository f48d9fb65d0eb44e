"""`--matrix` and `--zip`: the settings of a sweep, each value as the port that takes it means it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flowra.cli.values import parse_value
from flowra.exceptions import UsageError, printable

if TYPE_CHECKING:
    from flowra.dag.port import Port
    from flowra.execute.batch.sweep import Sweep

__all__ = ["sweep_of"]

PortOf = Callable[[str], "Port | None"]


def sweep_of(matrix: Sequence[str], zipped: Sequence[str], port_of: PortOf) -> Sweep:
    """Return the sweep that a command line describes.

    Args:
        matrix: `PLACE=VALUE,…`, several apart by blanks: every combination is taken.
        zipped: The same, of which those of one text go together value by value.
        port_of: Gives the port for `input` or `node.port`; raises UsageError where there is none.

    Raises:
        UsageError: One is not of that form, or there is no such place.
    """
    from flowra.execute.batch.sweep import Sweep

    sweep = Sweep()
    for text in matrix:
        sweep *= Sweep.matrix(_values(text, "--matrix", port_of))
    for text in zipped:
        sweep *= Sweep.zipped(_values(text, "--zip", port_of))
    return sweep


def _values(text: str, option: str, port_of: PortOf) -> dict[str, list[Any]]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} can't be read", where=f"{option} {text}", why=str(error)) from error
    if len(words) > 1 and not all("=" in word for word in words):
        words = [text]  # blanks within the values, as of a text
    found: dict[str, list[Any]] = {}
    for word in words:
        place, equals, values = word.partition("=")
        if not equals or not place or not values:
            raise UsageError(
                f"{printable(word, 80)!r} is not of the form {option} NODE.PORT=VALUE,VALUE",
                fix=f"{option} detect.confidence=0.2,0.4",
            )
        if place in found:
            raise UsageError(f"{place} is given twice", where=f"{option} {text}")
        port = port_of(place)
        found[place] = [_value(each, port) for each in _split(values)]
    return found


def _split(text: str) -> list[Any]:
    """Return the values in a text: a list of JSON, or what stands between commas."""
    if text.startswith("["):
        try:
            values = json.loads(text)
        except ValueError:
            pass
        else:
            return list(values)
    return text.split(",")


def _value(value: Any, port: Port | None) -> Any:
    return parse_value(value, port) if isinstance(value, str) and port is not None else value
