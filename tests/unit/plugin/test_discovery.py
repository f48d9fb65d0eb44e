from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fixtures.pack_factory import ONE_NODE, install_pack, write_manifest_file, write_metadata

from flowra.plugin import PluginManager

MARKED = "from flowra.plugin import NodeEntry, hookimpl\n"
FIELDS = {
    "contributions": {"nodes": [{"target": "good_pack.nodes:Blur", "name": "Blur", "group": "filters"}]},
    "nodes": {"Blur": {"summary": "Soften an image."}},
}


def only_pack(**options):
    (pack,) = PluginManager.discover(**options).packs
    return pack


def assert_the_rest_works(manager):
    """The pack `good`, installed beside whatever is broken, is usable."""
    assert manager.node("good/Blur")[1].target == "good_pack.nodes:Blur"


def test_without_packs_there_is_nothing(site):
    manager = PluginManager.discover()
    assert manager.packs == ()
    assert manager.node_types() == ()


def test_a_pack_is_found_with_its_identity(site):
    folder = install_pack(site, "good")
    pack = only_pack()
    assert (pack.id, pack.distribution, pack.version, pack.module) == (
        "good",
        "flowra-good",
        "0.3.0",
        "good_pack.plugin",
    )
    assert pack.location == str(folder)
    assert pack.requires_flowra in {"<0.2,>=0.1", ">=0.1,<0.2"}
    assert (pack.status, pack.problem, pack.editable) == ("ok", None, False)


def test_node_modules_are_not_imported(site):
    install_pack(site, "good")
    assert PluginManager.discover().node_types() == ("good/Blur",)
    assert "good_pack.nodes" not in sys.modules


BROKEN_ENTRY_MODULES = {
    "SystemExit: 3": "raise SystemExit(3)",
    "GeneratorExit": "raise GeneratorExit",
    "ZeroDivisionError: division by zero": "1 / 0",
    "SyntaxError": "def (:",
    "ModuleNotFoundError: No module named 'not_there_at_all'": "import not_there_at_all",
    "(the error's own message can't be printed)": """
        class Odd(Exception):
            def __str__(self):
                raise ValueError
        raise Odd
    """,
    "returned a str": MARKED + "@hookimpl\ndef flowra_nodes(): return 'bad_pack.nodes:Blur'",
    "returned None": MARKED + "@hookimpl\ndef flowra_nodes(): pass",
    "returned a int": MARKED + "@hookimpl\ndef flowra_nodes(): return 5",
    "returned a str at position 1": MARKED + "@hookimpl\ndef flowra_nodes(): return [NodeEntry('a:B'), 'a:C']",
    "returned a dict": MARKED + "@hookimpl\ndef flowra_nodes(): return {'a': 1}",
    "returned a coroutine": MARKED + "@hookimpl\nasync def flowra_nodes(): return []",
    "RuntimeError: later": MARKED + "@hookimpl\ndef flowra_nodes():\n    yield NodeEntry('a:B')\n"
    "    raise RuntimeError('later')",
    "SystemExit: 4": MARKED + "import sys\n@hookimpl\ndef flowra_nodes(): sys.exit(4)",
    "more than 10000": MARKED + "import itertools\n@hookimpl\ndef flowra_nodes():\n"
    "    return (NodeEntry(f'a:B{n}') for n in itertools.count())",
    "contributed twice": MARKED + "@hookimpl\ndef flowra_nodes(): return [NodeEntry('a:B'), NodeEntry('c:B')]",
    "not of the form 'module:Attribute'": MARKED + "@hookimpl\ndef flowra_nodes(): return [NodeEntry('a.B')]",
    "can not be found in the hookspec": MARKED + "@hookimpl\ndef flowra_nodes(config): return []",
    "is a wrapper": MARKED + "@hookimpl(wrapper=True)\ndef flowra_nodes():\n    return (yield)",
    "unknown hook flowra_noods; did you mean flowra_nodes?": MARKED + "@hookimpl\ndef flowra_noods(): return []",
    "unknown hook flowra_comands; did you mean flowra_commands?": "def flowra_comands(): return []",
    "flowra_nodes lacks its marker": "def flowra_nodes(): return []",
}


@pytest.mark.parametrize("reason", BROKEN_ENTRY_MODULES)
def test_whatever_an_entry_module_does_only_its_own_pack_is_broken(site, reason):
    install_pack(site, "good")
    install_pack(site, "bad", plugin=BROKEN_ENTRY_MODULES[reason])
    manager = PluginManager.discover()
    bad, good = manager.packs
    assert (bad.status, good.status) == ("broken", "ok")
    assert reason in f"{bad.problem.what} {bad.problem.why}"
    assert "FLOWRA_DISABLE_PACKS=bad" in bad.problem.mend
    assert "\n" not in f"{bad.problem.what}{bad.problem.why}{bad.problem.mend}"
    assert_the_rest_works(manager)


def test_an_interrupt_by_the_user_is_not_a_packs_error(site):
    install_pack(site, "bad", plugin="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        PluginManager.discover()


def test_an_error_names_the_line_of_the_pack(site):
    folder = install_pack(site, "bad", plugin="x = 1\nraise OSError('disk')")
    pack = only_pack()
    assert f"OSError: disk at {folder / 'plugin.py'}:2" in pack.problem.why
    assert pack.location == str(folder)


def test_a_missing_dependency_is_named_with_the_command_that_brings_it(site):
    install_pack(site, "bad", plugin="import not_there_at_all")
    mend = only_pack().problem.mend
    assert "install what provides not_there_at_all" in mend
    assert "python -m pip install --force-reinstall flowra-bad" in mend


def test_an_editable_pack_is_mended_where_it_lies(site):
    folder = install_pack(site, "bad", plugin="1 / 0", editable=True)
    assert only_pack().problem.mend.startswith(f"mend {folder / 'plugin.py'}:1")


def test_what_an_entry_module_prints_does_not_reach_stdout(site, capsys):
    install_pack(
        site, "loud", plugin="print('hello')\n" + MARKED + "@hookimpl\ndef flowra_nodes(): print(1); return []"
    )
    assert only_pack().status == "ok"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hello\n1\n"


def test_an_entry_point_to_a_missing_module_is_a_broken_pack(site):
    install_pack(site, "good")
    write_metadata(site, "flowra-bad", "1.0", {"bad": "nowhere_to_be_found.plugin"}, requires=["flowra"])
    manager = PluginManager.discover()
    bad = manager.packs[0]
    assert bad.status == "broken"
    assert "No module named 'nowhere_to_be_found'" in bad.problem.why
    assert_the_rest_works(manager)


@pytest.mark.parametrize("value", ["good_pack.plugin:thing", "good pack", "", "a..b", "1a"])
def test_an_entry_point_that_names_no_module_is_a_broken_pack(site, value):
    install_pack(site, "good")
    write_metadata(site, "flowra-bad", "1.0", {"bad": value})
    manager = PluginManager.discover()
    assert [pack.status for pack in manager.packs if pack.distribution == "flowra-bad"] in (["broken"], [])
    if value == "good_pack.plugin:thing":
        assert "has to be a module" in manager.packs[0].problem.why
    assert_the_rest_works(manager)


def test_missing_metadata_is_a_broken_pack_named_after_its_folder(site):
    install_pack(site, "good")
    install_pack(site, "bad")
    (site / "flowra_bad-0.3.0.dist-info" / "METADATA").unlink()
    manager = PluginManager.discover()
    bad = manager.packs[0]
    assert (bad.id, bad.status) == ("bad", "broken")
    assert str(site / "flowra_bad-0.3.0.dist-info") in bad.problem.mend
    assert "bad_pack.plugin" not in sys.modules
    assert_the_rest_works(manager)


@pytest.mark.parametrize("name", ["METADATA", "entry_points.txt"])
def test_metadata_that_is_not_utf8_is_a_broken_pack(site, name):
    install_pack(site, "good")
    install_pack(site, "bad")
    path = site / "flowra_bad-0.3.0.dist-info" / name
    path.write_bytes(path.read_bytes() + b"Summary = caf\xe9\xff\n")
    manager = PluginManager.discover()
    bad = manager.packs[0]
    assert (bad.distribution.replace("_", "-"), bad.status) == ("flowra-bad", "broken")
    assert "UnicodeDecodeError" in bad.problem.why
    assert_the_rest_works(manager)


def test_garbage_entry_points_of_other_programs_are_passed_over(site):
    install_pack(site, "good")
    (write_metadata(site, "other", "1.0", {}) / "entry_points.txt").write_bytes(b"[console_scripts]\n\xff\xfe = 1\n")
    manager = PluginManager.discover()
    assert [pack.id for pack in manager.packs] == ["good"]


def test_another_tools_finder_that_fails_does_not_stop_discovery(site, monkeypatch):
    class Failing:
        @staticmethod
        def find_spec(*_):
            return None

        @staticmethod
        def find_distributions(*_):
            raise RuntimeError

    install_pack(site, "good")
    monkeypatch.setattr(sys, "meta_path", [Failing, *sys.meta_path])
    assert_the_rest_works(PluginManager.discover())


def test_a_current_folder_that_was_removed_stops_neither_discovery_nor_settings(tmp_path):
    site = tmp_path / "site"
    install_pack(site, "good")
    program = f"""
import os, sys
sys.path.append({str(site)!r})
folder = {str(tmp_path / "gone")!r}
os.mkdir(folder); os.chdir(folder); os.rmdir(folder)
from flowra.plugin import default_manager
print(default_manager().node("good/Blur")[0])
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("pack good (flowra-good 0.3.0)\n", "")


@pytest.mark.parametrize("pack_id", ["graph", "ä", "a.b", "x" * 201])
def test_an_id_that_no_pack_may_have_makes_a_broken_pack(site, pack_id):
    install_pack(site, "good")
    install_pack(site, pack_id, distribution="flowra-bad", package="bad_pack")
    manager = PluginManager.discover()
    bad = next(pack for pack in manager.packs if pack.id == pack_id)
    assert bad.status == "broken"
    assert "can't be a pack's id" in bad.problem.what
    assert "bad_pack.plugin" not in sys.modules
    assert_the_rest_works(manager)


def test_a_single_module_can_be_a_pack(site):
    (site / "tiny.py").write_text(MARKED + "@hookimpl\ndef flowra_nodes(): return [NodeEntry('tiny:Blur')]\n")
    write_metadata(site, "tiny", "1.0", {"tiny": "tiny"})
    assert PluginManager.discover().node_types() == ("tiny/Blur",)


def test_a_pack_in_a_namespace_package_is_found_with_its_manifest(site):
    folder = site / "company" / "image"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError\n")
    entry = {"target": "company.image.nodes:Blur", "name": "Blur"}
    write_manifest_file(folder, "image", {"contributions": {"nodes": [entry]}, "nodes": {"Blur": {}}})
    write_metadata(site, "company-image", "1.0", {"image": "company.image.plugin"})
    manager = PluginManager.discover()
    assert manager.node_types() == ("image/Blur",)
    assert manager.packs[0].location == str(folder)


def test_a_pack_that_lies_as_a_source_tree_on_the_search_path_is_editable(site):
    install_pack(site, "good", manifest={**FIELDS, "nodes": {"Blur": {}}})
    metadata = site / "flowra_good-0.3.0.dist-info"
    metadata.joinpath("METADATA").rename(metadata / "PKG-INFO")
    metadata.rename(site / "flowra_good.egg-info")
    assert only_pack().editable
    (site / "good_pack" / "nodes.py").write_text("# newer than the manifest\n")
    manager = PluginManager.discover()
    assert_the_rest_works(manager)
    assert manager.manifest_node("good/Blur") is None


def test_an_unreadable_origin_makes_an_ordinary_install(site):
    install_pack(site, "good")
    (site / "flowra_good-0.3.0.dist-info" / "direct_url.json").write_bytes(b"[\xff")
    assert not only_pack().editable
    assert only_pack().status == "ok"


class TestRangeOfFlowra:
    @pytest.mark.parametrize(
        "lines",
        [
            ["flowra<0.1"],
            ["flowra>=0.2"],
            ["numpy", "Flowra (>=9)"],
            ["flowra>=0.1; python_version>='3.0'", "flowra<0.1"],
        ],
    )
    def test_a_pack_for_other_versions_is_refused_before_import(self, site, lines):
        install_pack(site, "good")
        install_pack(site, "old", requires=lines)
        manager = PluginManager.discover()
        old = manager.packs[1]
        assert old.status == "incompatible"
        assert "it does not work with Flowra 0.1.0" in old.problem.what
        assert f"flowra-old 0.3.0 requires flowra{old.requires_flowra}" in old.problem.why
        assert "pip install --upgrade flowra-old" in old.problem.mend
        assert "old_pack" not in sys.modules
        assert_the_rest_works(manager)

    @pytest.mark.parametrize(
        "lines",
        [
            [],
            ["flowra"],
            ["flowra>=0.1,<0.2"],
            ["flowra-image>=7", "flowra_extra>9"],
            ["flowra>9; python_version<'3.0'"],
            ["flowra>9; extra=='all'"],
            ["an unreadable line of another name !!"],
        ],
    )
    def test_lines_that_do_not_exclude_this_version_let_the_pack_in(self, site, lines):
        install_pack(site, "good", requires=lines)
        assert_the_rest_works(PluginManager.discover())

    def test_a_range_that_can_not_be_read_is_a_broken_pack(self, site):
        install_pack(site, "bad", requires=["flowra>=banana"])
        pack = only_pack()
        assert pack.status == "broken"
        assert "range of Flowra" in pack.problem.what
        assert "bad_pack" not in sys.modules


class TestDisabling:
    @pytest.mark.parametrize("name", ["bad", "flowra-bad", "Flowra_Bad"])
    def test_a_disabled_pack_is_listed_and_never_imported(self, site, name):
        install_pack(site, "good")
        install_pack(site, "bad", plugin="raise SystemExit")
        manager = PluginManager.discover([name])
        bad, good = manager.packs
        assert (bad.status, bad.problem, good.status) == ("disabled", None, "ok")
        assert "bad_pack" not in sys.modules

    def test_a_name_that_disables_nothing_is_reported(self, site):
        install_pack(site, "good")
        assert PluginManager.discover(["god"]).unknown_disabled == ("god",)
        assert PluginManager.discover(["flowra-good"]).unknown_disabled == ()


class TestDuplicates:
    def test_of_one_distribution_found_twice_the_first_counts(self, site, tmp_path, monkeypatch):
        second = tmp_path / "second"
        install_pack(site, "good", version="0.3.0")
        install_pack(second, "good", version="0.9.0", distribution="Flowra.Good")
        monkeypatch.setattr(sys, "path", [*sys.path, str(second)])
        assert only_pack().version == "0.3.0"

    def test_an_id_that_two_distributions_claim_is_a_conflict_that_names_both(self, site):
        install_pack(site, "good")
        install_pack(site, "image", distribution="flowra-image", package="first_pack")
        install_pack(site, "image", distribution="flowra-image-fork", package="fork_pack", version="2.0")
        manager = PluginManager.discover()
        images = [pack for pack in manager.packs if pack.id == "image"]
        assert [pack.status for pack in images] == ["conflict", "conflict"]
        for pack in images:
            assert "flowra-image 0.3.0" in pack.problem.what
            assert "flowra-image-fork 2.0" in pack.problem.what
        assert manager.node_types() == ("good/Blur",)
        assert [(each.kind, each.name) for each in manager.conflicts] == [("packs", "image")]

    def test_disabling_one_of_the_distributions_ends_the_conflict(self, site):
        install_pack(site, "image", distribution="flowra-image", package="first_pack")
        install_pack(site, "image", distribution="flowra-image-fork", package="fork_pack")
        manager = PluginManager.discover(["flowra-image-fork"])
        assert manager.node("image/Blur")[1].target == "first_pack.nodes:Blur"
        assert manager.conflicts == ()

    def test_a_contested_scheme_is_given_to_no_pack_and_the_rest_of_both_works(self, site):
        source = (
            ONE_NODE
            + """
    from flowra.plugin import StorageEntry

    @hookimpl
    def flowra_storage_backends():
        return [StorageEntry("s3", "{package}.s3:S3"), StorageEntry("{package}".replace("_", "-"), "{package}.s3:S3")]
"""
        )
        install_pack(site, "one", plugin=source)
        install_pack(site, "two", plugin=source)
        manager = PluginManager.discover()
        assert [pack.status for pack in manager.packs] == ["conflict", "conflict"]
        assert (
            "storage backend s3 is claimed by pack one (flowra-one 0.3.0) and pack two" in manager.packs[0].problem.what
        )
        assert [entry.scheme for _, entry in manager.entries("storage_backends")] == ["one-pack", "two-pack"]
        assert manager.node_types() == ("one/Blur", "two/Blur")


class TestManifest:
    EXPLOSIVE = "raise RuntimeError('imported')"

    def test_in_a_wheel_it_counts_and_nothing_is_imported(self, site):
        install_pack(site, "good", plugin=self.EXPLOSIVE, manifest=FIELDS)
        manager = PluginManager.discover()
        assert_the_rest_works(manager)
        assert manager.manifest_node("good/Blur") == {"summary": "Soften an image."}
        assert "good_pack" not in sys.modules

    def test_without_one_there_is_no_description(self, site):
        install_pack(site, "good")
        assert PluginManager.discover().manifest_node("good/Blur") is None

    def test_in_an_editable_install_it_counts_while_the_sources_match(self, site):
        install_pack(site, "good", plugin=self.EXPLOSIVE, manifest=FIELDS, editable=True)
        assert_the_rest_works(PluginManager.discover())

    def test_in_an_editable_install_with_changed_sources_the_hooks_are_asked(self, site):
        folder = install_pack(site, "good", manifest=FIELDS, editable=True)
        (folder / "nodes.py").write_text("# new\n")
        manager = PluginManager.discover()
        assert_the_rest_works(manager)
        assert manager.manifest_node("good/Blur") is None
        assert "good_pack.plugin" in sys.modules

    def test_in_an_editable_install_an_unreadable_one_counts_as_outdated(self, site):
        install_pack(site, "good", manifest=b"\xff", editable=True)
        assert_the_rest_works(PluginManager.discover())

    @pytest.mark.parametrize(
        "content",
        [
            b"\xff\xfe not utf-8",
            b"{",
            b"[]",
            b"[" * 100_000,
            b"{}",
            json.dumps({"format": "flowra-manifest/9"}).encode(),
        ],
    )
    def test_one_that_can_not_be_read_is_a_broken_pack(self, site, content):
        install_pack(site, "good")
        folder = install_pack(site, "bad", manifest=content)
        manager = PluginManager.discover()
        bad = manager.packs[0]
        assert bad.status == "broken"
        assert str(folder / "flowra-manifest.json") in bad.problem.why
        assert_the_rest_works(manager)

    def test_one_of_another_pack_is_a_broken_pack(self, site):
        folder = install_pack(site, "good", plugin=self.EXPLOSIVE)
        write_manifest_file(folder, "other", FIELDS)
        assert "it belongs to the pack other" in only_pack().problem.why
