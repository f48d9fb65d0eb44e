"""Values from a command line: `NAME=VALUE`, with VALUE read as the port's type says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from flowra.dag.catalog import NodeCatalog
from flowra.dag.graph import Graph
from flowra.dag.plan.expansion import located
from flowra.dag.plan.interface import input_port
from flowra.dag.port import Port
from flowra.exceptions import UsageError, printable
from flowra.execute.batch.ports import SHOWN, ports_of
from flowra.type.value.base import ValueType
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.scalar import JSON, Anything

__all__ = ["apply_settings", "input_values", "parse_value"]

_NUMBER = re.compile(r"\s*([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?\s*")


def parse_value(text: str, port: Port) -> Any:
    """Return what a text on the command line means for a port.

    Where the port takes text or paths, the text is taken as it is; everywhere else, a port of JSON included, it is read
    as JSON first, so that `640`, `true`, `null` and `[1, 2]` mean what they say; numbers also as `.5` and `+1`, which
    spreadsheets and people write. What fits neither way is returned as text, and the check of the graph says what is
    wrong with it.
    """
    readings: list[Any] = [text]
    try:
        read = json.loads(_as_json_number(text))
    except (ValueError, RecursionError):
        pass
    else:
        readings.insert(1 if _prefers_text(port.value_type) else 0, read)
    # What is of the right type and only beyond a limit is read as that, so that the limit is what is complained of.
    for reason_against in (port.reason_against, port.value_type.accepts_literal):
        for value in readings:
            if reason_against(value) is None:
                return value
    return text


def _as_json_number(text: str) -> str:
    """Return a number that JSON would write otherwise, as `.5`, `5.` and `+1`, as JSON writes it; other texts as is."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    sign, whole, digits, power = found.groups(default="")
    return f"{sign.strip('+')}{whole or '0'}{'.' + digits if digits else ''}{power}" if whole or digits else text


def _prefers_text(value_type: ValueType) -> bool:
    inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
    return not isinstance(inner, (JSON, Anything)) and inner.accepts_literal("text") is None


def input_values(graph: Graph, given: Iterable[str]) -> dict[str, Any]:
    """Return the graph inputs that `--input NAME=VALUE` gives; one that takes a list may be given several times.

    Raises:
        UsageError: One is not of that form, or a name is given twice.
    """
    values: dict[str, Any] = {}
    for item in given:
        name, text = _split(item, "--input NAME=VALUE")
        declared = graph.inputs.get(name)
        if declared is None:
            values[name] = text  # planning says which inputs there are
            continue
        port = input_port(declared)
        if isinstance(port.value_type, ListOf) and port.reason_against(parse_value(text, port)) is not None:
            item_port = Port(name, port.value_type.item, port.component)
            values.setdefault(name, []).append(parse_value(text, item_port))
            continue
        if name in values:
            raise UsageError(f"the input {name} is given twice", where=f"--input {item}")
        values[name] = parse_value(text, port)
    return values


def apply_settings(graph: Graph, settings: Iterable[str], catalog: NodeCatalog) -> Graph:
    """Return the graph with the ports that `--set NODE.PORT=VALUE` names set to literals; links there are replaced.

    Relative paths are taken from the working directory, where whoever writes them is, and not from the graph's folder.

    Raises:
        UsageError: One is not of that form, or there is no such node or port.
    """
    graph = graph.copy()
    for item in settings:
        place, text = _split(item, "--set NODE.PORT=VALUE")
        node_id, dot, port_name = place.partition(".")
        if not dot or not port_name:
            raise UsageError(
                f"{printable(place, SHOWN)!r} names no port", where=f"--set {item}", fix="write --set NODE.PORT=VALUE"
            )
        ports = ports_of(graph, node_id, catalog, place=f"--set {item}")
        if ports is None:
            continue  # the type is not known; planning says so, with all other mistakes
        node = graph.nodes[node_id]
        if port_name in ports.inputs:
            node.inputs[port_name] = _from_here(parse_value(text, ports.inputs[port_name]), ports.inputs[port_name])
        elif port_name in ports.init:
            node.init[port_name] = _from_here(parse_value(text, ports.init[port_name]), ports.init[port_name])
        else:
            raise ports.unknown(port_name, where=f"--set {item}")
    return graph


def _from_here(value: Any, port: Port) -> Any:
    return _as_text(located(value, port.value_type, Path.cwd()))


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return str(value) if isinstance(value, PurePath) else value


def _split(item: str, form: str) -> tuple[str, str]:
    name, equals, text = item.partition("=")
    if not equals or not name:
        raise UsageError(f"{printable(item, SHOWN)!r} is not of the form {form}")
    return name, text
