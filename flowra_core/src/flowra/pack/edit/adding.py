"""Adds groups and nodes to a pack."""

from __future__ import annotations

from collections.abc import Sequence

from flowra.exceptions import UsageError
from flowra.pack.edit.dependency import with_dependency
from flowra.pack.edit.edit_result import Edited, check_class, check_group, finish
from flowra.pack.edit.layout import Layout
from flowra.pack.edit.node_text import NewNode, snake_case
from flowra.pack.edit.port_form import WrittenPort
from flowra.pack.edit.python_source import PythonSource
from flowra.pack.project import PackProject
from flowra.pack.template.variables import reason_against_line

__all__ = ["add_group", "add_node"]


def add_group(project: PackProject, group: str) -> Edited:
    """Add a group: an empty module for its nodes.

    Raises:
        UsageError: The group is there, or its name can't be one.
    """
    check_group(group)
    layout = Layout(project)
    if any(each.group == group.replace("_", " ") for each in layout.entry_module().entries):
        raise UsageError(f"the pack has a group {group!r} already", where=str(project.root))
    _add_module(layout, layout.module_of_group(group), group)
    return finish(layout, [f"a group shows once it has a node: flowra project add-node NAME --group {group}"])


def add_node(
    project: PackProject,
    name: str,
    group: str,
    inputs: Sequence[WrittenPort],
    outputs: Sequence[WrittenPort],
    summary: str = "",
) -> Edited:
    """Add a node: its class, its entry, its test and its example graph.

    Args:
        project: The pack.
        name: The name of the class, `EdgeMap`.
        group: The group; its module is made where there is none.
        inputs: The ports of its `InputArgs`.
        outputs: The ports of its `OutputArgs`.
        summary: What it does, in one line; its name in words if left empty.

    Raises:
        UsageError: The node is there, or a name or port can't be used.
        PluginError: The pack can't be imported, before the edit or after it.
    """
    check_class(name)
    _check_ports(inputs)
    _check_ports(outputs)
    layout = Layout(project)
    entries = layout.entry_module()
    if any(each.name == name for each in entries.entries):
        raise UsageError(f"the pack has a node {name} already", where=str(project.root))
    summary = summary.strip().rstrip(".") or snake_case(name).replace("_", " ").capitalize()
    reason = reason_against_line(summary)
    if reason is not None:
        raise UsageError(f"the summary can't be {summary!r}", why=reason)
    node = NewNode(name, summary, inputs, outputs)
    shown = group.replace("_", " ")
    module = layout.module_of_group(shown)
    if not any(each.group == shown for each in entries.entries):
        check_group(group)
    if layout.changes.read(layout.file_of(module)) is None:
        _add_module(layout, module, group)
    _write_class(layout, module, node)
    entries.add(f"{module}:{name}", shown, summary)
    layout.changes.write(layout.file_of(project.module), entries.source.result())
    _write_beside(layout, module, node)
    notes = _add_dependencies(layout, node)
    notes.append(f"write what it does: class {name} in {layout.file_of(module)}")
    return finish(layout, notes)


def _add_module(layout: Layout, module: str, group: str) -> None:
    file = layout.file_of(module)
    if layout.changes.read(file) is not None:
        raise UsageError(f"there is a module {module} already", where=layout.shown(file))
    shown = group.replace("_", " ")
    layout.changes.write(
        file, f'"""Nodes of the group {shown}."""\n\nfrom __future__ import annotations\n\n__all__: list[str] = []\n'
    )


def _write_class(layout: Layout, module: str, node: NewNode) -> None:
    file = layout.file_of(module)
    text = layout.text(file)
    top = module.partition(".")[0]
    # One import after the other: each finds its place among those that are there by then.
    for needed, names in node.imports().items():
        source = PythonSource(text, layout.shown(file))
        source.import_names(needed, names, top)
        text = source.result()
    source = PythonSource(text, layout.shown(file))
    if source.binds(node.name):
        raise UsageError(f"{module} has {node.name} already", where=layout.shown(file), fix="choose another name")
    source.export(add=node.name)
    source.append(node.class_text())
    layout.changes.write(file, source.result())


def _write_beside(layout: Layout, module: str, node: NewNode) -> None:
    test, example = layout.test_of(node.name), layout.example_of(node.name)
    for name in (test, example) if node.has_example else (test,):
        if layout.changes.read(name) is not None:
            raise UsageError(f"{name} is there already", where=str(layout.project.root), fix="move it out of the way")
    layout.changes.write(test, node.test_text(module, module.partition(".")[0]))
    if node.has_example:
        layout.changes.write(example, node.example_text(layout.project.pack))
        picture = layout.picture()
        if picture is not None and any("picture.png" in port.literal for port in node.inputs):
            layout.changes.write("examples/picture.png", picture)


def _add_dependencies(layout: Layout, node: NewNode) -> list[str]:
    from packaging.requirements import Requirement

    stated = {Requirement(each).name for each in layout.project.requires}
    flowra = next((each for each in layout.project.requires if Requirement(each).name == "flowra"), "flowra")
    needed = {port.type.distribution for port in (*node.inputs, *node.outputs)} - {"", *stated}
    if layout.project.distribution in needed or not needed:
        return []
    text = layout.text("pyproject.toml")
    for name in sorted(needed):
        requirement = f"{name}{flowra.removeprefix('flowra')}"
        text = with_dependency(text, requirement, layout.shown("pyproject.toml"))
    layout.changes.write("pyproject.toml", text)
    return [f"it needs {', '.join(sorted(needed))}, now among the dependencies: pip install -e ."]


def _check_ports(ports: Sequence[WrittenPort]) -> None:
    names = [port.name for port in ports]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the port {twice} is there twice")
