from __future__ import annotations

import pytest

from flowra.exceptions import UsageError
from flowra.pack.edit.entry_module import EntryModule

YIELDS = """from flowra.plugin import NodeEntry, hookimpl


@hookimpl
def flowra_nodes():
    yield NodeEntry("p.a:One", group="a", summary="x")  # first
    yield NodeEntry("p.b:Two", name="Zwei", group="b")
"""
LIST = """import flowra.plugin


def flowra_nodes():
    return [
        flowra.plugin.NodeEntry("p.a:One", group="a"),
        flowra.plugin.NodeEntry("p.b:Two", group="b"),
    ]
"""
LINE = 'def flowra_nodes():\n    return [NodeEntry("p.a:One", group="a"), NodeEntry("p.b:Two", group="b")]\n'


def names(text):
    return [entry.name for entry in EntryModule(text, "plugin.py").entries]


def test_entries_are_read_as_they_are_written():
    entries = EntryModule(YIELDS, "plugin.py").entries
    assert [(each.name, each.target, each.group) for each in entries] == [
        ("One", "p.a:One", "a"),
        ("Zwei", "p.b:Two", "b"),
    ]


@pytest.mark.parametrize("text", [YIELDS, LIST, LINE])
def test_a_node_comes_behind_the_others_of_its_group(text):
    module = EntryModule(text, "plugin.py")
    module.add("p.a:New", "a", "Is new")
    made = module.source.result()
    assert names(made)[:2] == ["One", "New"]
    assert len(names(made)) == 3
    assert set(text.splitlines()) <= set(made.splitlines()) or text == LINE


@pytest.mark.parametrize("text", [YIELDS, LIST, LINE])
@pytest.mark.parametrize("gone", [0, 1])
def test_a_node_is_taken_out(text, gone):
    module = EntryModule(text, "plugin.py")
    left = [each.name for each in module.entries if each is not module.entries[gone]]
    module.remove(module.entries[gone])
    assert names(module.source.result()) == left


@pytest.mark.parametrize("text", [YIELDS, LIST])
def test_the_last_node_can_go_and_another_come(text):
    for _ in range(2):
        module = EntryModule(text, "plugin.py")
        module.remove(module.entries[0])
        text = module.source.result()
    assert names(text) == []
    module = EntryModule(text, "plugin.py")
    module.add("p.a:New", "a", "Is new")
    assert names(module.source.result()) == ["New"]


def test_a_stated_name_is_changed_with_the_target():
    module = EntryModule(YIELDS, "plugin.py")
    module.retarget(module.entries[1], target="p.b:Two", name="Deux", group="c")
    assert module.source.result() == YIELDS.replace("Zwei", "Deux").replace('"b")', '"c")')


@pytest.mark.parametrize(
    "text", ["def flowra_nodes():\n    for x in NODES:\n        yield NodeEntry(x)\n", "flowra_nodes = print\n"]
)
def test_what_is_written_otherwise_is_refused_and_not_guessed(text):
    with pytest.raises(UsageError, match="can't be edited"):
        EntryModule(text, "plugin.py").add("p.a:New", "a", "Is new")
