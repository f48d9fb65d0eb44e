"""Edits of Python source by position: what is not touched stays as the author wrote it, byte for byte.

`ast` says where each part stands; an edit replaces the bytes there. Nothing is ever printed from a tree, so comments,
quotes, line breaks and the order of things are the author's.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence

from flowra.exceptions import PluginError

__all__ = ["LINE_LENGTH", "PythonSource"]

#: The longest line that is written.
LINE_LENGTH = 120
_Part = ast.stmt | ast.expr | ast.alias


class PythonSource:
    """A module's text, its tree, and the edits that are to be made to it."""

    def __init__(self, text: str, where: str) -> None:
        """Read a module.

        Args:
            text: The text.
            where: Its file, for messages.

        Raises:
            PluginError: It is no Python; the message has the line.
        """
        self.where = where
        self._bytes = text.encode("utf-8")
        try:
            self.tree = ast.parse(self._bytes)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise PluginError(
                "this is no Python that can be read",
                where=f"{where}:{line}" if line else where,
                why=getattr(error, "msg", str(error)),
                fix="correct it first; nothing was changed",
            ) from None
        self._starts = [0]
        for line in self._bytes.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._edits: list[tuple[int, int, str]] = []

    # ---- positions

    def start(self, part: _Part) -> int:
        """Return where a part begins, in bytes."""
        return self._starts[part.lineno - 1] + part.col_offset

    def end(self, part: _Part) -> int:
        """Return where a part ends, in bytes."""
        assert part.end_lineno is not None
        assert part.end_col_offset is not None
        return self._starts[part.end_lineno - 1] + part.end_col_offset

    def segment(self, part: _Part) -> str:
        """Return the text of a part."""
        return self._bytes[self.start(part) : self.end(part)].decode("utf-8")

    def line_start(self, line: int) -> int:
        """Return where a line begins, in bytes; lines count from 1, and one behind the last is the end."""
        return self._starts[min(line, len(self._starts)) - 1]

    # ---- edits

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of some bytes."""
        self._edits.append((start, end, text))

    def result(self) -> str:
        """Return the text with the edits made, and check that it is Python still."""
        newline = "\r\n" if b"\r\n" in self._bytes else "\n"
        content = self._bytes
        for start, end, text in sorted(self._edits, reverse=True):
            content = content[:start] + text.replace("\n", newline).encode("utf-8") + content[end:]
        made = content.decode("utf-8")
        PythonSource(made, self.where)
        return made

    # ---- the module's imports

    def from_imports(self) -> Iterator[ast.ImportFrom]:
        """Return the `from … import …` statements at the module's top level."""
        for statement in self.tree.body:
            if isinstance(statement, ast.ImportFrom) and statement.level == 0:
                yield statement

    def import_names(self, module: str, names: Sequence[str], own_package: str) -> None:
        """Import names from a module, where they aren't yet: in the import that is there, or in a new sorted one."""
        for statement in self.from_imports():
            if statement.module == module:
                known = [
                    each.name if each.asname is None else f"{each.name} as {each.asname}" for each in statement.names
                ]
                wanted = sorted({*known, *names}, key=_isort_key)
                if sorted(known) != sorted(wanted):
                    self._rewrite_import(statement, module, wanted)
                return
        text = _import_text(module, sorted(set(names), key=_isort_key))
        key = (_section(module, own_package), 1, module)
        known_imports = [
            (_statement_key(each, own_package), each)
            for each in self.tree.body
            if isinstance(each, ast.Import | ast.ImportFrom)
        ]
        before = next((found for found in reversed(known_imports) if found[0] < key), None)
        after = next((found for found in known_imports if found[0] > key), None)
        if after is not None and after[0][0] == key[0]:
            self._insert(self.start(after[1]), f"{text}\n")
        elif before is not None:
            gap = "" if before[0][0] == key[0] else "\n"
            self._insert(self.line_start((before[1].end_lineno or before[1].lineno) + 1), f"{gap}{text}\n")
        elif after is not None:
            self._insert(self.start(after[1]), f"{text}\n\n")
        elif ast.get_docstring(self.tree, clean=False) is not None:
            self._insert(self.line_start((self.tree.body[0].end_lineno or 0) + 1), f"\n{text}\n")
        else:
            self._insert(0, f"{text}\n")

    def drop_unused_imports(self, gone: ast.stmt) -> None:
        """Take out the imports that only a statement which goes has used."""
        used = {
            node.id
            for each in self.tree.body
            if each is not gone
            for node in ast.walk(each)
            if isinstance(node, ast.Name)
        }
        by_gone = {node.id for node in ast.walk(gone) if isinstance(node, ast.Name)}
        for statement in self.tree.body:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            bound = {each: (each.asname or each.name.partition(".")[0]) for each in statement.names}
            kept = [each for each, name in bound.items() if name in used or name not in by_gone]
            if not kept:
                self.remove_statement(statement)
            elif len(kept) < len(bound) and isinstance(statement, ast.ImportFrom):
                names = [each.name if each.asname is None else f"{each.name} as {each.asname}" for each in kept]
                self._rewrite_import(statement, statement.module or "", names)

    def _rewrite_import(self, statement: ast.ImportFrom, module: str, names: Sequence[str]) -> None:
        self.replace(self.start(statement), self.end(statement), _import_text(module, names))

    def _insert(self, place: int, text: str) -> None:
        self.replace(place, place, text)

    # ---- statements

    def class_named(self, name: str) -> ast.ClassDef | None:
        """Return a class of the module's top level."""
        return next((each for each in self.tree.body if isinstance(each, ast.ClassDef) and each.name == name), None)

    def binds(self, name: str) -> bool:
        """Return whether the module's top level gives a name a meaning: a class, a function, an import, a value."""
        for statement in self.tree.body:
            if isinstance(statement, ast.ClassDef | ast.FunctionDef) and statement.name == name:
                return True
            if isinstance(statement, ast.Import | ast.ImportFrom):
                if any((each.asname or each.name.partition(".")[0]) == name for each in statement.names):
                    return True
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                    return True
        return False

    def append(self, text: str) -> None:
        """Add statements at the end, after two empty lines."""
        end = len(self._bytes.rstrip())
        self.replace(end, len(self._bytes), f"\n\n\n{text.rstrip()}\n" if end else f"{text.rstrip()}\n")

    def remove_statement(self, statement: ast.stmt) -> None:
        """Take a statement out, with its decorators, the comments right above it and the empty lines before those."""
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        lines = self._bytes.splitlines()
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            while first > 1 and lines[first - 2].lstrip().startswith(b"#"):
                first -= 1
            while first > 1 and not lines[first - 2].strip():
                first -= 1
        start, end = self.line_start(first), self.line_start((statement.end_lineno or statement.lineno) + 1)
        self.replace(start, end, "")

    # ---- __all__

    def exported(self) -> ast.List | ast.Tuple | None:
        """Return the display of names that `__all__` is."""
        for statement in self.tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                    return statement.value if isinstance(statement.value, ast.List | ast.Tuple) else None
        return None

    def export(self, add: str | None = None, remove: str | None = None) -> None:
        """Add a name to `__all__`, take one out, or change one for another; nothing where there is no `__all__`."""
        display = self.exported()
        if display is None:
            return
        names = [each.value for each in display.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if len(names) != len(display.elts):
            return
        wanted = [name for name in names if name != remove]
        if add is not None and add not in wanted:
            wanted.append(add)
        if names == sorted(names, key=_isort_key):
            wanted.sort(key=_isort_key)
        if wanted != names:
            self.replace(self.start(display), self.end(display), self._display(display, wanted))

    def _display(self, display: ast.List | ast.Tuple, names: Sequence[str]) -> str:
        opening, closing = ("[", "]") if isinstance(display, ast.List) else ("(", ")")
        quoted = [f'"{name}"' for name in names]
        flat = f"{opening}{', '.join(quoted)}{',' if closing == ')' and len(quoted) == 1 else ''}{closing}"
        multi_line = display.lineno != display.end_lineno and len(display.elts) > 0
        if not multi_line and len("__all__ = ") + len(flat) <= LINE_LENGTH:
            return flat
        return opening + "".join(f"\n    {each}," for each in quoted) + f"\n{closing}"

    # ---- names

    def rename(self, old: str, new: str) -> None:
        """Rename a class or an imported name wherever this module says it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and node.id == old:
                self.replace(self.start(node), self.end(node), new)
            elif isinstance(node, ast.ClassDef) and node.name == old:
                start = self.start(node)
                found = re.compile(rb"class\s+").match(self._bytes, start)
                assert found is not None
                self.replace(found.end(), found.end() + len(old.encode()), new)
            elif isinstance(node, ast.alias) and node.name == old:
                start = self.start(node)
                self.replace(start, start + len(old.encode()), new)
        self.export(add=new, remove=old) if old in self._exported_names() else None

    def _exported_names(self) -> list[str]:
        display = self.exported()
        return [str(each.value) for each in display.elts if isinstance(each, ast.Constant)] if display else []

    def rename_module(self, old: str, new: str) -> None:
        """Rename a module in the imports that name it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == old:
                start = self.start(node)
                found = re.compile(rb"from\s+").match(self._bytes, start)
                assert found is not None
                self.replace(found.end(), found.end() + len(old.encode()), new)
            elif isinstance(node, ast.Import):
                for each in node.names:
                    if each.name == old:
                        self.replace(self.start(each), self.start(each) + len(old.encode()), new)

    def replace_text(self, old: str, new: str) -> None:
        """Change texts that are just this one, `"old"`, for another."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and node.value == old and self.segment(node) in (f'"{old}"', f"'{old}'"):
                quote = self.segment(node)[0]
                self.replace(self.start(node), self.end(node), f"{quote}{new}{quote}")


def _isort_key(name: str) -> tuple[int, str]:
    """Order constants, classes and the rest as import sorters do."""
    bare = name.partition(" ")[0]
    return (0 if bare.isupper() and len(bare) > 1 else 1 if bare[:1].isupper() else 2, name)


def _import_text(module: str, names: Sequence[str]) -> str:
    flat = f"from {module} import {', '.join(names)}"
    if len(flat) <= LINE_LENGTH:
        return flat
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _section(module: str, own_package: str) -> int:
    top = module.partition(".")[0]
    return 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 3 if top == own_package else 2


def _statement_key(statement: ast.Import | ast.ImportFrom, own_package: str) -> tuple[int, int, str]:
    if isinstance(statement, ast.Import):
        return _section(statement.names[0].name, own_package), 0, statement.names[0].name
    module = "." * statement.level + (statement.module or "")
    return (3 if statement.level else _section(module, own_package)), 1, module
