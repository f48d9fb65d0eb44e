from __future__ import annotations

import json
import shutil

import pytest
from fixtures.created_packs import create, tree

from flowra.exceptions import PluginError, UsageError
from flowra.pack.edit.adding import add_group, add_node
from flowra.pack.edit.port_form import read_port
from flowra.pack.edit.removing import remove
from flowra.pack.edit.renaming import rename
from flowra.pack.project import PackProject

FILTERS = "src/acme/nodes/filters.py"
NUMBER = [read_port("value:float")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return create(tmp_path_factory.mktemp("made") / "acme", media="plain").path


@pytest.fixture
def pack(made, tmp_path):
    """A pack of its own for each test, with one node, FiltersExample."""
    return PackProject.find(shutil.copytree(made, tmp_path / "acme"))


def text(pack, name):
    return (pack.root / name).read_text(encoding="utf-8")


def refused(pack, error, message, edit):
    """Make sure that an edit is refused with a message, and that the tree is as it was."""
    before = tree(pack.root)
    with pytest.raises(error) as caught:
        edit()
    assert message in str(caught.value)
    assert tree(pack.root) == before


def test_a_node_comes_with_entry_test_example_and_manifest(pack):
    edited = add_node(pack, "Halve", "filters", NUMBER, NUMBER, "Halve a number")
    assert dict(edited.files) == {
        "examples/halve.json": "new",
        "src/acme/flowra-manifest.json": "changed",
        FILTERS: "changed",
        "src/acme/plugin.py": "changed",
        "tests/test_halve.py": "new",
    }
    assert json.loads(text(pack, "src/acme/flowra-manifest.json"))["nodes"]["Halve"]["summary"] == "Halve a number"
    assert json.loads(text(pack, "examples/halve.json"))["nodes"]["halve"]["type"] == "acme/Halve"


def test_what_the_author_wrote_around_a_new_node_stays_byte_for_byte(pack):
    odd = text(pack, FILTERS).replace(
        "value=args.value * args.factor)", "value=( args.value*args.factor ))  # ×, on purpose"
    )
    (pack.root / FILTERS).write_text(odd, encoding="utf-8")
    add_node(pack, "Halve", "filters", NUMBER, NUMBER)
    after = text(pack, FILTERS)
    assert [line for line in odd.splitlines() if line not in after.splitlines()] == ['__all__ = ["FiltersExample"]']


def test_a_node_with_pictures_brings_the_pack_that_handles_them(pack):
    image = [read_port("image:AnyImage")]
    edited = add_node(pack, "Show", "pictures", image, image)
    assert "flowra-image>=0.1,<0.2" in PackProject.find(pack.root).requires
    assert (pack.root / "examples" / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert any("flowra-image" in note for note in edited.notes)


@pytest.mark.parametrize(
    ("name", "group", "message"),
    [
        ("halve", "filters", "classes are written like EdgeMap"),
        ("Ha-lve", "filters", "no identifier"),
        ("None", "filters", "a word of Python's own"),
        ("FiltersExample", "filters", "has a node FiltersExample already"),
        ("Halve", "2nd", "no identifier"),
        ("Halve", "Filters", "in lower case"),
        ("Annotated", "filters", "has Annotated already"),
    ],
)
def test_a_node_that_can_not_be_is_refused_and_nothing_is_written(pack, name, group, message):
    refused(pack, UsageError, message, lambda: add_node(pack, name, group, NUMBER, NUMBER))


def test_a_pack_that_can_not_be_imported_is_not_edited(pack):
    (pack.root / "src/acme/nodes/broken.py").write_text("import nothing_of_the_kind\n")
    plugin = pack.root / "src/acme/plugin.py"
    plugin.write_text(
        plugin.read_text() + '    yield NodeEntry("acme.nodes.broken:Broken", group="broken", summary="Is broken")\n'
    )
    refused(pack, PluginError, "nothing_of_the_kind", lambda: add_node(pack, "Halve", "filters", NUMBER, NUMBER))


def test_a_module_that_is_no_python_is_named_with_its_line(pack):
    (pack.root / FILTERS).write_text("x = 1\ndef f(:\n")
    refused(pack, PluginError, "filters.py:2", lambda: add_node(pack, "Halve", "filters", NUMBER, NUMBER))


def test_a_test_that_is_in_the_way_is_not_written_over(pack):
    (pack.root / "tests/test_halve.py").write_text("mine\n")
    refused(pack, UsageError, "is there already", lambda: add_node(pack, "Halve", "filters", NUMBER, NUMBER))


def test_a_group_is_a_module_that_takes_nodes(pack):
    add_group(pack, "color_space")
    assert text(pack, "src/acme/nodes/color_space.py").startswith('"""Nodes of the group color space."""')
    add_node(pack, "Halve", "color_space", NUMBER, NUMBER)
    assert 'NodeEntry("acme.nodes.color_space:Halve", group="color space"' in text(pack, "src/acme/plugin.py")
    refused(pack, UsageError, "has a group", lambda: add_group(pack, "color_space"))


def test_a_renamed_node_is_renamed_wherever_the_pack_refers_to_it(pack):
    other = {
        "format": "flowra/1",
        "nodes": {
            "a": {"type": "acme/FiltersExample", "inputs": {"value": 1}},
            "b": {"type": "acme/FiltersExampleTwo"},
        },
    }
    (pack.root / "examples/other.json").write_text(json.dumps(other))
    (pack.root / "src/acme/uses.py").write_text("from acme.nodes.filters import FiltersExample\n\nx = FiltersExample\n")
    rename(pack, "FiltersExample", "Scale")
    assert 'acme/FiltersExample"' not in text(pack, "examples/other.json")
    assert "acme/FiltersExampleTwo" in text(pack, "examples/other.json"), "another node, whose name begins so"
    assert text(pack, "src/acme/uses.py") == "from acme.nodes.filters import Scale\n\nx = Scale\n"
    assert not (pack.root / "tests/test_filters_example.py").exists()
    assert 'EXAMPLES / "scale.json"' in text(pack, "tests/test_scale.py")
    assert list(json.loads(text(pack, "src/acme/flowra-manifest.json"))["nodes"]) == ["Scale"]


def test_a_renamed_group_takes_its_module_along(pack):
    rename(pack, "filters", "math_effects")
    assert not (pack.root / FILTERS).exists()
    assert "from acme.nodes.math_effects import FiltersExample" in text(pack, "tests/test_filters_example.py")
    entry = '"acme.nodes.math_effects:FiltersExample",\n        group="math effects"'
    assert entry in text(pack, "src/acme/plugin.py")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FilterExample", "Scale", "did you mean FiltersExample"),
        ("FiltersExample", "scale", "classes are written like"),
        ("FiltersExample", "FiltersExample", "has a node FiltersExample already"),
        ("filters", "Filters", "in lower case"),
        ("filters", "filters", "has a group"),
    ],
)
def test_a_name_that_can_not_be_taken_is_refused(pack, old, new, message):
    refused(pack, UsageError, message, lambda: rename(pack, old, new))


def test_what_is_removed_is_gone_and_what_was_added_leaves_no_trace(pack):
    before = tree(pack.root)
    add_node(pack, "Halve", "filters", [*NUMBER, read_port("how:Select[up|down]=up")], NUMBER)
    edited = remove(pack, "Halve")
    assert "removed" in dict(edited.files).values()
    assert tree(pack.root) == before


def test_a_node_that_another_example_uses_is_not_removed(pack):
    (pack.root / "examples/other.json").write_text(
        json.dumps({"format": "flowra/1", "nodes": {"a": {"type": "acme/FiltersExample", "inputs": {"value": 1}}}})
    )
    refused(pack, UsageError, "examples/other.json", lambda: remove(pack, "FiltersExample"))


def test_a_node_that_another_module_uses_is_not_removed(pack):
    (pack.root / "src/acme/uses.py").write_text("from acme.nodes.filters import FiltersExample\n")
    refused(pack, UsageError, "src/acme/uses.py", lambda: remove(pack, "FiltersExample"))


def test_a_removed_group_goes_with_all_its_nodes(pack):
    add_node(pack, "Halve", "filters", NUMBER, NUMBER)
    add_node(pack, "Other", "more", NUMBER, NUMBER)
    remove(pack, "filters")
    assert not (pack.root / FILTERS).exists()
    assert list(json.loads(text(pack, "src/acme/flowra-manifest.json"))["nodes"]) == ["Other"]
