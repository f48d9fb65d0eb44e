"""Writes the outputs of a run as files that people can open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowra.dag.port import jsonable
from flowra.exceptions import RunError
from flowra.type.handler import handler_for
from flowra.type.value.base import ValueType
from flowra.type.value.containers import OptionalOf
from flowra.type.value.media import MediaType

__all__ = ["export_outputs"]

#: The file that holds the outputs that are plain data.
VALUES_FILE = "outputs.json"


def export_outputs(values: Mapping[str, tuple[Any, ValueType]], folder: Path) -> dict[str, Any]:
    """Write outputs for people and say where each lies.

    Pictures, sound and the like become a file each, named after the output; numbers, text and JSON are kept together
    in `outputs.json`.

    Args:
        values: Each output's value and type, by name.
        folder: Where the files go.

    Returns:
        By name: `{"file": path}` for what became a file, `{"value": …}` for plain data.

    Raises:
        RunError: The folder can't be written to.
    """
    try:
        return _export(values, folder)
    except OSError as error:
        raise RunError(
            "the outputs can't be written",
            where=str(folder),
            why=error.strerror or str(error),
            fix="choose another folder: flowra run … --output DIR",
        ) from error


def _export(values: Mapping[str, tuple[Any, ValueType]], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, (value, value_type) in values.items():
        inner = value_type.item if isinstance(value_type, OptionalOf) else value_type
        if isinstance(inner, MediaType) and value is not None:
            folder.mkdir(parents=True, exist_ok=True)
            stem = folder / name.replace(".", "-").replace("/", "-")
            found[name] = {"file": str(handler_for(inner.handled_as).export(value, stem))}
        elif isinstance(value, Path):
            found[name] = {"file": str(value)}
        else:
            plain[name] = _plain(value)
            found[name] = {"value": plain[name]}
    if plain:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain, ensure_ascii=False, indent=2)
        (folder / VALUES_FILE).write_text(f"{text}\n", encoding="utf-8")
    return found


def _plain(value: Any) -> Any:
    try:
        return jsonable(value)
    except Exception:  # noqa: BLE001  whatever a pack's class does when it is dumped, its text is worth having
        return repr(value)
