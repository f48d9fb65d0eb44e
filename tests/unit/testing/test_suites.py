"""The conformance suites find what does not conform: each test here breaks one promise."""

from __future__ import annotations

import json

import pytest
from fixtures.pack_factory import install_pack, settle

from flowra.dag.catalog import NodeCatalog
from flowra.plugin.manager import PluginManager, use_manager
from flowra.storage.local.store import LocalStore
from flowra.testing import PackSuite, StoreSuite, ValueTypeSuite
from flowra.type.handler import ValueHandler
from flowra.type.value_type import Mesh

BROKEN = (AssertionError, pytest.fail.Exception)


class Words(ValueHandler):
    """Handles texts, and keeps every promise."""

    def coerce(self, value, spec):
        if not isinstance(value, str):
            raise ValueError(f"expected text, got {value!r}")
        return value

    def to_json(self, value):
        return value

    def summarize(self, value):
        return f"{len(value)} letters"

    def export(self, value, stem):
        path = stem.with_name(f"{stem.name}.txt")
        path.write_text(value)
        return path

    def encode(self, value):
        return "words", (b"w", value.encode(), b"\n")

    def decode(self, codec, data, spec):
        text = bytes(data).decode()
        if codec != "words" or not (text.startswith("w") and text.endswith("\n")):
            raise ValueError("no words")
        return text[1:-1]


class WordsSuite(ValueTypeSuite):
    __test__ = False
    value_type = Mesh()
    handler = Words()

    def samples(self):
        return ["one", "two", "three"]

    def refused(self):
        return [7]


class TestWords(WordsSuite):
    __test__ = True


BROKEN_HANDLERS = {
    "test_a_canonical_value_stays_as_it_is": {"coerce": lambda self, value, spec: f"{value}!"},
    "test_what_is_no_value_is_refused_with_a_reason": {"coerce": lambda self, value, spec: value},
    "test_the_identity_is_plain_data_and_tells_values_apart": {"to_json": lambda self, value: len(value)},
    "test_a_value_is_described_in_one_line": {"summarize": lambda self, value: f"{value}\n"},
    "test_a_stored_value_comes_back_the_same": {"decode": lambda self, codec, data, spec: "one"},
    "test_a_value_that_was_read_is_canonical": {"decode": lambda self, codec, data, spec: bytes(data)},
    "test_values_that_differ_are_stored_as_different_bytes": {"encode": lambda self, value: ("words", (b"w\n",))},
    "test_bytes_that_are_no_value_are_refused": {"decode": lambda self, codec, data, spec: bytes(data).decode("ascii")},
    "test_a_value_becomes_a_file_that_people_can_open": {"export": lambda self, value, stem: stem},
    "test_a_preview_is_a_small_picture_or_none": {"thumbnail": lambda self, value, most: b"GIF89a"},
    "test_what_browsers_play_is_small_and_says_what_it_is": {
        "playable": lambda self, value, most: ("text/html", b"<p>")
    },
}


@pytest.mark.parametrize("name", BROKEN_HANDLERS)
def test_a_handler_that_breaks_a_promise_is_found(name, tmp_path):
    suite = WordsSuite()
    suite.handler = type("Broken", (Words,), BROKEN_HANDLERS[name])()
    arguments = [tmp_path] if name.endswith("people_can_open") else []
    with pytest.raises(BROKEN):
        getattr(suite, name)(*arguments)


class ForgetfulStore(LocalStore):
    """Lets the last record count, keeps nothing apart, and never says that a value is damaged."""

    def publish(self, record, *, replace=False):
        return super().publish(record, replace=True)

    def has(self, ref):
        return True

    def lookup(self, key):
        return super().lookup(bytes(32))


@pytest.mark.parametrize(
    "name",
    [
        "test_the_first_record_for_a_key_counts",
        "test_what_is_not_there_is_a_miss",
        "test_a_record_is_there_for_other_sessions_at_once",
    ],
)
def test_a_store_that_breaks_a_promise_is_found(name, tmp_path):
    suite = StoreSuite()
    with ForgetfulStore(tmp_path / "store") as store, ForgetfulStore(tmp_path / "store") as other:
        arguments = (store, tmp_path) if "miss" in name else (store, other)
        with pytest.raises(BROKEN):
            getattr(suite, name)(*arguments)


NODES = '''
from flowra.dag.node import BaseArgs, Node
from flowra.type.component_type import Number, Text

class Twice(Node):
    """Double a number."""
    class InputArgs(BaseArgs):
        value: Number(value_type=float, description="number", default=1.0)
    class OutputArgs(BaseArgs):
        result: Number(value_type=float, description="twice the number")
    def run(self, context, args):
        return self.OutputArgs(result=2 * args.value)
'''
PLUGIN = """
from flowra.plugin import NodeEntry, hookimpl

@hookimpl
def flowra_nodes():
    return [NodeEntry("{package}.nodes:Twice", summary="Double a number")]
"""


@pytest.fixture
def pack(site):
    """A pack's source tree that is on the search path, with a manifest and an example; and its suite."""
    from flowra.pack.manifest_sync import sync_manifest
    from flowra.pack.project import PackProject

    package = install_pack(site, "twice", package="twice_pack", plugin=PLUGIN, modules={"nodes": NODES}, editable=True)
    (site / "pyproject.toml").write_text(
        '[project]\nname = "flowra-twice"\n[project.entry-points.flowra]\ntwice = "twice_pack.plugin"\n'
    )
    (site / "examples").mkdir()
    graph = {
        "format": "flowra/1",
        "nodes": {"twice": {"type": "twice/Twice", "inputs": {"value": 4}}},
        "outputs": {"result": {"$from": "twice.result"}},
    }
    (site / "examples" / "twice.json").write_text(json.dumps(graph))
    sync_manifest(PackProject.find(site))
    settle()
    with use_manager(PluginManager.discover()):
        yield type("Suite", (PackSuite,), {"pack": "twice", "folder": site})()
    assert package.is_dir()


def described(suite):
    [node_type] = suite.nodes()
    return NodeCatalog().node_class(node_type).describe()


def test_a_pack_that_keeps_its_promises_passes(pack, flowra_session):
    pack.test_the_pack_is_installed_and_usable()
    pack.test_it_contributes_something()
    pack.test_the_manifest_says_what_the_code_says()
    pack.test_there_are_example_graphs()
    for test in (pack.test_a_node_is_the_same_in_a_manifest, pack.test_a_node_is_documented):
        test(described(pack))
    pack.test_the_defaults_of_a_node_are_valid(described(pack))
    [example] = pack.example_graphs()
    pack.test_an_example_runs_and_what_it_gives_can_be_kept(example, flowra_session)


def test_a_manifest_that_is_behind_the_code_is_found(pack, site):
    (site / "twice_pack" / "nodes.py").write_text(NODES + "\n# changed\n")
    with pytest.raises(AssertionError, match="flowra project sync"):
        pack.test_the_manifest_says_what_the_code_says()


def test_a_port_without_a_description_is_found(pack):
    import dataclasses

    description = described(pack)
    silent = dataclasses.replace(description.inputs[0], description="")
    with pytest.raises(AssertionError, match="no description"):
        pack.test_a_node_is_documented(dataclasses.replace(description, inputs=(silent,)))


def test_a_pack_without_examples_is_found(pack, site):
    (site / "examples" / "twice.json").unlink()
    with pytest.raises(AssertionError, match="there is no graph"):
        pack.test_there_are_example_graphs()
