"""Removes nodes and groups from a pack, with their tests and examples."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from flowra.exceptions import UsageError
from flowra.pack.edit.edit_result import Edited, finish
from flowra.pack.edit.layout import Layout
from flowra.pack.edit.python_source import PythonSource
from flowra.pack.project import PackProject

__all__ = ["remove"]


def remove(project: PackProject, name: str) -> Edited:
    """Remove a node, or a group with all its nodes: classes, entries, tests and examples.

    Raises:
        UsageError: There is nothing of that name, or other examples use a node.
        PluginError: The pack can't be imported afterwards.
    """
    layout = Layout(project)
    entries = layout.entry_module().entries
    shown = name.replace("_", " ")
    nodes = [name] if any(each.name == name for each in entries) else [e.name for e in entries if e.group == shown]
    if not nodes:
        layout.entry(name)
    for node in nodes:
        _remove_node(layout, node, nodes)
    return finish(layout)


def _remove_node(layout: Layout, node: str, going: Sequence[str]) -> None:
    project = layout.project
    entry = layout.entry(node)
    example = layout.example_of(node)
    own = {layout.example_of(each) for each in going}
    users = [graph for graph in layout.graphs_with(node) if graph not in own]
    if users:
        raise UsageError(
            f"{node} is used by {len(users)} other example{'' if len(users) == 1 else 's'}",
            where=", ".join(users),
            fix="change or remove them first",
        )
    module, _, class_name = entry.target.partition(":")
    importers = [
        name
        for name in layout.python_files()
        if name not in {layout.test_of(each) for each in going}
        and name != layout.file_of(module)
        and layout.imports(name, module, class_name)
    ]
    if importers:
        raise UsageError(
            f"{node} is used by {importers[0]}" + (f" and {len(importers) - 1} more" if importers[1:] else ""),
            where=str(project.root),
            fix="change that first",
        )
    file = layout.file_of(module)
    source = PythonSource(layout.text(file), layout.shown(file))
    definition = source.class_named(class_name)
    if definition is not None:
        rest = [each for each in source.tree.body if each is not definition]
        if all(_says_nothing(each) for each in rest):
            layout.changes.remove(file)
        else:
            source.remove_statement(definition)
            source.drop_unused_imports(definition)
            source.export(remove=class_name)
            layout.changes.write(file, source.result())
    entries = layout.entry_module()
    entries.remove(next(each for each in entries.entries if each.name == node))
    layout.changes.write(layout.file_of(project.module), entries.source.result())
    layout.changes.remove(layout.test_of(node))
    layout.changes.remove(example)


def _says_nothing(statement: object) -> bool:
    """Return whether a statement only serves others: imports, `__all__`, the docstring."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Import | ast.ImportFrom)
