from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys

import pytest

import flowra.plugin
from flowra.exceptions import PluginError
from flowra.plugin import (
    CommandEntry,
    ComponentTypeEntry,
    ExecutorEntry,
    Migration,
    ModelHubEntry,
    NodeEntry,
    ObserverEntry,
    StorageEntry,
    TemplateEntry,
    ValueTypeEntry,
)
from flowra.plugin.contributions import KINDS

EXAMPLES = [
    NodeEntry("pack.filters:Blur"),
    NodeEntry("pack.filters:Outer.Blur", name="Soft-Blur", group="filters", summary="模糊"),
    ValueTypeEntry("Audio", handler="pack.audio:Handler"),
    ValueTypeEntry("Audio", handler="pack.audio:Handler", type="pack.audio:Audio"),
    ComponentTypeEntry("Curve", target="pack:Curve"),
    StorageEntry("s3+x", target="pack:S3", summary="S3"),
    ModelHubEntry("hub", target="pack:Hub"),
    ExecutorEntry("dask", target="pack:Dask"),
    TemplateEntry("node-pack", path_package="pack", path="a/b", summary="A pack."),
    CommandEntry("annotate", target="pack.cli:annotate", summary="Annotate."),
    ObserverEntry("notify", target="pack:notify"),
    Migration("Blur", 1),
    Migration("Blur", 2, inputs={"sigma": "radius"}, init={"a": "b"}, outputs={"c": "d"}, apply="pack:up"),
]


def test_every_kind_has_an_example_here():
    assert {type(example) for example in EXAMPLES} == set(KINDS.values())


@pytest.mark.parametrize("entry", EXAMPLES, ids=repr)
def test_json_and_copies_lose_nothing(entry):
    assert type(entry).from_json(entry.to_json()) == entry
    assert copy.deepcopy(entry) == entry


@pytest.mark.parametrize("entry", EXAMPLES, ids=repr)
def test_contributions_can_not_be_changed(entry):
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
        setattr(entry, dataclasses.fields(entry)[0].name, "other")


def test_a_node_is_named_after_its_class():
    assert NodeEntry("pack.filters:Outer.Blur").name == "Blur"


def test_a_migration_keeps_its_own_copy_of_the_renames():
    renames = {"a": "b"}
    migration = Migration("Blur", 1, inputs=renames)
    renames["c"] = "d"
    assert migration.inputs == {"a": "b"}


MISTAKES = {
    "NodeEntry: target 'pack.filters.Blur' is not of the form 'module:Attribute'": lambda: NodeEntry(
        "pack.filters.Blur"
    ),
    "NodeEntry: target 'pack:' is not": lambda: NodeEntry("pack:"),
    "NodeEntry: target is a type, not a string": lambda: NodeEntry(NodeEntry),
    "NodeEntry: summary is a NoneType, not a string": lambda: NodeEntry("pack:Blur", summary=None),
    "NodeEntry: 'a/b' is no name": lambda: NodeEntry("pack:Blur", name="a/b"),
    "ValueTypeEntry: handler 'x' is not": lambda: ValueTypeEntry("Audio", handler="x"),
    "ValueTypeEntry: type 'x' is not": lambda: ValueTypeEntry("Audio", handler="a:B", type="x"),
    "StorageEntry: 'S3' is no scheme": lambda: StorageEntry("S3", target="a:B"),
    "ExecutorEntry: '' is no name": lambda: ExecutorEntry("", target="a:B"),
    "TemplateEntry: path '../x' is no folder inside the package": lambda: TemplateEntry("t", "p", "../x", "s"),
    "TemplateEntry: path '/x'": lambda: TemplateEntry("t", "p", "/x", "s"),
    "TemplateEntry: path 'a\\\\b'": lambda: TemplateEntry("t", "p", "a\\b", "s"),
    "Migration: from_version is 0, not": lambda: Migration("Blur", 0),
    "Migration: from_version is True, not": lambda: Migration("Blur", True),
    "Migration: from_version is '1', not": lambda: Migration("Blur", "1"),
    "Migration: inputs does not map": lambda: Migration("Blur", 1, inputs={"a": 1}),
    "Migration: init does not map": lambda: Migration("Blur", 1, init=["a"]),
    "Migration: apply 'x' is not": lambda: Migration("Blur", 1, apply="x"),
    "NodeEntry: unknown field module, no target": lambda: NodeEntry.from_json({"module": "a:B"}),
    "NodeEntry: expected an object, found a list": lambda: NodeEntry.from_json(["a:B"]),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_where_it_is_made(message):
    with pytest.raises(PluginError) as caught:
        MISTAKES[message]()
    assert message in str(caught.value)


def test_every_name_of_the_package_is_there_when_asked_for():
    for name in flowra.plugin.__all__:
        assert getattr(flowra.plugin, name).__name__ == name if name[0].isupper() else True
    assert set(flowra.plugin.__all__) <= set(dir(flowra.plugin))
    assert sorted(flowra.plugin.__all__) == flowra.plugin.__all__
    with pytest.raises(AttributeError, match="no attribute 'hookimp'"):
        flowra.plugin.hookimp  # noqa: B018


def test_importing_the_package_or_an_entry_loads_no_pluggy():
    program = "import sys; from flowra.plugin import NodeEntry; print('pluggy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
