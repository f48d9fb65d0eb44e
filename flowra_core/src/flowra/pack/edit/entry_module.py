"""Edits of a pack's entry-point module: the `NodeEntry(…)` of its `flowra_nodes`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flowra.exceptions import UsageError
from flowra.pack.edit.python_source import LINE_LENGTH, PythonSource

__all__ = ["EntryModule", "WrittenEntry"]


@dataclass(frozen=True)
class WrittenEntry:
    """A `NodeEntry(…)` as it is written.

    Attributes:
        call: The call.
        holder: The `yield` statement that it is, or the display that it is an item of.
        target: Its target, `module:Class`.
        name: The node's name.
        group: The node's group.
    """

    call: ast.Call
    holder: ast.stmt | ast.List | ast.Tuple
    target: str
    name: str
    group: str


class EntryModule:
    """The entry-point module of a pack, as source.

    Raises:
        UsageError: Its `flowra_nodes` is written in a way that can't be edited.
    """

    def __init__(self, text: str, where: str) -> None:
        self.source = PythonSource(text, where)
        self._where = where
        function = next(
            (
                each
                for each in self.source.tree.body
                if isinstance(each, ast.FunctionDef) and each.name == "flowra_nodes"
            ),
            None,
        )
        if function is None:
            raise self._refusal("it has no function flowra_nodes")
        self._function = function
        self.entries = [*self._yielded(), *self._returned()]

    def add(self, target: str, group: str, summary: str) -> None:
        """Name a node, behind the others of its group."""
        arguments = [f'"{target}"', f'group="{group}"', f'summary="{summary}"']
        inside = [each for each in self.entries if each.group == group] or self.entries
        if not self.entries:
            self._add_first(arguments)
            return
        last = inside[-1]
        if isinstance(last.holder, ast.stmt):
            indent = " " * last.holder.col_offset
            end = self.source.line_start((last.holder.end_lineno or 0) + 1)
            self.source.replace(end, end, f"{_entry_text(f'{indent}yield ', arguments)}\n")
            return
        indent = " " * last.call.col_offset
        end = self.source.end(last.call)
        separator = f",\n{indent}" if last.holder.lineno != last.call.lineno else ", "
        self.source.replace(end, end, separator + _entry_text(indent, arguments).lstrip())

    def remove(self, entry: WrittenEntry) -> None:
        """Take a node out."""
        source = self.source
        if isinstance(entry.holder, ast.stmt):
            if len(self.entries) == 1:
                source.replace(source.start(entry.holder), source.end(entry.holder), "return ()")
            else:
                source.remove_statement(entry.holder)
            return
        items = entry.holder.elts
        at = items.index(entry.call)
        if at + 1 < len(items):
            source.replace(source.start(entry.call), source.start(items[at + 1]), "")
        elif at > 0:
            source.replace(source.end(items[at - 1]), source.end(entry.call), "")
        else:
            source.replace(source.start(entry.holder), source.end(entry.holder), "()")

    def retarget(self, entry: WrittenEntry, *, target: str, name: str, group: str) -> None:
        """Give an entry another target, name and group."""
        first = entry.call.args[0] if entry.call.args else _keyword(entry.call, "target")
        changes = [(first, entry.target, target), (_keyword(entry.call, "group"), entry.group, group)]
        stated = _keyword(entry.call, "name")
        if stated is not None:
            changes.append((stated, entry.name, name))
        for value, old, new in changes:
            if value is not None and old != new:
                self.source.replace(self.source.start(value), self.source.end(value), f'"{new}"')

    def _add_first(self, arguments: list[str]) -> None:
        for statement in self._function.body:
            value = statement.value if isinstance(statement, ast.Return) else None
            if isinstance(value, ast.List | ast.Tuple) and not value.elts:
                indent = " " * statement.col_offset
                text = _entry_text(f"{indent}yield ", arguments)
                self.source.replace(self.source.start(statement), self.source.end(statement), text.lstrip())
                return
        raise self._refusal("its flowra_nodes neither yields entries nor returns a list of them")

    def _yielded(self) -> list[WrittenEntry]:
        found = []
        for statement in self._function.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
                entry = self._entry(statement.value.value, statement)
                if entry is not None:
                    found.append(entry)
        return found

    def _returned(self) -> list[WrittenEntry]:
        found = []
        for statement in self._function.body:
            if isinstance(statement, ast.Return) and isinstance(statement.value, ast.List | ast.Tuple):
                entries = [self._entry(each, statement.value) for each in statement.value.elts]
                found += [entry for entry in entries if entry is not None]
        return found

    def _entry(self, value: ast.expr | None, holder: ast.stmt | ast.List | ast.Tuple) -> WrittenEntry | None:
        if not isinstance(value, ast.Call):
            return None
        called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        if called != "NodeEntry":
            return None
        target = _text(value.args[0] if value.args else _keyword(value, "target"))
        if target is None:
            return None
        name = _text(_keyword(value, "name")) or target.rpartition(":")[2].rpartition(".")[2]
        return WrittenEntry(value, holder, target, name, _text(_keyword(value, "group")) or "")

    def _refusal(self, why: str) -> UsageError:
        return UsageError(
            "the entry-point module can't be edited",
            where=self._where,
            why=why,
            fix="write a yield NodeEntry(…) for each node, or make this change by hand",
        )


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def _text(value: ast.expr | None) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _entry_text(before: str, arguments: list[str]) -> str:
    indent = " " * (len(before) - len(before.lstrip()))
    flat = f"{before}NodeEntry({', '.join(arguments)})"
    if len(flat) < LINE_LENGTH:
        return flat
    return f"{before}NodeEntry(\n" + "".join(f"{indent}    {each},\n" for each in arguments) + f"{indent})"
