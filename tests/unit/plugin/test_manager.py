from __future__ import annotations

import sys
import threading
import types

import pytest
from fixtures.pack_factory import install_pack

from flowra.exceptions import NodeDefinitionError, PluginError, Problem
from flowra.plugin import CommandEntry, NodeEntry, PluginManager, default_manager, hookimpl, manager, use_manager


class Image:
    """A pack made in the test's process."""

    @hookimpl
    def flowra_nodes(self):
        return [
            NodeEntry("collections:OrderedDict", name="Blur"),
            NodeEntry("collections:Counter", name="EdgeDetector"),
        ]

    @hookimpl
    def flowra_commands(self):
        return [CommandEntry("annotate", "collections:deque", "Annotate.")]


@pytest.fixture
def image():
    manager = PluginManager()
    manager.register(Image(), "image")
    return manager


def test_a_registered_pack_is_like_an_installed_one(image):
    pack, entry = image.node("image/Blur")
    assert (pack.id, pack.status, str(pack)) == ("image", "ok", "pack image")
    assert entry == NodeEntry("collections:OrderedDict", name="Blur")
    assert image.node_types() == ("image/Blur", "image/EdgeDetector")
    assert [(pack.id, entry.name) for pack, entry in image.entries("commands")] == [("image", "annotate")]
    assert image.manifest_node("image/Blur") is None


def test_a_module_can_be_registered():
    module = types.ModuleType("made_here")
    exec(
        "from flowra.plugin import NodeEntry, hookimpl\n@hookimpl\ndef flowra_nodes(): return [NodeEntry('a:B')]",
        vars(module),
    )
    manager = PluginManager()
    assert manager.register(module, "made").module == "made_here"
    assert manager.node_types() == ("made/B",)


def test_registering_mistakes_is_an_error_at_once():
    module = types.ModuleType("made_here")
    exec("def flowra_noods(): pass", vars(module))
    with pytest.raises(PluginError, match="pack made: unknown hook flowra_noods; did you mean flowra_nodes"):
        PluginManager().register(module, "made")
    with pytest.raises(PluginError, match="can't be a pack's id"):
        PluginManager().register(Image(), "graph")


def test_two_registered_packs_of_one_id_are_a_conflict(image):
    image.register(Image(), "image")
    assert [pack.status for pack in image.packs] == ["conflict", "conflict"]
    assert image.node_types() == ()
    with pytest.raises(PluginError, match="claimed by pack image and pack image"):
        image.node("image/Blur")


def test_a_kind_that_does_not_exist_is_an_error(image):
    with pytest.raises(KeyError):
        image.entries("noods")


class TestUnknownNode:
    @pytest.mark.parametrize(
        ("wanted", "nearest"),
        [
            ("image/Blurr", "image/Blur"),
            ("image/blur", "image/Blur"),
            ("imgae/Blur", "image/Blur"),
            ("Blur", "image/Blur"),
            ("other/EdgeDetector", "image/EdgeDetector"),
            ("Edgedetectr", "image/EdgeDetector"),
            ("image/Qqqqqqq", None),
            ("", None),
        ],
    )
    def test_the_nearest_is_named(self, image, wanted, nearest):
        assert image.nearest(wanted) == nearest
        with pytest.raises(PluginError) as caught:
            image.node(wanted)
        assert caught.value.fix == (
            f"did you mean {nearest}?" if nearest else "`flowra node list` shows the nodes there are"
        )

    def test_the_reason_says_what_is_missing(self, image):
        for wanted, why in {
            "image/Other": "pack image has no such node",
            "video/Blur": "no pack video is installed",
            "Blur": "a node type is written pack/Node",
        }.items():
            with pytest.raises(PluginError) as caught:
                image.node(wanted)
            assert caught.value.why == why

    def test_of_a_broken_pack_the_error_is_the_packs(self, site):
        install_pack(site, "bad", plugin="1 / 0")
        with pytest.raises(PluginError) as caught:
            PluginManager.discover().node("bad/Blur")
        assert caught.value.why == "pack bad (flowra-bad 0.3.0) is broken: importing bad_pack.plugin failed"
        assert "pip install" in caught.value.fix

    def test_of_a_disabled_pack_the_error_says_so(self, site):
        install_pack(site, "good")
        with pytest.raises(PluginError) as caught:
            PluginManager.discover(["good"]).node("good/Blur")
        assert caught.value.why == "pack good (flowra-good 0.3.0) is disabled"
        assert "FLOWRA_DISABLE_PACKS" in caught.value.fix


class TestLoad:
    def test_the_target_is_imported(self, site):
        install_pack(site, "good", modules={"nodes": "class Blur:\n    class Inner: pass\n"})
        manager = PluginManager.discover()
        _, entry = manager.node("good/Blur")
        assert manager.load(entry.target).__name__ == "Blur"
        assert manager.load(f"{entry.target}.Inner").__name__ == "Inner"

    @pytest.mark.parametrize(
        ("source", "why"),
        {
            "import not_there_at_all": "ModuleNotFoundError: No module named 'not_there_at_all'",
            "raise SystemExit(1)": "SystemExit: 1",
            "1 / 0": "ZeroDivisionError: division by zero",
            "class Blurr: pass": "good_pack.nodes has no Blur; did you mean Blurr?",
            "def __getattr__(name): raise OSError(name)": "OSError: Blur",
        }.items(),
    )
    def test_a_failure_names_the_pack_the_reason_and_the_place(self, site, source, why):
        folder = install_pack(site, "good", modules={"nodes": source})
        manager = PluginManager.discover()
        with pytest.raises(PluginError) as caught:
            manager.load("good_pack.nodes:Blur")
        error = caught.value
        assert error.what == "pack good (flowra-good 0.3.0): good_pack.nodes:Blur can't be loaded"
        assert error.why == why
        assert error.where.startswith(str(folder / "nodes.py"))
        assert error.fix
        assert len(str(error).splitlines()) <= 15

    def test_a_mistake_in_a_node_class_keeps_its_own_words(self, site, monkeypatch):
        install_pack(site, "good", modules={"nodes": "import problems\nraise problems.error"})
        problems = types.ModuleType("problems")
        problems.error = NodeDefinitionError("Blur has mistakes", [Problem("Blur.InputArgs.image", "has no type")])
        monkeypatch.setitem(sys.modules, "problems", problems)
        with pytest.raises(PluginError, match=r"Blur\.InputArgs\.image: has no type"):
            PluginManager.discover().load("good_pack.nodes:Blur")

    def test_an_interrupt_passes(self, site):
        install_pack(site, "good", modules={"nodes": "raise KeyboardInterrupt"})
        with pytest.raises(KeyboardInterrupt):
            PluginManager.discover().load("good_pack.nodes:Blur")

    def test_what_belongs_to_no_pack_is_named_by_its_module(self, image):
        with pytest.raises(PluginError, match="not_there_at_all: not_there_at_all:Thing can't be loaded"):
            image.load("not_there_at_all:Thing")
        with pytest.raises(PluginError, match="names nothing to load"):
            image.load("json")


class TestDefaultManager:
    @pytest.fixture(autouse=True)
    def no_default_yet(self, monkeypatch):
        monkeypatch.setattr(manager, "_default", None)

    def test_it_has_the_installed_packs_without_those_the_settings_disable(self, site, cache, monkeypatch):
        install_pack(site, "good")
        install_pack(site, "bad", plugin="raise SystemExit")
        monkeypatch.setenv("FLOWRA_DISABLE_PACKS", "bad")
        monkeypatch.setenv("FLOWRA_CACHE_DIR", str(cache))
        monkeypatch.chdir(site)
        assert [(pack.id, pack.status) for pack in default_manager().packs] == [("bad", "disabled"), ("good", "ok")]
        assert default_manager() is default_manager()

    def test_a_test_can_put_its_own_in_place_for_all_threads(self, image):
        seen = []
        with use_manager(image) as given:
            thread = threading.Thread(target=lambda: seen.append(default_manager()))
            thread.start()
            thread.join()
            with use_manager(PluginManager()) as inner:
                assert default_manager() is inner
            assert default_manager() is given is image
        assert seen == [image]
        assert manager._default is None

    def test_the_one_before_is_back_after_an_error(self, image):
        with use_manager(image):
            with pytest.raises(ValueError, match="x"), use_manager(PluginManager()):
                raise ValueError("x")
            assert default_manager() is image
