"""The items of a batch as a command line names them: files that match a pattern, or the lines of a file."""

from __future__ import annotations

import csv
import glob
import io
import itertools
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from flowra.cli.batch.spec import STDIN, BatchSpec
from flowra.cli.values import parse_value
from flowra.exceptions import FlowraError, UsageError, printable

if TYPE_CHECKING:
    from flowra.dag.graph import Graph
    from flowra.dag.port import Port

__all__ = ["Items", "items_of"]

#: Bytes that are no UTF-8 are kept while a line is read: then it is that line that fails, and not all after it.
_ERRORS = "surrogateescape"
_NOT_UTF8 = "it is not in UTF-8"
_AS_UTF8 = "save it in UTF-8; a spreadsheet calls that 'CSV UTF-8'"

PortOf = Callable[[str], "Port | None"]


@dataclass
class Items:
    """The items of a batch.

    Attributes:
        given: What each gives; None where there is no source of items.
        fields: What they may give.
        label: What people know one by; None for the usual.
    """

    given: Any = None
    fields: Collection[str] = ()
    label: Callable[[Mapping[str, Any]], str] | None = None


def items_of(spec: BatchSpec, graph: Graph, inputs: Collection[str], port_of: PortOf) -> Items:
    """Return the items that a command line names.

    Args:
        spec: What it says.
        graph: The graph.
        inputs: Inputs of the graph that are given for all items.
        port_of: Gives the port for `input` or `node.port`; None where there is none.

    Raises:
        UsageError: There are none, or it is not clear which input takes them.
    """
    if spec.patterns and spec.file:
        raise UsageError("--batch and --batch-file both name items", fix="give one of them")
    if spec.patterns:
        name = spec.input or _only_input(graph, inputs)
        if name not in graph.inputs and "." not in name:
            raise UsageError(f"the graph has no input {name!r}", fix=f"its inputs: {', '.join(graph.inputs) or 'none'}")
        return Items([{name: path} for path in _files(spec.patterns)], (name,))
    if spec.input:
        raise UsageError("--batch-input goes with --batch", fix="--batch 'photos/*.jpg' --batch-input NAME")
    if not spec.file:
        return Items()
    if spec.file == STDIN:
        lines = _Lines(_stdin, "standard input", port_of, is_csv=None)
        return Items(lines, label=lines.label)
    path = Path(spec.file)
    lines = _Lines(lambda: _opened(path), str(path), port_of, is_csv=_is_csv(path))
    return Items(lines, lines.fields(), lines.label)


def _only_input(graph: Graph, given: Collection[str]) -> str:
    """Return the input that takes the items: the only one that is not given, or the only one that has to be."""
    left = [name for name in graph.inputs if name not in given]
    required = [name for name in left if graph.inputs[name].required]
    for names in (required, left):
        if len(names) == 1:
            return names[0]
    raise UsageError(
        "it is not clear which input of the graph takes the items",
        why=f"it has {', '.join(left)}" if left else "it has none that is not given",
        fix="--batch-input NAME" if left else "give the graph an input, or name a port: --batch-input NODE.PORT",
    )


def _files(patterns: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        if os.path.isdir(pattern):  # noqa: PTH112  text, as the pattern is
            inside = [os.path.join(pattern, name) for name in os.listdir(pattern) if not name.startswith(".")]  # noqa: PTH118, PTH208
            matching = [path for path in inside if os.path.isfile(path)]  # noqa: PTH113
        else:
            matching = glob.glob(pattern, recursive=True)  # noqa: PTH207
        if not matching:
            raise _no_files(pattern)
        found.update(dict.fromkeys(sorted(matching)))
    return list(found)


def _no_files(pattern: str) -> UsageError:
    shown, where = printable(pattern, 80), f"--batch, in {Path.cwd()}"
    if os.path.isdir(pattern):  # noqa: PTH112
        fix = f"for those in its folders as well: --batch '{shown.rstrip('/')}/**/*.jpg'"
        return UsageError(f"there are no files in the folder {shown}", where=where, fix=fix)
    if glob.has_magic(pattern):
        return UsageError(f"no file matches {shown}", where=where, fix="correct the pattern; ls shows what is there")
    return UsageError(f"there is no file or folder {shown}", where=where, fix="correct the path")


def _is_csv(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return True
    if suffix in (".jsonl", ".ndjson", ".json"):
        return False
    raise UsageError(
        f"it is not clear how the items are written in {path}", fix="name the file .csv, .tsv or .jsonl, or give -"
    )


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", errors=_ERRORS, newline="") as stream:
            yield stream
    except OSError as error:
        raise UsageError("the items can't be read", where=str(path), why=error.strerror or str(error)) from error


@contextmanager
def _stdin() -> Iterator[TextIO]:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors=_ERRORS)
    yield sys.stdin


class _Lines:
    """The items in the lines of a file. A line that can't be read is an item that fails.

    Args:
        opened: Opens the file.
        name: What it is called.
        port_of: Gives the port for `input` or `node.port`.
        is_csv: Whether the first line names columns; found out by the first line if None.
    """

    def __init__(self, opened: Callable[[], Any], name: str, port_of: PortOf, *, is_csv: bool | None) -> None:
        self._opened = opened
        self._name = name
        self._port_of = port_of
        self._is_csv = is_csv
        self._paths: dict[str, bool] = {}

    def label(self, given: Mapping[str, Any]) -> str:
        """Return what people know an item by: the first file that it gives, or the only text; empty if neither."""
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        files = [value for name, value in texts.items() if self._takes_files(name)]
        return files[0] if files else next(iter(texts.values())) if len(texts) == 1 else ""

    def _takes_files(self, name: str) -> bool:
        if name not in self._paths:
            try:
                port = self._port_of(name)
            except UsageError:  # said of the item itself
                port = None
            self._paths[name] = port is not None and port.value_type.reads_files
        return self._paths[name]

    def fields(self) -> list[str]:
        """Return what the items may give; the file is read for it."""
        with self._opened() as stream:
            if self._is_csv:
                return self._table(stream)[0]
            names: dict[str, None] = {}
            for line in stream:
                given = _parsed(line)
                if isinstance(given, dict):
                    names.update(dict.fromkeys(given))
            return list(names)

    def __iter__(self) -> Iterator[Mapping[str, Any] | FlowraError]:
        with self._opened() as stream:
            lines = iter(stream)
            is_csv = self._is_csv
            first: list[str] = []
            if is_csv is None:
                first = [line.removeprefix("\ufeff") for line in [next(lines, "")] if line]
                is_csv = not (first and first[0].lstrip().startswith("{"))
            lines = itertools.chain(first, lines)
            yield from self._of_csv(lines) if is_csv else self._of_json(lines)

    def _of_json(self, lines: Iterator[str]) -> Iterator[Mapping[str, Any] | FlowraError]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            given = _parsed(line)
            if not _is_utf8([line]):
                yield self._unreadable(number, _NOT_UTF8)
            elif isinstance(given, dict):
                yield given
            else:
                yield self._unreadable(number, "it is no JSON object")

    def _of_csv(self, lines: Iterator[str]) -> Iterator[Mapping[str, Any] | FlowraError]:
        columns, rows = self._table(lines)
        ports = [self._port_of(column) for column in columns]
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._unreadable(rows.line_num, str(error))
                continue
            if not row:
                continue
            if not _is_utf8(row):
                yield self._unreadable(rows.line_num, _NOT_UTF8)
                continue
            if len(row) != len(columns):
                yield self._unreadable(rows.line_num, f"it has {len(row)} cells under {len(columns)} columns")
                continue
            # An empty cell says nothing: the graph's default holds.
            yield {
                column: text if port is None else parse_value(text, port)
                for column, port, text in zip(columns, ports, row, strict=True)
                if text
            }

    def _table(self, lines: Iterator[str]) -> tuple[list[str], Any]:
        """Return the columns of a table, and what reads the rows below."""
        first, where = next(lines, ""), f"{self._name}, line 1"
        if not _is_utf8([first]):
            raise UsageError("the items can't be read", where=where, why=_NOT_UTF8, fix=_AS_UTF8)
        # Where the comma is the decimal sign, spreadsheets write semicolons.
        delimiter = ";" if ";" in first and "," not in first else ","
        if self._name.lower().endswith(".tsv"):
            delimiter = "\t"
        rows = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
        try:
            columns = [column.strip() for column in next(rows, [])]
        except csv.Error as error:  # a null character, with Python 3.10
            raise UsageError("the items can't be read", where=where, why=str(error)) from error
        if not any(columns):
            raise UsageError("there are no items", where=self._name, why="its first line names no columns")
        if twice := [column for column in columns if columns.count(column) > 1]:
            raise UsageError(f"two columns are called {printable(twice[0], 80)}", where=where)
        return columns, rows

    def _unreadable(self, line: int, why: str) -> UsageError:
        fix = _AS_UTF8 if why == _NOT_UTF8 else None
        return UsageError("the item can't be read", where=f"{self._name}, line {line}", why=why, fix=fix)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_utf8(texts: Sequence[str]) -> bool:
    """Return whether all bytes of texts that were read with `_ERRORS` made sense."""
    return all(text.isascii() or not any("\udc80" <= each <= "\udcff" for each in text) for text in texts)
