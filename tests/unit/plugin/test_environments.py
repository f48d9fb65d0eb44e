"""Packs that have environments of their own are found by small files, and nothing of them is imported."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from fixtures.pack_environments import make_environment
from fixtures.pack_factory import install_pack, settle

from flowra.exceptions import PluginError
from flowra.plugin import PluginManager, discovery
from flowra.plugin.environments import environments_in, read_environment


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "environments"


def discover(folder, **arguments):
    return PluginManager.discover(environments=folder, **arguments)


def test_its_nodes_are_there_and_nothing_else_that_would_have_to_be_imported(site, folder):
    made = make_environment(folder)
    manager = discover(folder)
    [pack] = manager.packs
    assert (pack.id, pack.version, pack.status) == ("apart", "1.0", "ok")
    assert pack.python == str(made / "python")
    assert pack.location == str(made / "site-packages" / "apart_pack")
    assert str(pack) == "pack apart (flowra-apart 1.0, in an environment of its own)"
    assert manager.node_types() == ("apart/Blur",)
    assert manager.entries("commands") == ()
    assert manager.manifest_node("apart/Blur")["type"] == "apart/Blur"


def test_without_a_folder_of_environments_there_are_none(site, folder):
    assert discover(folder).packs == ()
    assert PluginManager.discover(environments=None).packs == ()


def test_a_second_start_reads_it_from_the_index_until_environments_come_or_go(site, folder, cache, monkeypatch):
    reads = []
    original = discovery.read_pack
    monkeypatch.setattr(discovery, "read_pack", lambda record: reads.append(record.id) or original(record))
    made = make_environment(folder)
    settle()
    assert discover(folder, cache_dir=cache).packs == discover(folder, cache_dir=cache).packs
    assert reads == ["apart"]
    other = make_environment(folder, "other", node={"type": "other/Blur"})
    settle()
    assert [pack.id for pack in discover(folder, cache_dir=cache).packs] == ["apart", "other"]
    shutil.rmtree(other)
    settle()
    assert [pack.id for pack in discover(folder, cache_dir=cache).packs] == ["apart"]
    assert discover(None, cache_dir=cache).packs == ()
    # Made anew in its place, by a rename.
    shutil.rmtree(made)
    make_environment(folder, version="1.0", node={"type": "apart/Blur", "summary": "Softer."})
    settle()
    assert discover(folder, cache_dir=cache).manifest_node("apart/Blur")["summary"] == "Softer."


def test_of_two_environments_of_a_pack_the_newer_counts(site, folder):
    make_environment(folder, version="2.0")
    old = make_environment(folder, version="3.0")
    os.utime(old / "environment.json", (1, 1))
    assert [pack.version for pack in discover(folder).packs] == ["2.0"]


def test_a_pack_that_is_installed_too_is_refused_naming_both(site, folder):
    make_environment(folder)
    install_pack(site, "apart", version="0.9")
    manager = discover(folder)
    assert [pack.status for pack in manager.packs] == ["conflict", "conflict"]
    assert manager.node_types() == ()
    problem = manager.packs[0].problem
    assert "pack apart (flowra-apart 0.9)" in problem.what
    assert "pack apart (flowra-apart 1.0, in an environment of its own)" in problem.what
    assert "flowra pack uninstall --isolated apart" in problem.mend


def test_a_disabled_one_is_left_out(site, folder):
    make_environment(folder)
    manager = discover(folder, disabled=["flowra-apart"])
    assert [pack.status for pack in manager.packs] == ["disabled"]
    assert manager.node_types() == ()


def test_the_python_of_an_environment_sees_only_what_is_installed_in_it(site, folder, monkeypatch):
    made = make_environment(folder)
    monkeypatch.setattr(sys, "prefix", str(made / ".venv"))
    assert discover(folder).packs == ()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda made: (made / "python").unlink(), "has no Python"),
        (lambda made: (made / "site-packages/apart_pack/flowra-manifest.json").write_text("{"), "manifest can't be"),
        (lambda made: (made / "site-packages/apart_pack/flowra-manifest.json").unlink(), "manifest can't be"),
    ],
)
def test_a_damaged_one_says_how_to_make_it_anew(site, folder, cache, harm, said):
    made = make_environment(folder)
    discover(folder, cache_dir=cache)
    harm(made)
    [pack] = discover(folder, cache_dir=cache).packs
    assert pack.status == "broken"
    assert said in pack.problem.what
    assert pack.problem.mend == "`flowra pack install --isolated flowra-apart`"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "list"),
        ('{"format": "flowra-environment/9"}', "flowra-environment/9"),
        ('{"format": "flowra-environment/1"}', "it has to give pack"),
    ],
)
def test_a_file_that_is_none_makes_a_broken_pack_with_the_reason(site, folder, content, said):
    made = make_environment(folder)
    (made / "environment.json").write_text(content)
    [pack] = discover(folder).packs
    assert (pack.id, pack.status) == (made.name, "broken")
    assert said in pack.problem.why


@pytest.mark.parametrize("path", ["/usr/bin/python", "../elsewhere/python"])
def test_paths_do_not_lead_out_of_the_folder(folder, path):
    with pytest.raises(PluginError, match="can't be used") as raised:
        read_environment(make_environment(folder, python=path))
    assert raised.value.why == "python leads out of the folder"


def test_what_it_holds_is_what_it_was_made_of(folder):
    made = make_environment(folder)
    found = read_environment(made)
    assert environments_in(folder) == [made]
    assert found.moved(folder / "elsewhere").to_json() == found.to_json()
