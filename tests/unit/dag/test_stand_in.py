"""Nodes of packs with environments of their own are planned, keyed and checked without being imported."""

from __future__ import annotations

import pytest
from fixtures.pack_environments import BLUR, make_environment
from fixtures.pack_factory import isolated_site, write_metadata

from flowra.dag.catalog import NodeCatalog
from flowra.dag.key.keyer import Keyer
from flowra.dag.key.parts import Unkeyable
from flowra.dag.plan.logical import PlannedNode
from flowra.dag.stand_in import home_of
from flowra.plugin import PluginManager


@pytest.fixture
def folder(tmp_path):
    with isolated_site(tmp_path / "site"):
        yield tmp_path / "environments"


def catalog_of(folder):
    return NodeCatalog(PluginManager.discover(environments=folder))


def key_of(folder):
    catalog = catalog_of(folder)
    keyer = Keyer(catalog, file_digest=lambda path: path.read_bytes())
    return keyer.static_part(PlannedNode("it", catalog.describe("apart/Blur"), {}, {"value": 1}, {}))


def test_a_class_stands_for_it_with_its_ports_and_traits(folder):
    traits = {"warm": True, "timeout": 5.0, "resources": {"gpu": 1}, "retries": {"times": 2, "on": ["acme:Broken"]}}
    made = make_environment(folder, node={**BLUR, "version": 3, "traits": traits})
    catalog = catalog_of(folder)
    assert catalog.describe("apart/Blur").traits.isolation == "process"
    found = catalog.node_class("apart/Blur")
    assert (found.type_id(), found.version, found.timeout, found.isolation) == ("apart/Blur", 3, 5.0, "process")
    assert found.resources == {"gpu": 1}
    assert (found.retries.times, found.retries.on) == (2, ("acme:Broken",))
    home = home_of(found)
    assert (str(home.python), home.module, home.name) == (str(made / "python"), "apart_pack.nodes", "Blur")
    assert found.InitArgs().strength == 1
    with pytest.raises(ValueError, match="less than or equal to 9"):
        found.InitArgs(strength=10)
    with pytest.raises(NotImplementedError, match="apart/Blur runs in"):
        found().run(None, None)
    # Told apart from the classes of this process by whether it has to be made before its first call.
    assert found.traits().warm
    assert found.traits() == catalog.describe("apart/Blur").traits


def test_its_key_changes_with_any_file_of_its_package_and_with_nothing_else(folder):
    made = make_environment(folder)
    before = key_of(folder)
    assert not isinstance(before, Unkeyable)
    assert "apart_pack/nodes.py" in before.type.about["code"]["files"]
    (made / "unrelated.py").write_text("changed")
    (made / "site-packages/apart_pack/__pycache__").mkdir()
    (made / "site-packages/apart_pack/__pycache__/nodes.pyc").write_bytes(b"changed")
    assert key_of(folder).digest == before.digest
    (made / "site-packages/apart_pack/model.bin").write_bytes(b"weights")
    after = key_of(folder)
    assert after.digest != before.digest
    (made / "site-packages/apart_pack/nodes.py").write_text("changed = True\n")
    assert key_of(folder).digest not in {before.digest, after.digest}


def test_the_versions_of_its_libraries_are_those_of_its_environment(folder):
    made = make_environment(folder, node={**BLUR, "traits": {"libraries": ["numpy", "onnx"]}})
    write_metadata(made / "site-packages", "numpy", "0.0.7", {})
    about = key_of(folder).type.about
    assert about["libraries"] == {"numpy": "0.0.7", "onnx": None}


def test_a_fingerprint_that_can_not_be_asked_for_leaves_the_node_without_a_key(folder):
    make_environment(folder, node={**BLUR, "traits": {"fingerprinted": True}})
    found = key_of(folder)
    assert isinstance(found, Unkeyable)
    assert "fingerprint is code of a pack with an environment of its own" in found.reason


def test_a_package_that_is_gone_leaves_the_node_without_a_key(folder):
    made = make_environment(folder)
    catalog = catalog_of(folder)
    description = catalog.describe("apart/Blur")
    for path in sorted((made / "site-packages/apart_pack").rglob("*"), reverse=True):
        path.unlink()
    keyer = Keyer(catalog, file_digest=lambda path: path.read_bytes())
    found = keyer.static_part(PlannedNode("it", description, {}, {"value": 1}, {}))
    assert isinstance(found, Unkeyable)
