"""Every command with input that it can't use: a clear message on stderr, its exit code, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.cli_pack import CHAIN, CommandLine, write_graph
from fixtures.small_disk import mounted_disk

#: The most that a message may take, in bytes; 15 lines of 400 characters, some of them of several bytes.
MESSAGE_SIZE = 20_000


@pytest.fixture(scope="module")
def flowra(tmp_path_factory):
    made = CommandLine(tmp_path_factory.mktemp("flowra"))
    work = made.work
    (work / "folder").mkdir()
    (work / "empty.json").write_bytes(b"")
    (work / "broken.json").write_text('{"format": "flowra/1", "nodes": {', encoding="utf-8")
    (work / "list.json").write_text("[]", encoding="utf-8")
    (work / "other.json").write_text('{"name": "something else"}', encoding="utf-8")
    (work / "newer.json").write_text('{"format": "flowra/99", "nodes": {}}', encoding="utf-8")
    (work / "binary.json").write_bytes(bytes(range(256)) * 100)
    (work / "latin.json").write_bytes('{"format": "flowra/1", "name": "é"}'.encode("latin-1"))
    (work / "deep.json").write_text('{"format": "flowra/1", "ui": ' + "[" * 200_000, encoding="utf-8")
    (work / "huge.json").write_text("x" * 5_000_000, encoding="utf-8")
    write_graph(work / "mistakes.json", {f"n{number}": {"type": "play/Nothing"} for number in range(500)})
    (work / "file").write_text("mine", encoding="utf-8")
    return made


def tree(folder: Path) -> dict[str, int]:
    """The files below a folder, with their times."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def refused(flowra):
    """Run a command that can't work; check what holds for each, and return what it said."""

    def run(code, *arguments, **environment):
        before = tree(flowra.work)
        done = flowra.run(*arguments, **environment)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert done.stderr.strip()
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        assert len(done.stderr.splitlines()) <= 15
        assert len(done.stderr) <= MESSAGE_SIZE
        assert tree(flowra.work) == before, "nothing is written"
        return done.stderr

    return run


GRAPH_COMMANDS = [["run"], ["run", "--json"], ["graph", "validate"], ["graph", "show"]]
FILES = {
    "missing.json": "there is no such file",
    "chian.json": "did you mean chain.json?",
    "folder": "this is a folder",
    "": "",
    "file/below.json": "",
    "empty.json": "it is empty",
    "broken.json": "line 1",
    "list.json": "",
    "other.json": "format",
    "newer.json": "flowra/99",
    "binary.json": "UTF-8",
    "latin.json": "UTF-8",
    "deep.json": "",
    "huge.json": "",
    "mistakes.json": "play/Nothing",
    "x" * 10_000: "",
}


@pytest.mark.parametrize("command", GRAPH_COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", FILES, ids=[name[:20] or "(empty)" for name in FILES])
def test_a_file_that_is_no_graph_ends_with_its_place_and_reason(flowra, refused, command, name):
    if command == ["graph", "show"] and name == "mistakes.json":
        assert flowra.run(*command, name).returncode == 0, "a graph of unknown types can still be looked at"
    elif command == ["graph", "validate"]:
        done = flowra.run(*command, name)  # its findings are its result, on stdout
        assert done.returncode == 3, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert FILES[name] in done.stderr + done.stdout
    else:
        assert FILES[name] in refused(3, *command, name)


def test_a_name_that_is_not_utf_8_is_shown_escaped(refused):
    assert r"\udcff.json: there is no such file" in refused(3, "run", b"\xff.json")


@pytest.mark.parametrize(
    "command",
    [
        [], ["run", "chain.json"], ["node", "list"], ["node", "show", "play/Add"], ["pack", "list"],
        ["pack", "show", "play"], ["pack", "doctor"], ["graph", "validate", "chain.json"],
        ["graph", "show", "chain.json"], ["graph", "schema"], ["project", "sync"], ["completion", "bash"],
    ],
    ids=lambda command: " ".join(command) or "flowra",
)  # fmt: skip
def test_an_unknown_option_is_named_by_every_command(refused, command):
    assert "--no-such-option" in refused(2, *command, "--no-such-option")


@pytest.mark.parametrize(
    "command",
    [["node", "show"], ["pack", "show"], ["graph", "validate"], ["graph", "show"], ["completion"]],
    ids=" ".join,
)
def test_a_missing_argument_is_named(refused, command):
    assert "Missing argument" in refused(2, *command)


@pytest.mark.parametrize("command", [["node", "show", ""], ["pack", "show", ""], ["node", "list", "--pack", ""]])
def test_an_empty_name_is_the_name_of_nothing(flowra, command):
    done = flowra.run(*command)
    assert done.returncode in (2, 3)
    assert "there is no" in done.stderr
    assert "Traceback" not in done.stderr


BIG = "x" * 100_000  # the longest argument that Linux takes is 128 KiB


class TestRunOptions:
    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--set", ""], 2, "is not of the form --set NODE.PORT=VALUE"),
            (["--set", BIG], 2, "is not of the form --set NODE.PORT=VALUE"),
            (["--set", f"{BIG}=1"], 2, "names no port"),
            (["--set", f"{BIG}.a=1"], 2, "the graph has no node"),
            (["--set", f"one.{BIG}=1"], 2, "has no port"),
            (["--set", f"one.value={BIG}"], 3, "nodes.one.inputs.value"),
            (["--set", "one.value=" + "9" * 100_000], 3, "nodes.one.inputs.value"),
            (["--set", "one.value=" + "[" * 100_000], 3, "nodes.one.inputs.value"),
            (["--set", "one.value=1e400"], 3, "nodes.one.inputs.value"),
            (["--set", "one.value=101"], 3, "nodes.one.inputs.value"),
            (["--set", b"one.value=\xff"], 3, "nodes.one.inputs.value"),
            (["--input", ""], 2, "is not of the form --input NAME=VALUE"),
            (["--input", "photo=x"], 2, "the graph has no input 'photo'"),
            (["--input", f"{BIG}=1"], 2, "the graph has no input"),
            (["--target", ""], 2, "the graph has no node"),
            (["--target", BIG], 2, "the graph has no node"),
            (["--target", "ones"], 2, "did you mean one?"),
            (["--output", ""], 2, "--output names no folder"),
            (["--output", "file"], 2, "is a file"),
            (["--output", "file/below"], 2, "is a file"),
            (["--output", "x" * 5_000], 2, "File name too long"),
        ],
        ids=lambda value: (
            str(value)[:40] if not isinstance(value, list) else " ".join(str(each)[:20] for each in value)
        ),
    )
    def test_a_value_that_can_not_be_used_ends_before_anything_runs(self, refused, arguments, code, message):
        assert message in refused(code, "run", "chain.json", *arguments)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_can_not_be_written_to_is_found_out_before(self, refused, tmp_path):
        tmp_path.chmod(0o500)
        assert "can't be written to" in refused(2, "run", "chain.json", "--output", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [("packs_disabled = 3", "packs_disabled"), ("[", "flowra.toml"), ("no_such = 1", "unknown setting no_such")],
)
@pytest.mark.parametrize("command", [["node", "list"], ["run", "chain.json"], ["--help"]], ids=" ".join)
def test_a_settings_file_that_can_not_be_read_is_named(flowra, settings, message, command):
    file = flowra.work / "flowra.toml"
    file.write_text(settings, encoding="utf-8")
    try:
        done = flowra.run(*command)
    finally:
        file.unlink()
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system as Linux does")
class TestFullDisk:
    def test_results_that_do_not_fit_are_an_error_and_the_earlier_ones_stay_whole(self, flowra, tmp_path):
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            pytest.skip("only root may mount a small file system")
        write_graph(flowra.work / "long.json", {"join": {"type": "play/Join", "inputs": {"text": "short"}}})
        with mounted_disk(tmp_path / "disk", size="64k") as disk:
            assert flowra.run("run", "long.json", "--output", str(disk)).returncode == 0
            before = (disk / "outputs.json").read_bytes()
            done = flowra.run("run", "long.json", "--output", str(disk), "--set", f"join.text={BIG}")
            assert done.returncode == 4
            assert "the output join.text can't be written" in done.stderr
            assert "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr
            assert [path.name for path in disk.iterdir()] == ["outputs.json"]
            assert (disk / "outputs.json").read_bytes() == before

    def test_output_that_can_not_be_printed_is_an_error(self, flowra):
        # Whoever measures coverage in the process has something to write when it ends, and its own exit code.
        environment = {name: value for name, value in flowra.environment.items() if not name.startswith("COVERAGE")}
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                flowra.command("node", "list"),
                cwd=flowra.work,
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr


def test_megabytes_in_a_graph_file_are_no_trouble(flowra, tmp_path):
    nodes = {**CHAIN, "join": {"type": "play/Join", "inputs": {"text": "y" * 3_000_000}}}
    write_graph(flowra.work / "large.json", nodes)
    done = flowra.run("run", "large.json", "--output", str(tmp_path))
    assert done.returncode == 0
    assert len(done.stdout) < MESSAGE_SIZE
    assert (tmp_path / "outputs.json").stat().st_size > 3_000_000
