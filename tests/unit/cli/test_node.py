from __future__ import annotations

import json

import jsonschema
import pytest
from fixtures.cli_pack import WORKSPACE_PACKS


class TestList:
    def test_the_nodes_are_listed_by_pack_and_group(self, flowra):
        done = flowra.run("node", "list")
        assert (done.returncode, done.stderr) == (0, "")
        heading, first, *_ = done.stdout.splitlines()
        assert heading == "play · tests"
        assert first.split() == ["play/Add"]
        assert "  play/Give   Give a number." in done.stdout.splitlines()

    def test_as_json_it_is_one_list(self, flowra):
        rows = json.loads(flowra.run("node", "list", "--json").stdout)
        assert {"type": "play/Give", "group": "tests", "summary": "Give a number."} in rows
        assert json.loads(flowra.run("node", "list", "--json", "--pack", "play").stdout) == rows

    def test_an_unknown_pack_is_an_error(self, flowra):
        done = flowra.run("node", "list", "--pack", "plya")
        assert (done.returncode, done.stdout) == (3, "")
        assert "there is no pack plya" in done.stderr

    def test_without_packs_it_says_how_to_get_one(self, flowra):
        done = flowra.run("node", "list", FLOWRA_DISABLE_PACKS=f"{WORKSPACE_PACKS},play")
        assert (done.returncode, done.stdout) == (0, "")
        assert "pip install flowra-image" in done.stderr


class TestShow:
    def test_ports_are_shown_with_types_limits_defaults_and_what_they_are_for(self, flowra):
        done = flowra.run("node", "show", "play/Give")
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith("play/Give  version 1, flowra-play 0.3.0")
        assert "  It is the one that was given." in lines
        value = lines[lines.index("inputs") + 1]
        assert value.startswith("  value  Float, ")
        assert "min -100" in value
        assert value.endswith("default 1.0")
        assert lines[lines.index("inputs") + 2].strip() == "The number"
        assert lines[lines.index("outputs") + 1] == "  value  Float"

    def test_a_port_that_has_no_default_is_required(self, flowra):
        assert "  a  Float, required" in flowra.run("node", "show", "play/Add").stdout.splitlines()

    def test_as_json_it_has_schemas_from_which_a_form_is_drawn(self, flowra):
        data = json.loads(flowra.run("node", "show", "play/Give", "--json").stdout)
        assert (data["type"], data["group"], data["pack"]["id"]) == ("play/Give", "tests", "play")
        inputs = data["schema"]["properties"]["inputs"] if "properties" in data["schema"] else data["schema"]["inputs"]
        jsonschema.Draft202012Validator.check_schema(inputs)
        assert inputs["properties"]["value"]["x-flowra"]["component"] == "Number"

    @pytest.mark.parametrize(
        ("wanted", "fix"),
        [("play/Giv", "did you mean play/Give?"), ("Give", "did you mean play/Give?"), ("", "flowra node list")],
    )
    def test_an_unknown_node_names_the_nearest(self, flowra, wanted, fix):
        done = flowra.run("node", "show", wanted)
        assert (done.returncode, done.stdout) == (3, "")
        assert "there is no node type" in done.stderr
        assert fix in done.stderr
