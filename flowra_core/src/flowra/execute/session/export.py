"""Writes the outputs of a run as files that people can open."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowra.exceptions import FlowraError, RunError, UsageError
from flowra.type.handler import handler_for
from flowra.type.value.base import ValueType, short
from flowra.type.value.containers import ListOf, OptionalOf
from flowra.type.value.media import MediaType

__all__ = ["check_folder", "export_outputs"]

#: The file that holds the outputs that are plain data.
VALUES_FILE = "outputs.json"
_AS_IN_JSON = frozenset({bool, int, str, type(None)})
_ANOTHER_FOLDER = "choose another folder: flowra run … --output DIR"


def check_folder(folder: Path) -> None:
    """Find out before a run, rather than after it, that nothing can be written to a folder.

    Raises:
        UsageError: It is no folder and can't become one, or it can't be written to.
    """
    try:
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        reason = "" if nearest.is_dir() else f"{nearest} is a file"
        if not reason and not os.access(nearest, os.W_OK | os.X_OK):
            reason = f"{nearest} can't be written to"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise UsageError("the folder for the results can't be used", where=str(folder), why=reason, fix=_ANOTHER_FOLDER)


def export_outputs(
    values: Mapping[str, tuple[Any, ValueType]], folder: Path, *, values_file: bool = True
) -> dict[str, Any]:
    """Write outputs for people and say where each lies.

    Pictures, sound and the like become a file each, named after the output, and a list of them a folder of numbered
    files; numbers, text and JSON are kept together in `outputs.json`.

    Args:
        values: Each output's value and type, by name.
        folder: Where the files go.
        values_file: Whether numbers, text and JSON are written.

    Returns:
        By name: `{"file": path}` for what became a file, `{"files": [path, …]}` for a list of them, `{"value": …}`
        for plain data.

    Raises:
        RunError: An output can't be written; the others are written all the same.
    """
    found: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    failures: list[RunError] = []
    stems = _Stems(folder)
    for name, (value, value_type) in values.items():
        try:
            if isinstance(_innermost(value_type), MediaType) and value is not None:
                found[name] = _write(value, value_type, stems.take(name))
                continue
        except Exception as error:  # noqa: BLE001  handlers are a pack's, and may fail in any way
            failures.append(_failure(name, folder, error))
            continue
        if isinstance(value, Path):
            found[name] = {"file": str(value)}
        else:
            plain[name] = _plain(value)
            found[name] = {"value": plain[name]}
    if plain and values_file:
        try:
            _write_values(plain, folder)
        except OSError as error:
            failures.append(_failure(", ".join(plain), folder, error))
    if failures:
        raise failures[0]
    return found


class _Stems:
    """Names of files, none of them twice, on systems that ignore case neither."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = {Path(VALUES_FILE).stem}

    def take(self, name: str) -> Path:
        """Return the file for an output, without ending."""
        wanted = stem = name.replace(".", "-").replace("/", "-")
        number = 1
        while stem.casefold() in self._taken:
            number += 1
            stem = f"{wanted}_{number}"
        self._taken.add(stem.casefold())
        return self._folder / stem


def _innermost(value_type: ValueType) -> ValueType:
    while isinstance(value_type, (ListOf, OptionalOf)):
        value_type = value_type.item
    return value_type


def _write(value: Any, value_type: ValueType, stem: Path) -> dict[str, Any]:
    if isinstance(value_type, OptionalOf):
        return {"files": []} if value is None else _write(value, value_type.item, stem)
    if isinstance(value_type, ListOf):
        width = len(str(len(value)))
        written = [
            _write(item, value_type.item, stem / f"{number:0{width}}") for number, item in enumerate(value, start=1)
        ]
        return {"files": [path for each in written for path in (each["files"] if "files" in each else [each["file"]])]}
    assert isinstance(value_type, MediaType), "asked for before"
    stem.parent.mkdir(parents=True, exist_ok=True)
    return {"file": str(handler_for(value_type.handled_as).export(value, stem))}


def _write_values(plain: Mapping[str, Any], folder: Path) -> None:
    """Write the file of plain data, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    from pydantic_core import to_json

    try:
        text = to_json(plain, indent=2)
    except ValueError:  # names of files that are no UTF-8 have halves of surrogate pairs in Python
        text = json.dumps(plain, indent=2).encode()
    unfinished = folder / f"{VALUES_FILE}.{os.getpid()}.part"
    try:
        unfinished.write_bytes(text + b"\n")
        unfinished.replace(folder / VALUES_FILE)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _plain(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    if type(value) in _AS_IN_JSON:
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()  # the alphabet that a port of bytes reads; pydantic has the other one
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    try:
        # JSON has no NaN and no infinity: null, as everywhere where JSON is written.
        return to_jsonable_python(value, inf_nan_mode="null")
    except Exception:  # noqa: BLE001  whatever a pack's class does when it is dumped, the output is worth naming
        return short(value)


def _failure(name: str, folder: Path, error: Exception) -> RunError:
    if isinstance(error, OSError):
        why, fix = error.strerror or str(error), _ANOTHER_FOLDER
    elif isinstance(error, FlowraError):
        why, fix = "\n".join(filter(None, [error.what, error.why])), error.fix or ""
    else:
        why, fix = f"{type(error).__name__}: {error}", "correct the handler of the pack that has the value's type"
    result = RunError(f"the output {name} can't be written", where=str(folder), why=why, fix=fix or None)
    result.__cause__ = error
    return result
