"""The results of a batch as a table: a row for each item, in CSV, JSON lines or Parquet.

Items end in any order and may give different columns. So rows wait in a temporary file beside the table, and memory
stays as it is however many there are.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from flowra.dag.port import jsonable
from flowra.exceptions import RunError, UsageError
from flowra.execute.batch.item import ItemResult

__all__ = ["ResultsTable", "row_of"]

#: Columns that each row begins with.
_FIRST = ("item", "label", "status", "seconds", "cached")
#: Rows in a group of a Parquet file.
_GROUP = 10_000
#: The most characters of a value in a table; a picture's file is a path, and text can be megabytes.
_LONGEST = 10_000


def row_of(result: ItemResult) -> dict[str, Any]:
    """Return a result as a row: what it gave as `given.NAME`, its outputs by name, their fields as `name.field`."""
    row: dict[str, Any] = {
        "item": result.index,
        "label": result.label,
        "status": result.status,
        "seconds": round(result.seconds, 6),
        "cached": result.cached,
    }
    for name, value in result.given.items():
        _put(row, f"given.{name}", value)
    for name, value in result.outputs.items():
        where = result.files.get(name, {})
        if "file" in where:
            row[name] = where["file"]
        elif "files" in where:
            row[name] = json.dumps(where["files"], ensure_ascii=False)
        else:
            _put(row, name, value)
    if result.error is not None:
        row["error"] = result.reason[:_LONGEST]
    return row


def _put(row: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for field, each in value.items():
            _put(row, f"{name}.{field}", each)
    elif value is None or isinstance(value, (bool, int, float, str)):
        row[name] = value[:_LONGEST] if isinstance(value, str) else value
    elif isinstance(value, Path):
        row[name] = str(value)
    else:
        # What is no plain data, as a picture that was not written, is left out.
        with contextlib.suppress(Exception):
            row[name] = json.dumps(jsonable(value), ensure_ascii=False)[:_LONGEST] if _is_small(value) else None


def _is_small(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or not hasattr(value, "nbytes")


class ResultsTable:
    """Writes a table of results; used as a context around the batch.

    Args:
        path: The file: `.csv`, `.jsonl` or `.parquet`; see `check`.

    Raises:
        UsageError: It has another ending, can't be written, or what writes Parquet is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.check(path)
        self.path = path
        self._kind = _kind_of(path)
        self._columns: dict[str, None] = dict.fromkeys(_FIRST)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        except OSError as error:
            raise UsageError(
                "the table of results can't be written", where=str(path), why=error.strerror or str(error)
            ) from error
        self._rows = os.fdopen(descriptor, "wb")
        self._temporary = Path(name)
        # Where the row of each item begins: they come as items end, and stand in the order of the items.
        self._places = array("q")
        self._items = array("q")

    @staticmethod
    def check(path: Path) -> None:
        """Raise UsageError for a file that no table can be written to, as far as that shows without writing."""
        if _kind_of(path) not in ("csv", "jsonl", "parquet"):
            raise UsageError(f"no table can be written to {path}", fix="name it .csv, .jsonl or .parquet")
        if _kind_of(path) == "parquet":
            _check_parquet()

    def add(self, result: ItemResult) -> None:
        """Write a row."""
        row = row_of(result)
        self._columns.update(dict.fromkeys(row))
        self._items.append(result.index)
        self._places.append(self._rows.tell())
        self._rows.write(json.dumps(row).encode() + b"\n")

    def __enter__(self) -> ResultsTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._rows.close()
            self._write()
        except OSError as failed:
            raise RunError(
                "the table of results can't be written", where=str(self.path), why=failed.strerror or str(failed)
            ) from failed
        finally:
            self._temporary.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._kind == "jsonl":
            with self.path.open("w", encoding="utf-8") as stream:
                stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in self._read())
        elif self._kind == "csv":
            with self.path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, self._ordered())
                writer.writeheader()
                writer.writerows(self._read())
        else:
            self._write_parquet()

    def _ordered(self) -> list[str]:
        """Return the columns, the error last."""
        return [*(name for name in self._columns if name != "error"), *(["error"] if "error" in self._columns else [])]

    def _read(self) -> Iterator[dict[str, Any]]:
        with self._temporary.open("rb") as stream:
            for place in sorted(range(len(self._items)), key=self._items.__getitem__):
                stream.seek(self._places[place])
                yield json.loads(stream.readline())

    def _write_parquet(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        names = self._ordered()
        kinds: dict[str, set[type]] = {name: set() for name in names}
        for row in self._read():
            for name, value in row.items():
                kinds[name].add(type(value))
        schema = pa.schema([(name, _arrow_type(kinds[name] - {type(None)}, pa)) for name in names])
        with parquet.ParquetWriter(self.path, schema) as writer:
            group: list[dict[str, Any]] = []
            for row in self._read():
                group.append({name: _fitting(row.get(name), schema.field(name).type, pa) for name in names})
                if len(group) == _GROUP:
                    writer.write_table(pa.Table.from_pylist(group, schema=schema))
                    group = []
            if group:
                writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _kind_of(path: Path) -> str:
    return path.suffix.lower().lstrip(".")


def _check_parquet() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "Parquet can't be written", why=str(error), fix="pip install 'flowra[parquet]', or name the table .csv"
        ) from error


def _arrow_type(kinds: set[type], pyarrow: Any) -> Any:
    if kinds == {bool}:
        return pyarrow.bool_()
    if kinds == {int}:
        return pyarrow.int64()
    if kinds and kinds <= {int, float}:
        return pyarrow.float64()
    return pyarrow.string()


def _fitting(value: Any, arrow_type: Any, pyarrow: Any) -> Any:
    if value is None or not pyarrow.types.is_string(arrow_type):
        return value
    return value if isinstance(value, str) else json.dumps(value)
