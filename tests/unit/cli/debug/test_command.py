"""`flowra debug` as people run it: nodes, graphs, replays, the debugger."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from fixtures.cli_pack import CommandLine, write_graph
from PIL import Image

pytestmark = pytest.mark.slow

BOTH = {"FLOWRA_DISABLE_PACKS": ""}


@pytest.fixture
def flowra(tmp_path):
    """`flowra` with the pack of images beside the one of the tests, and no runs yet."""
    made = CommandLine(tmp_path)
    del made.environment["FLOWRA_DISABLE_PACKS"], made.environment["FLOWRA_STORE"]
    return made


def report(flowra, *arguments, code=0):
    done = flowra.run("debug", *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def values(node, role):
    return {value["port"]: value for value in node[role]}


def typed(flowra, keys, *arguments):
    """Run `flowra debug` and type into it."""
    return subprocess.run(
        flowra.command("debug", *arguments),
        cwd=flowra.work, env=flowra.environment, input=keys, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_node_runs_with_its_defaults_and_says_what_it_gave(flowra):
    data = report(flowra, "play/Give", "--set", "value=3", "--input", "scale=2")
    [node] = data["nodes"]
    assert (data["status"], node["name"], node["status"]) == ("succeeded", "give", "ran")
    assert values(node, "outputs")["value"]["summary"] == "number 6.0"
    assert node["seconds"] > 0
    assert not (flowra.work / "flowra-output").exists()


def test_a_node_is_run_each_time_and_its_result_is_nobody_elses(flowra):
    for _ in range(2):
        assert report(flowra, "play/Give")["nodes"][0]["status"] == "ran"
    assert json.loads(flowra.run("cache", "stats", "--json").stdout)["records"] == 0


def test_in_the_folder_of_a_pack_its_nodes_are_meant_by_their_names(flowra):
    folder = flowra.work / "acme"
    assert flowra.run("create", folder, "--yes").returncode == 0
    flowra.work = folder / "src"
    done = flowra.run("debug", "FiltersExample")
    assert done.returncode == 3
    assert "there is no node type acme/FiltersExample" in done.stderr
    assert f"fix:    pip install -e {folder}" in done.stderr
    (folder / "pyproject.toml").write_text(
        (folder / "pyproject.toml").read_text().replace('acme = "acme.plugin"', 'play = "acme.plugin"')
    )
    assert report(flowra, "Give")["nodes"][0]["type"] == "play/Give"


def test_a_picture_that_is_missing_is_a_sample_and_a_file_is_read(flowra):
    sample = report(flowra, "image/Blur")
    assert sample["notes"] == ["image is a sample; give your own: --input image=…"]
    assert values(sample["nodes"][0], "inputs")["image"]["shape"] == [240, 320, 3]
    Image.new("RGB", (40, 30), (9, 9, 9)).save(flowra.work / "photo.png")
    data = report(flowra, "image/Blur", "--input", "image=photo.png", "--set", "radius=3")
    assert data["notes"] == []
    output = values(data["nodes"][0], "outputs")["image"]
    assert (output["shape"], output["dtype"], output["low"], output["high"]) == ([30, 40, 3], "uint8", 9, 9)
    assert output["png"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["play/Giv"], 3, "play/Give"),
        (["play/Give", "--set", "valeu=3"], 2, "did you mean value?"),
        (["play/Give", "--set", "value"], 2, "not of the form PORT=VALUE"),
        (["play/Give", "--set", "value=1000"], 3, "100"),
        (["image/Load"], 2, "give one: --input path=VALUE"),
        (["none.json"], 3, "none.json"),
        (["play/Give", "--target", "x"], 2, "--target chooses nodes of a graph"),
        (["play/Give", "--break", "blur"], 2, "its nodes: give"),
        (["chain.json", "--break", "sum:behind"], 2, "write before or after"),
        (["chain.json", "--watch", "--pdb"], 2, "leave one of them out"),
        (["replay", "last"], 2, "write RUN:NODE"),
        (["replay", "last:one"], 2, "there is no run 'last'"),
        (["chain.json", "--html", "/dev/null/page.html"], 2, "the page can't be written"),
    ],
)
def test_a_mistake_is_said_with_its_exit_code(flowra, arguments, code, said):
    done = flowra.run("debug", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_graph_shows_every_value_and_what_is_known_is_not_run_again(flowra):
    first = {node["name"]: node for node in report(flowra, "chain.json")["nodes"]}
    assert [node["status"] for node in first.values()] == ["ran", "ran", "ran"]
    assert values(first["sum"], "inputs")["a"]["summary"] == "number 2.0"
    assert values(first["sum"], "inputs")["b"]["summary"] == "number 1.0"
    assert values(first["sum"], "outputs")["value"]["summary"] == "number 3.0"
    assert first["slow"]["logs"] == ["slow began"]
    again = {node["name"]: node for node in report(flowra, "chain.json")["nodes"]}
    assert {name: node["status"] for name, node in again.items()} == {"one": "cached", "slow": "ran", "sum": "cached"}
    changed = {node["name"]: node for node in report(flowra, "chain.json", "--set", "one.value=5")["nodes"]}
    assert "value" in "".join(changed["one"]["reasons"])


def test_what_differs_from_an_earlier_run_is_told(flowra):
    report(flowra, "chain.json")
    data = report(flowra, "chain.json", "--set", "one.value=5", "--against", "last")
    assert data["changes"] == [f"{name}.value: number {old} → number {new}" for name, old, new in (
        ("one", 2.0, 5.0), ("slow", 2.0, 5.0), ("sum", 3.0, 6.0),
    )]  # fmt: skip
    said = flowra.run("debug", "chain.json", "--set", "one.value=5", "--against", "last").stdout
    assert "no output differs from chain-" in said
    assert "one  play/Give" not in said


def test_a_pipe_gets_text_without_colours_and_pictures(flowra):
    done = flowra.run("debug", "image/Blur", TERM="xterm-kitty")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "shape 240×320×3, dtype uint8, range 0..255" in done.stdout
    assert "sha256 " in done.stdout


def test_pictures_are_shown_where_they_are_asked_for(flowra):
    assert "\x1b_Gf=100" in flowra.run("debug", "image/Blur", "--pictures", "kitty").stdout
    assert "\x1bP0;1q" in flowra.run("debug", "image/Blur", "--pictures", "sixel").stdout
    assert "▀" in flowra.run("debug", "image/Blur", "--pictures", "blocks").stdout


def test_a_failure_prints_the_command_that_runs_it_again_and_that_does(flowra):
    done = flowra.run("run", "failing.json")
    [line] = [line for line in done.stderr.splitlines() if "flowra debug replay" in line]
    command = line.partition("flowra debug replay ")[2]
    assert command.startswith("failing-")
    assert command.endswith(":broken")
    assert f"debug broken:  flowra debug replay {command}" in flowra.run("runs", "show", "last").stdout
    data = report(flowra, "replay", command, code=4)
    [node] = data["nodes"]
    assert (node["type"], node["status"]) == ("play/Fail", "failed")
    assert values(node, "inputs")["a"]["summary"] == "number 2.0"
    assert "the picture is too small" in node["error"]["why"]
    again = report(flowra, "replay", command, "--set", "message=other", code=4)
    assert "other" in again["nodes"][0]["error"]["why"]


def test_a_replay_has_the_picture_that_the_node_had_whatever_became_of_the_file(flowra):
    nodes = {"crop": {"type": "image/Crop", "inputs": {"image": "p.png", "x": 90, "y": 0, "width": 5, "height": 5}}}
    write_graph(flowra.work / "crop.json", nodes, name="crop")
    Image.fromarray(np.full((20, 30, 3), 7, np.uint8)).save(flowra.work / "p.png")
    assert flowra.run("run", "crop.json").returncode == 4
    Image.fromarray(np.full((100, 100, 3), 99, np.uint8)).save(flowra.work / "p.png")
    picture = values(report(flowra, "replay", "last:crop", code=4)["nodes"][0], "inputs")["image"]
    assert (picture["shape"], picture["high"]) == ([20, 30, 3], 7)


def test_an_item_of_a_list_is_replayed_by_its_place(flowra):
    nodes = {
        "give": {"type": "play/Give", "inputs": {"value": {"$input": "numbers"}}},
        "fail": {"type": "play/Fail", "inputs": {"a": {"$from": "give.value"}}},
        "add": {"type": "play/Add", "inputs": {"a": {"$from": "give.value"}, "b": 10}},
    }
    inputs = {"numbers": {"type": {"type": "List", "item": "Float"}, "default": [1, 2, 3]}}
    write_graph(flowra.work / "each.json", nodes, inputs=inputs, name="each")
    done = flowra.run("run", "each.json")
    assert "flowra debug replay 'each-" in done.stderr  # brackets mean something to a shell
    run = json.loads(flowra.run("runs", "list", "--json").stdout)[0]["run"]
    failed = report(flowra, "replay", f"{run}:fail[1]", code=4)
    assert values(failed["nodes"][0], "inputs")["a"]["summary"] == "number 2.0"
    succeeded = report(flowra, "replay", f"{run}:add[2]")
    assert values(succeeded["nodes"][0], "outputs")["value"]["summary"] == "number 13.0"


def test_a_node_that_was_never_called_cannot_be_replayed_and_its_failure_says_no_such_command(flowra):
    nodes = {"add": {"type": "play/Add", "inputs": {"a": {"$input": "first"}, "b": {"$input": "second"}}}}
    numbers = {"type": "List", "item": "Float"}
    inputs = {"first": {"type": numbers, "default": [1, 2]}, "second": {"type": numbers, "default": [1, 2, 3]}}
    write_graph(flowra.work / "uneven.json", nodes, inputs=inputs, name="uneven")
    done = flowra.run("run", "uneven.json")
    assert done.returncode == 4
    assert "flowra debug replay" not in done.stderr
    replayed = flowra.run("debug", "replay", "last:add")
    assert replayed.returncode == 4
    assert "it failed before it was called" in replayed.stderr


def test_a_call_that_is_not_there_is_refused_with_the_nearest(flowra):
    flowra.run("run", "failing.json")
    done = flowra.run("debug", "replay", "last:brokn")
    assert done.returncode == 2
    assert "did you mean broken?" in done.stderr


def test_a_value_that_was_collected_is_said_with_the_way_to_have_it_again(flowra):
    nodes = {
        "load": {"type": "image/Load", "inputs": {"path": "p.png"}},
        "crop": {"type": "image/Crop", "inputs": {"image": {"$from": "load.image"}, "x": 900, "y": 0, "width": 5,
                                                  "height": 5}},
    }  # fmt: skip
    write_graph(flowra.work / "crop.json", nodes, name="crop")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 90, 3), np.uint8)).save(flowra.work / "p.png")
    flowra.run("run", "crop.json")
    flowra.run("cache", "gc", "--max-size", "0B")
    done = flowra.run("debug", "replay", "last:crop")
    assert done.returncode == 4
    assert "flowra run --resume crop-" in done.stderr


def test_the_debugger_opens_at_the_nodes_own_frame(flowra):
    done = typed(flowra, "p args.message\np 'line of ' + self.__class__.__name__\nq\n", "failing.json", "--pdb")
    assert done.returncode == 4
    assert "node broken raised ValueError: the picture is too small" in done.stdout
    assert "play_pack/nodes.py" in done.stdout.partition("(Pdb)")[0]
    assert "'the picture is too small'" in done.stdout
    assert "'line of Fail'" in done.stdout
    assert "sum  play/Add  ran" in done.stdout


def test_a_run_stops_before_and_after_a_node(flowra):
    keys = "p args.a\nc\np outputs.value\nc\n"
    done = typed(flowra, keys, "chain.json", "--break", "sum:before", "--break", "sum:after")
    assert done.returncode == 0
    before, _, after = done.stdout.partition("after sum")
    assert "before sum" in before
    assert "(Pdb) 2.0" in before
    assert "(Pdb) 3.0" in after


def test_leaving_the_debugger_ends_the_run(flowra):
    done = typed(flowra, "q\n", "chain.json", "--break", "slow")
    assert done.returncode == 130
    assert "sum  play/Add  not run" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_end_of_the_input_leaves_the_debugger(flowra):
    assert typed(flowra, "", "chain.json", "--break", "sum").returncode == 130


def test_what_was_changed_in_the_debugger_is_not_kept(flowra):
    done = typed(flowra, "p outputs.__dict__.update(value=99.0)\nc\n", "chain.json", "--break", "one:after")
    assert "number 99.0" in done.stdout
    clean = {node["name"]: node for node in report(flowra, "chain.json")["nodes"]}
    assert values(clean["one"], "outputs")["value"]["summary"] == "number 2.0"


def test_a_profile_names_the_functions_of_the_node(flowra):
    data = report(flowra, "play/Slow", "--set", "seconds=0.1", "--profile")
    rows = data["nodes"][0]["profile"]
    assert rows[0]["function"].startswith("run (nodes.py:")
    assert rows[0]["cumulative"] >= 0.1
    assert any("sleep" in row["function"] for row in rows)
