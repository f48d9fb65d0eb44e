"""Node types by id: from packs, from their manifests, and from the program itself."""

import sys

import pytest
from fixtures.pack_factory import install_pack, settle
from fixtures.plan_nodes import MIGRATIONS, Chain, Load, pix_catalog

from flowra.dag.catalog import NodeCatalog
from flowra.dag.node import BaseArgs, Node
from flowra.exceptions import PluginError
from flowra.plugin import NodeEntry, PluginManager, hookimpl, use_manager
from flowra.type.value_type import Float

NODES = """
    from flowra.dag.node import BaseArgs, Node

    class Blur(Node):
        class InputArgs(BaseArgs):
            radius: float
        def run(self, context, args): ...
"""


class Mine(Node):
    """Count something.

    At length.
    """

    class InputArgs(BaseArgs):
        count: int = 1

    def run(self, context, args): ...


def test_the_types_of_packs_and_of_the_program_are_listed_together():
    catalog = pix_catalog()
    assert "pix/Load" in catalog.types()
    catalog.add(Mine)
    assert catalog.types()[0] == "local/Mine"
    assert catalog.node_class("local/Mine") is Mine
    described = catalog.describe("local/Mine")
    assert (described.summary, described.doc) == ("Count something", "Count something.\n\nAt length.")


def test_a_class_that_is_given_hides_the_pack_s_of_the_same_type():
    manager = pix_catalog().manager
    with use_manager(manager):
        assert Chain.type_id() == "pix/Chain"
        catalog = NodeCatalog(manager, [Chain])
    assert catalog.node_class("pix/Chain") is Chain


def test_a_class_is_loaded_once_and_knows_its_type():
    catalog = pix_catalog()
    assert catalog.node_class("pix/Load") is Load
    assert Load.type_id() == "pix/Load"
    assert catalog.describe("pix/Load") is catalog.describe("pix/Load")


def test_migrations_are_those_of_the_node_oldest_first():
    assert pix_catalog(MIGRATIONS[::-1]).migrations("pix/Resize") == list(MIGRATIONS)
    assert pix_catalog().migrations("pix/Load") == []
    assert pix_catalog().migrations("other/Resize") == []


@pytest.mark.parametrize("type_id", ["pix/Lode", "gone/Load", "Load", ""])
def test_a_type_that_there_is_not_is_an_error_of_the_plugins(type_id):
    with pytest.raises(PluginError, match="there is no node type"):
        pix_catalog().describe(type_id)
    with pytest.raises(PluginError, match="there is no node type"):
        pix_catalog().node_class(type_id)


def test_what_is_no_node_class_names_the_entry():
    class Wrong:
        @hookimpl
        def flowra_nodes(self):
            return [NodeEntry("json:dumps")]

    manager = PluginManager()
    manager.register(Wrong(), "wrong")
    with pytest.raises(PluginError) as error:
        NodeCatalog(manager).describe("wrong/dumps")
    assert "node type wrong/dumps is no Node class" in str(error.value)
    assert "json:dumps" in str(error.value)


def manifest(described):
    nodes = [{"target": "acme_pack.nodes:Blur", "name": "Blur", "group": "", "summary": ""}]
    return {"contributions": {"nodes": nodes}, "nodes": {"Blur": described}}


def test_a_description_comes_from_the_manifest_without_importing_the_pack(site):
    port = {"name": "radius", "type": "Float", "component": {"component": "Number"}}
    described = {"type": "acme/Blur", "version": 2, "summary": "Soften.", "inputs": [port]}
    install_pack(site, "acme", modules={"nodes": NODES}, manifest=manifest(described))
    settle()
    catalog = NodeCatalog(PluginManager.discover())
    found = catalog.describe("acme/Blur")
    assert (found.version, found.summary) == (2, "Soften.")
    assert found.input("radius").value_type == Float()
    assert not any(name.startswith("acme_pack") for name in sys.modules)
    assert catalog.node_class("acme/Blur").type_id() == "acme/Blur"


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({}, "KeyError: 'type'"),
        ({"type": "acme/Blur", "inputs": [{"name": "a", "type": "Flaot", "component": {}}]}, "did you mean Float?"),
        (
            {"type": "acme/Blur", "inputs": [{"name": "a", "type": "Float", "component": {"component": "Dial"}}]},
            "unknown component 'Dial'",
        ),
    ],
)
def test_a_manifest_that_describes_no_node_says_how_to_mend_it(site, described, said):
    install_pack(site, "acme", modules={"nodes": NODES}, manifest=manifest(described))
    settle()
    with pytest.raises(PluginError) as error:
        NodeCatalog(PluginManager.discover()).describe("acme/Blur")
    assert "the manifest of" in str(error.value)
    assert said in str(error.value)
    assert "pip install --force-reinstall flowra-acme" in str(error.value)
