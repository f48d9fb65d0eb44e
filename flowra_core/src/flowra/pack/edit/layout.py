"""How a pack's source tree is laid out: which file holds a module, a node's test, its example."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowra.exceptions import UsageError
from flowra.pack.edit.changes import Changes
from flowra.pack.edit.entry_module import EntryModule, WrittenEntry
from flowra.pack.edit.node_text import snake_case
from flowra.pack.edit.python_source import PythonSource
from flowra.pack.project import PackProject
from flowra.plugin.nearest import did_you_mean

__all__ = ["Layout"]


@dataclass
class Layout:
    """A pack's tree, and the changes that are to be made to it.

    Attributes:
        project: The pack.
        changes: What is to become of its files.
    """

    project: PackProject
    changes: Changes = field(init=False)

    def __post_init__(self) -> None:
        self.changes = Changes(self.project.root)

    # ---- modules

    def file_of(self, module: str) -> str:
        """Return the file of a module, relative to the pack's folder; a package's is its `__init__.py`."""
        base = self.project.source.joinpath(*module.split("."))
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        return path.relative_to(self.project.root).as_posix()

    def entry_module(self) -> EntryModule:
        """Return the entry-point module, as it will be."""
        name = self.file_of(self.project.module)
        text = self.changes.read(name)
        if text is None:
            raise UsageError(
                f"the entry-point module {self.project.module} is not there", where=str(self.project.root / name)
            )
        return EntryModule(text, str(self.project.root / name))

    def entry(self, name: str) -> WrittenEntry:
        """Return the entry of a node.

        Raises:
            UsageError: There is none; the message has the nearest.
        """
        entries = {each.name: each for each in self.entry_module().entries}
        if name not in entries:
            raise UsageError(
                f"the pack has no node {name!r}{did_you_mean(name, entries)}",
                where=str(self.project.root),
                fix="flowra project list  shows its nodes",
            )
        return entries[name]

    def module_of_group(self, group: str) -> str:
        """Return the module for a group's nodes: the one that has most of them, or a new one."""
        modules = [each.target.partition(":")[0] for each in self.entry_module().entries if each.group == group]
        if modules:
            return max(modules, key=modules.count)
        package = self.project.module.rpartition(".")[0] or self.project.module
        top = package.partition(".")[0]
        inside = f"{top}.nodes" if (self.project.package_dir / "nodes").is_dir() else top
        return f"{inside}.{group.replace(' ', '_')}"

    def text(self, name: str) -> str:
        """Return the text that a file will have; raises UsageError where there will be none."""
        text = self.changes.read(name)
        if text is None:
            raise UsageError(f"{name} is not there", where=str(self.project.root))
        return text

    def imports(self, file: str, module: str, name: str) -> bool:
        """Return whether a file imports a name from a module."""
        text = self.changes.read(file)
        if text is None or name not in text:
            return False
        return any(
            isinstance(node, ast.ImportFrom) and node.module == module and any(each.name == name for each in node.names)
            for node in ast.walk(PythonSource(text, self.shown(file)).tree)
        )

    # ---- what belongs to a node

    def test_of(self, name: str) -> str:
        """Return the file of a node's test."""
        return f"tests/test_{snake_case(name)}.py"

    def example_of(self, name: str) -> str:
        """Return the file of a node's example graph."""
        return f"examples/{snake_case(name)}.json"

    def python_files(self) -> Iterator[str]:
        """Return every Python file of the sources and the tests."""
        for folder in (self.project.package_dir, self.project.root / "tests"):
            for path in sorted(folder.rglob("*.py")):
                yield path.relative_to(self.project.root).as_posix()

    def graphs(self) -> Iterator[str]:
        """Return every graph file in the examples."""
        for path in sorted((self.project.root / "examples").rglob("*.json")):
            name = path.relative_to(self.project.root).as_posix()
            if is_graph(self.changes.read(name) or ""):
                yield name

    def graphs_with(self, node: str) -> list[str]:
        """Return the example graphs that use a node of the pack."""
        pattern = self._type_pattern(node)
        return [name for name in self.graphs() if pattern.search(self.changes.read(name) or "")]

    def retype(self, graph: str, old: str, new: str) -> None:
        """Give a node another type in a graph file, and leave the rest of the file as it is."""
        text = self.changes.read(graph) or ""
        self.changes.write(graph, self._type_pattern(old).sub(rf'\g<1>"{self.project.pack}/{new}"', text))

    def _type_pattern(self, node: str) -> re.Pattern[str]:
        return re.compile(rf'("type"\s*:\s*)"{re.escape(f"{self.project.pack}/{node}")}"')

    def picture(self) -> bytes | None:
        """Return a picture for examples, or None where there is one."""
        return None if (self.project.root / "examples" / "picture.png").exists() else _small_picture()

    def shown(self, name: str) -> str:
        """Return a file as people are told of it."""
        return str(Path(self.project.root, name))


def is_graph(text: str) -> bool:
    """Return whether a text is a graph file, valid or not: examples may hold other JSON, such as weights."""
    try:
        data = json.loads(text)
    except ValueError:
        return '"flowra/' in text
    return isinstance(data, dict) and ("nodes" in data or str(data.get("format", "")).startswith("flowra/"))


def _small_picture(width: int = 64, height: int = 48) -> bytes:
    """Return a PNG with two slopes of colour."""
    import struct
    import zlib

    rows = b"".join(
        b"\0" + b"".join(bytes((x * 4 % 256, y * 5 % 256, 128)) for x in range(width)) for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
