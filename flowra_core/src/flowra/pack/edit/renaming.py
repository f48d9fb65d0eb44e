"""Renames nodes and groups of a pack, with everything in it that refers to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flowra.exceptions import UsageError
from flowra.pack.edit.edit_result import Edited, check_class, check_group, finish
from flowra.pack.edit.layout import Layout
from flowra.pack.edit.node_text import snake_case
from flowra.pack.edit.python_source import PythonSource
from flowra.pack.project import PackProject

__all__ = ["rename"]


def rename(project: PackProject, old: str, new: str) -> Edited:
    """Rename a node, or a group, with everything in the pack that refers to it.

    Raises:
        UsageError: There is nothing of that name, or the new name is taken or can't be one.
        PluginError: The pack can't be imported, before the edit or after it.
    """
    layout = Layout(project)
    entries = layout.entry_module().entries
    is_node = any(each.name == old for each in entries)
    is_group = any(each.group == old.replace("_", " ") for each in entries)
    if is_group and not is_node:
        return _rename_group(layout, old, new)
    return _rename_node(layout, old, new)


def _rename_node(layout: Layout, old: str, new: str) -> Edited:
    project = layout.project
    entry = layout.entry(old)
    check_class(new)
    if any(each.name == new for each in layout.entry_module().entries):
        raise UsageError(f"the pack has a node {new} already", where=str(project.root))
    module, _, class_name = entry.target.partition(":")
    graphs = layout.graphs_with(old)
    for graph in graphs:
        layout.retype(graph, old, new)
    renamed_class = class_name == old
    if renamed_class:
        if PythonSource(layout.text(layout.file_of(module)), module).binds(new):
            raise UsageError(f"{module} has {new} already", where=str(project.root))
        _edit_users(layout, module, old, lambda source: source.rename(old, new))
    _move_beside(layout, old, new)
    entries = layout.entry_module()
    written = next(each for each in entries.entries if each.name == old)
    target = f"{module}:{new}" if renamed_class else entry.target
    entries.retarget(written, target=target, name=new, group=entry.group)
    layout.changes.write(layout.file_of(project.module), entries.source.result())
    return finish(layout, [f"graphs elsewhere that use {project.pack}/{old} no longer find it"])


def _rename_group(layout: Layout, old: str, new: str) -> Edited:
    project = layout.project
    check_group(new)
    entries = layout.entry_module()
    shown = new.replace("_", " ")
    if any(each.group == shown for each in entries.entries):
        raise UsageError(f"the pack has a group {new!r} already", where=str(project.root))
    inside = [each for each in entries.entries if each.group == old.replace("_", " ")]
    modules = {each.target.partition(":")[0] for each in inside}
    others = {each.target.partition(":")[0] for each in entries.entries if each not in inside}
    moved: dict[str, str] = {}
    for module in modules - others:
        parent, _, last = module.rpartition(".")
        if last == old.replace(" ", "_") and layout.file_of(module).endswith(f"{last}.py"):
            moved[module] = f"{parent}.{new}" if parent else new
    for module, renamed in moved.items():
        if layout.changes.read(layout.file_of(renamed)) is not None:
            raise UsageError(f"there is a module {renamed} already", where=str(project.root))
        for name in list(layout.python_files()):
            _edit(layout, name, partial(PythonSource.rename_module, old=module, new=renamed))
        text = layout.text(layout.file_of(module)).replace(
            f"the group {old.replace('_', ' ')}.", f"the group {shown}.", 1
        )
        layout.changes.write(layout.file_of(renamed), text)
        layout.changes.remove(layout.file_of(module))
    entries = layout.entry_module()
    for entry in [each for each in entries.entries if each.group == old.replace("_", " ")]:
        module, _, class_name = entry.target.partition(":")
        entries.retarget(entry, target=f"{moved.get(module, module)}:{class_name}", name=entry.name, group=shown)
    layout.changes.write(layout.file_of(project.module), entries.source.result())
    return finish(layout)


def _move_beside(layout: Layout, old: str, new: str) -> None:
    """Move a node's own test and example along, where they are named after it and the new names are free."""
    for before, after in ((layout.example_of(old), layout.example_of(new)), (layout.test_of(old), layout.test_of(new))):
        text = layout.changes.read(before)
        if text is None or before == after or layout.changes.read(after) is not None:
            continue
        layout.changes.write(after, text)
        layout.changes.remove(before)
    names = (layout.example_of(old).rpartition("/")[2], layout.example_of(new).rpartition("/")[2])
    test = layout.test_of(new)
    if layout.changes.read(test) is not None and layout.changes.read(layout.example_of(old)) is None:
        _edit(layout, test, lambda source: source.replace_text(*names))
        text = layout.text(test).replace(f'"""Tests of {old}."""', f'"""Tests of {new}."""', 1)
        layout.changes.write(test, text.replace(f"def test_{snake_case(old)}_", f"def test_{snake_case(new)}_"))


def _edit_users(layout: Layout, module: str, name: str, edit: Callable[[PythonSource], None]) -> None:
    """Edit the module of a class, and every file that imports the class from there."""
    for file in list(layout.python_files()):
        if file == layout.file_of(module) or layout.imports(file, module, name):
            _edit(layout, file, edit)


def _edit(layout: Layout, file: str, edit: Callable[[PythonSource], None]) -> None:
    text = layout.changes.read(file)
    if text is None:
        return
    source = PythonSource(text, layout.shown(file))
    edit(source)
    made = source.result()
    if made != text:
        layout.changes.write(file, made)
