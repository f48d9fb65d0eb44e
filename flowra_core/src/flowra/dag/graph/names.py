"""What may be called what: ids of nodes, names of ports, inputs, outputs and subgraphs, and node types."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

__all__ = [
    "MAX_NAME_LENGTH",
    "NAME_PATTERN",
    "SUBGRAPH_PREFIX",
    "TYPE_PATTERN",
    "name_fault",
    "nearest",
    "shorten",
    "subgraph_name",
    "type_fault",
]

#: The longest name; long enough for generated ids, short enough for messages, file names and pictures.
MAX_NAME_LENGTH = 200

#: Ids of nodes and names of ports, graph inputs, graph outputs and subgraphs. There is no "." (it separates node
#: and port in a link) and no "/" (it appears in ids of expanded subgraph nodes only).
NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]{0,199}$"

#: Node types: `pack/Node`.
TYPE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]*/[A-Za-z_][A-Za-z0-9_.-]*$"

#: A node of type `graph/NAME` is the subgraph NAME.
SUBGRAPH_PREFIX = "graph/"

# `\Z` where JSON Schema's dialect has `$`: in Python `$` also matches before a last line break.
_is_name = re.compile(NAME_PATTERN.replace("$", r"\Z")).match
_is_type = re.compile(TYPE_PATTERN.replace("$", r"\Z")).match

# A name is compared with every candidate; in a graph of 100,000 nodes that would take seconds for each mistake.
_CANDIDATES = 5_000


def name_fault(name: object) -> str | None:
    """Return what is wrong with a name, or None if it is a good one."""
    if isinstance(name, str) and _is_name(name):
        return None
    if not isinstance(name, str):
        return f"a name is text, not {shorten(name)}"
    if not name:
        return "a name can't be empty"
    if len(name) > MAX_NAME_LENGTH:
        return f"{len(name):,} characters long; a name has at most {MAX_NAME_LENGTH}"
    return f"{shorten(name)} is no name: it starts with a letter or _, and has letters, digits, _ and - after that"


def type_fault(node_type: object) -> str | None:
    """Return what is wrong with the text of a node type, or None; whether a pack has it is another question."""
    if isinstance(node_type, str) and len(node_type) <= 2 * MAX_NAME_LENGTH and _is_type(node_type):
        return None
    if isinstance(node_type, str):
        return f'{shorten(node_type)} is no node type: it is written "pack/Node", for example "image/Resize"'
    return f"a node type is text, not {shorten(node_type)}"


def subgraph_name(node_type: str) -> str | None:
    """Return the name of the subgraph that a node type stands for, or None for the type of a node class."""
    return node_type[len(SUBGRAPH_PREFIX) :] if node_type.startswith(SUBGRAPH_PREFIX) else None


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that looks most like `name`, or None if none looks like it."""
    from flowra.plugin.nearest import nearest_name

    return nearest_name(name[: 2 * MAX_NAME_LENGTH], islice(known, _CANDIDATES))


def shorten(value: object, length: int = 60) -> str:
    """Return the text of a value for a message, on one line and of bounded length."""
    if isinstance(value, str):
        text = repr(value[: length + 1])
    elif isinstance(value, dict | list | tuple | set | frozenset):
        # The text of a container can be as large as the file that it came from.
        kind = {dict: "an object", list: "a list"}.get(type(value), f"a {type(value).__name__}")
        return kind if value else f"an empty {kind.split()[-1]}"
    elif value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int | float):
        text = str(value) if abs(value) < 1e30 else f"{value:.6g}" if isinstance(value, float) else "a huge number"
    else:
        text = f"a {type(value).__qualname__}"
    return text if len(text) <= length else f"{text[: length - 1]}…"
