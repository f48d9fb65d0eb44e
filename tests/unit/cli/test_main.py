from __future__ import annotations

import os
import subprocess

import pytest

import flowra as flowra_package


def test_help_lists_the_commands_and_those_of_packs(flowra):
    done = flowra.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    commands, of_packs = done.stdout.split("Commands of packs:")
    for name in ("completion", "graph", "node", "pack", "project", "run"):
        assert f"\n  {name} " in commands
    assert "hello     Greet." in of_packs


@pytest.mark.parametrize("arguments", [["run", "-h"], ["node", "--help"], ["node", "show", "-h"], ["hello", "--help"]])
def test_every_command_has_help(flowra, arguments):
    done = flowra.run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: flowra")


def test_version_is_the_packages(flowra):
    done = flowra.run("--version")
    assert (done.returncode, done.stdout) == (0, f"flowra {flowra_package.__version__}\n")


def test_an_unknown_command_names_the_nearest(flowra):
    done = flowra.run("rnu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no command 'rnu'\n  fix:    did you mean flowra run?\n"


def test_an_unknown_command_that_is_like_none_points_to_the_help(flowra):
    done = flowra.run("xyzzy-42")
    assert done.returncode == 2
    assert "flowra --help lists the commands" in done.stderr


def test_an_unknown_option_names_the_nearest(flowra):
    done = flowra.run("run", "chain.json", "--outptu", "x")
    assert done.returncode == 2
    assert "--outptu" in done.stderr
    assert "--output" in done.stderr


def test_a_packs_command_runs(flowra):
    done = flowra.run("hello")
    assert (done.returncode, done.stdout) == (0, "hello from a pack\n")


def test_a_packs_command_that_is_none_names_the_pack(flowra):
    done = flowra.run("notclick")
    assert done.returncode == 3
    assert "the command notclick is no click command, but int" in done.stderr


def test_a_mistake_of_ours_or_a_packs_is_said_in_words_and_shown_with_v(flowra):
    done = flowra.run("crash")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("internal error: RuntimeError: out of luck\n")
    assert "Traceback" not in done.stderr
    assert "RuntimeError: out of luck" in flowra.run("-v", "crash").stderr.split("Traceback")[1]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["node", "list"], ["run", "chain.json"], ["run", "chain.json", "--json"]],
    ids=" ".join,
)
def test_a_reader_that_leaves_ends_the_command_without_complaint(flowra, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            flowra.command(*arguments),
            cwd=flowra.work,
            env=flowra.environment,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_each_shell_has_a_script_that_calls_flowra(self, flowra, shell):
        done = flowra.run("completion", shell)
        assert done.returncode == 0
        assert f"_FLOWRA_COMPLETE={shell}_complete" in done.stdout

    def test_the_script_is_bash(self, flowra):
        script = flowra.run("completion", "bash").stdout
        checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("flowra ", {"plain,run", "plain,node", "plain,hello"}),
            ("flowra no", {"plain,node", "plain,notclick"}),
            ("flowra node ", {"plain,list", "plain,show"}),
            ("flowra run --", {"plain,--input", "plain,--set", "plain,--target", "plain,--json"}),
            ("flowra run ", {"file,"}),
            ("flowra completion ", {"plain,bash", "plain,zsh", "plain,fish"}),
        ],
    )
    def test_commands_options_and_files_are_completed(self, flowra, words, expected):
        count = str(len(words.split(" ")) - 1)
        done = flowra.run(_FLOWRA_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
        assert done.returncode == 0
        assert expected <= set(done.stdout.splitlines())

    def test_an_unknown_shell_is_a_usage_error(self, flowra):
        done = flowra.run("completion", "tcsh")
        assert done.returncode == 2
        assert "bash" in done.stderr
