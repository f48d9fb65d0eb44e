"""One source file: its contents, and the imports in it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from flowra.dag.key.code.stamps import Stamp, is_settled, stamp_of
from flowra.storage.refs import digest_of

__all__ = ["ImportedName", "Source", "read_source"]


class ImportedName(NamedTuple):
    """A module that an import statement names, and what it takes from it.

    Attributes:
        level: How many dots stand before it; 0 for an absolute import.
        module: Its name; empty in `from . import x`.
        names: What is taken from it, each of which may be a module too; `*` for everything.
    """

    level: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A source file as it was read.

    Attributes:
        content: Its bytes.
        stamp: Its stamp when it was read.
    """

    content: bytes
    stamp: Stamp

    @cached_property
    def digest(self) -> bytes:
        """The digest of its contents, as a store gives it."""
        return digest_of("file", self.content)

    @cached_property
    def imports(self) -> tuple[ImportedName, ...]:
        """Every module that it may import, wherever in it the statement stands; some that only a text in it names."""
        lines = self.content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found = dict.fromkeys(_statements(_without_typing(lines)))
        found.update(dict.fromkeys(ImportedName(0, name[1].decode()) for name in _BY_NAME.finditer(lines)))
        return tuple(found)


# Parsing a whole module takes milliseconds, of which every process would pay for every file of a pack. An import
# statement can only begin a line, or follow a colon or semicolon in one; what begins like that is parsed by itself.
_BEGINNING = re.compile(rb"(?:^|[;:])[ \t\f]*((?:import|from)\b.*)", re.MULTILINE)
_COMMENT = re.compile(rb"#[^\n]*")
_ONE_LINE = re.compile(rb"[^#(\\\n]*")
#: `import_module("acme.models")`: the name has to stand there.
_BY_NAME = re.compile(rb"""\bimport(?:_module|__)\s*\(\s*["']([A-Za-z_][\w.]*)["']""")
#: The block that only type checkers read; one in which a text begins or ends may be no block at all.
_TYPING_BLOCK = re.compile(
    rb"^([ \t]*)if (?:\w+\.)?TYPE_CHECKING:[^\n]*\n((?:\1[ \t]+[^\n]*\n|[ \t]*\n)*)", re.MULTILINE
)


def _without_typing(lines: bytes) -> bytes:
    return _TYPING_BLOCK.sub(lambda block: block[0] if b'"""' in block[2] or b"'''" in block[2] else b"", lines)


def _statements(lines: bytes) -> Iterator[ImportedName]:
    end = 0
    for beginning in _BEGINNING.finditer(lines):
        start = beginning.start(1)
        if start < end:
            continue  # the `import` of a `from` in the line before
        text = beginning[1]
        stop = 0 if _ONE_LINE.fullmatch(text) else _end_of_statement(lines, start)
        try:
            tree = ast.parse(_COMMENT.sub(b"", lines[start:stop]) if stop else text.strip())
        except (SyntaxError, ValueError):
            continue  # part of a text or a comment
        end = stop
        for node in tree.body:
            if isinstance(node, ast.Import):
                yield from (ImportedName(0, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield ImportedName(node.level, node.module or "", tuple(alias.name for alias in node.names))


def _end_of_statement(lines: bytes, start: int) -> int:
    """Return where a statement ends that goes on over lines: after the closing bracket, or a line without backslash."""
    depth, end = 0, start
    while end < len(lines):
        begin, end = end, lines.find(b"\n", end) + 1 or len(lines)
        code = lines[begin:end].partition(b"#")[0]
        depth += code.count(b"(") - code.count(b")")
        if depth <= 0 and not code.rstrip().endswith(b"\\"):
            break
    return end


#: The same few files are asked for by every node type of a pack, and by every run of a process.
_read: dict[Path, Source] = {}


def read_source(path: Path) -> Source:
    """Return a source file, read again only if it may have changed since the last time.

    Raises:
        OSError: It can't be read.
    """
    known = _read.get(path)
    if known is not None and known.stamp == stamp_of(path.stat()):
        return known
    with path.open("rb") as file:
        while True:
            stamp = stamp_of(os.fstat(file.fileno()))
            file.seek(0)
            content = file.read()
            if stamp == stamp_of(os.fstat(file.fileno())):
                break
    source = Source(content, stamp)
    if is_settled(stamp):
        _read[path] = source
    return source
