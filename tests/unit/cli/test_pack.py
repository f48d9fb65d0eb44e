from __future__ import annotations

import inspect
import json
import sys

import pytest
from click.testing import CliRunner
from fixtures.pack_factory import ONE_NODE, install_many, install_pack

from flowra.cli.pack import command
from flowra.exceptions import UsageError
from flowra.plugin import PluginManager, use_manager

#: What keeps stderr apart from stdout; click 8.2 always does.
SEPARATE = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}

COMMAND = """
    from flowra.plugin import CommandEntry, StorageEntry, hookimpl

    @hookimpl
    def flowra_commands():
        return [CommandEntry("{package}".replace("_", "-"), "{package}.cli:main", "Do it.")]

    @hookimpl
    def flowra_storage_backends():
        return [StorageEntry("s3", "{package}.s3:S3", "Buckets.")]
"""


@pytest.fixture
def flowra_pack(site, tmp_path):
    """Run `flowra pack` over what is installed in `site`."""

    def run(*arguments, disabled=()):
        with use_manager(PluginManager.discover(disabled, cache_dir=tmp_path / "cache")):
            return CliRunner(**SEPARATE).invoke(command, arguments)

    return run


def install_one_of_each_status(site):
    install_pack(site, "good", modules={"nodes": "class Blur: pass"})
    install_pack(site, "bad", plugin="1 / 0")
    install_pack(site, "off")
    install_pack(site, "old", requires=["flowra<0.1"])
    install_pack(site, "twin", distribution="flowra-first", package="first_pack")
    install_pack(site, "twin", distribution="flowra-second", package="second_pack")


STATUSES = {
    "bad": "broken",
    "good": "ok",
    "off": "disabled",
    "old": "incompatible",
    "twin": "conflict",
}


class TestList:
    def test_every_pack_is_listed_with_its_status(self, site, flowra_pack):
        install_one_of_each_status(site)
        result = flowra_pack("list", disabled=["off"])
        assert result.exit_code == 0
        rows = [line.split() for line in result.stdout.splitlines()]
        assert rows[0] == ["PACK", "VERSION", "STATUS", "NODES", "DISTRIBUTION"]
        assert {row[0]: row[2] for row in rows[1:]} == STATUSES
        assert ["good", "0.3.0", "ok", "1", "flowra-good"] in rows
        assert "4 to mend: `flowra pack doctor` says what and how" in result.stderr

    def test_json_has_all_that_is_known(self, site, flowra_pack):
        install_one_of_each_status(site)
        packs = json.loads(flowra_pack("list", "--json", disabled=["off"]).stdout)
        assert {pack["id"]: pack["status"] for pack in packs} == STATUSES
        by_id = {pack["id"]: pack for pack in packs}
        assert by_id["good"]["contributions"] == {"nodes": 1}
        assert by_id["good"]["problem"] is None
        assert set(by_id["bad"]["problem"]) == {"what", "why", "mend"}

    def test_without_packs_it_says_what_to_do(self, flowra_pack):
        result = flowra_pack("list")
        assert (result.exit_code, result.stdout) == (0, "")
        assert "flowra pack install flowra-image" in result.stderr
        assert json.loads(flowra_pack("list", "--json").stdout) == []

    def test_long_names_are_cut_to_the_width_of_a_terminal(self, site, flowra_pack):
        install_pack(site, "x" * 150, distribution="flowra-" + "y" * 100, package="long_pack")
        lines = flowra_pack("list").stdout.splitlines()
        assert max(map(len, lines)) <= 100
        assert "…" in lines[1]

    def test_two_hundred_packs_are_listed_without_importing_one(self, site, flowra_pack):
        install_many(site, 200)
        result = flowra_pack("list")
        assert len(result.stdout.splitlines()) == 201
        assert not any(name.startswith("bench") for name in sys.modules)


class TestShow:
    def test_it_tells_identity_place_and_contributions(self, site, flowra_pack):
        folder = install_pack(site, "good", plugin=ONE_NODE + COMMAND)
        for name in ("good", "flowra-good"):
            result = flowra_pack("show", name)
            assert result.exit_code == 0
            for text in (
                "good  ok",
                "flowra-good 0.3.0",
                "good_pack.plugin",
                str(folder),
                "nodes\n  Blur  Soften an image.",
                "commands\n  good-pack  Do it.",
                "storage backends\n  s3  Buckets.",
            ):
                assert text in result.stdout

    def test_json_has_the_contributions_themselves(self, site, flowra_pack):
        install_pack(site, "good")
        data = json.loads(flowra_pack("show", "good", "--json").stdout)
        assert data["contributions"]["nodes"][0]["target"] == "good_pack.nodes:Blur"
        assert data["requires_flowra"]

    def test_a_broken_pack_shows_what_is_the_matter(self, site, flowra_pack):
        install_pack(site, "bad", plugin="1 / 0", requires=[])
        output = flowra_pack("show", "bad").stdout
        assert "what: importing bad_pack.plugin failed" in output
        assert "why:  ZeroDivisionError: division by zero" in output
        assert "mend: " in output
        assert "any version (it states no range)" in output

    def test_an_unknown_pack_is_a_usage_error_with_the_nearest(self, site, flowra_pack):
        install_pack(site, "good")
        error = flowra_pack("show", "god").exception
        assert isinstance(error, UsageError)
        assert error.fix == "did you mean good?"

    def test_an_id_that_two_packs_have_is_a_usage_error_that_names_both(self, site, flowra_pack):
        install_one_of_each_status(site)
        error = flowra_pack("show", "twin").exception
        assert isinstance(error, UsageError)
        assert "flowra-first" in error.why
        assert "flowra-second" in error.why
        assert flowra_pack("show", "flowra-second").exit_code == 0


class TestDoctor:
    def test_fine_packs_show_their_cost_and_exit_0(self, site, flowra_pack):
        install_pack(site, "good", modules={"nodes": "import time\ntime.sleep(0.1)"})
        result = flowra_pack("doctor")
        assert result.exit_code == 0
        assert "everything is fine" in result.stdout
        assert "good_pack.nodes 1" in result.stdout
        data = json.loads(flowra_pack("doctor", "--json").stdout)
        assert data["ok"] is True
        (pack,) = data["packs"]
        assert pack["import_cost"]["nodes"][0]["seconds"] >= 0.1
        assert pack["import_cost"]["entry"]["module"] == "good_pack.plugin"

    def test_every_ailment_is_shown_with_its_mend_and_exit_1(self, site, flowra_pack):
        install_one_of_each_status(site)
        result = flowra_pack("doctor", disabled=["off", "nothing-like-it"])
        assert result.exit_code == 1
        for text in (
            "importing bad_pack.plugin failed",
            "it does not work with Flowra 0.1.0",
            "the pack id twin is claimed by pack twin (flowra-first 0.3.0) and pack twin",
            "nothing-like-it is to be disabled, and no pack",
            "5 to mend",
        ):
            assert text in result.stdout
        assert result.stdout.count("mend: ") == 4

    def test_disabled_packs_alone_are_fine(self, site, flowra_pack):
        install_pack(site, "off", plugin="1 / 0")
        assert flowra_pack("doctor", disabled=["off"]).exit_code == 0

    def test_a_node_module_that_can_not_be_imported_is_found(self, site, flowra_pack):
        install_pack(site, "good", modules={"nodes": "import not_there_at_all"})
        data = json.loads(flowra_pack("doctor", "--json").stdout)
        assert data["ok"] is False
        (problem,) = data["packs"][0]["problems"]
        assert problem["what"] == "importing good_pack.nodes failed"
        assert "not_there_at_all" in problem["why"]

    def test_all_conflicts_of_a_pack_are_shown(self, site, flowra_pack):
        source = ONE_NODE + COMMAND.replace('"{package}".replace("_", "-")', '"same"')
        install_pack(site, "one", plugin=source, modules={"nodes": ""})
        install_pack(site, "two", plugin=source, modules={"nodes": ""})
        data = json.loads(flowra_pack("doctor", "one", "--json").stdout)
        assert [problem["what"].partition(" is claimed")[0] for problem in data["packs"][0]["problems"]] == [
            "command same",
            "storage backend s3",
        ]

    def test_a_command_that_flowra_has_itself_is_found(self, site, flowra_pack):
        source = COMMAND.replace('"{package}".replace("_", "-")', '"run"')
        install_pack(site, "good", plugin=source)
        result = flowra_pack("doctor")
        assert result.exit_code == 1
        assert "its command run can't be called" in result.stdout

    def test_only_the_packs_asked_for_are_examined(self, site, flowra_pack):
        install_one_of_each_status(site)
        result = flowra_pack("doctor", "good", disabled=["off"])
        assert result.exit_code == 0
        assert "bad" not in result.stdout
        assert isinstance(flowra_pack("doctor", "god").exception, UsageError)
