from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest
from fixtures.created_packs import flowra, tree

pytestmark = pytest.mark.slow


def test_a_pack_is_made_without_a_question_where_nobody_can_answer(tmp_path):
    done = flowra("create", "acme", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "acme" / "src" / "acme" / "plugin.py").is_file()
    assert "flowra project list" in done.stdout


def test_json_says_what_was_made(tmp_path):
    done = flowra("create", "acme", "--json", "--set", "license=MIT", "--set", "media=plain", cwd=tmp_path)
    data = json.loads(done.stdout)
    assert (data["path"], data["answers"]["license"], data["note"]) == ("acme", "MIT", "")
    assert sorted(data["files"]) == sorted(
        name for name, content in tree(tmp_path / "acme").items() if content != b"(folder)"
    )


def test_the_installed_templates_are_listed(tmp_path):
    done = flowra("create", "--list", cwd=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "TEMPLATE",
        "node-pack",
        "model-pack",
        "storage-backend",
        "value-type",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no name for the pack"),
        (["acme", "--set", "license"], "not of the form NAME=VALUE"),
        (["acme", "--set", "licence=MIT"], "did you mean license"),
        (["acme", "--template", "node-pac"], "there are node-pack"),
        (["2 packs"], "can't be '2 packs'"),
        (["/proc/acme"], "nothing can be written here"),
        (["/dev/null/acme"], ""),
    ],
)
def test_a_mistake_is_said_in_words_with_exit_code_2_and_nothing_is_made(tmp_path, arguments, message):
    done = flowra("create", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 15
    assert tree(tmp_path) == {}


def test_a_template_that_is_not_installed_runs_only_where_it_is_trusted(tmp_path):
    template = tmp_path / "template"
    (template / "{{ cookiecutter.name }}").mkdir(parents=True)
    (template / "hooks").mkdir()
    (template / "hooks" / "post_gen_project.py").write_text("open('made-by-hook', 'w').close()\n")
    (template / "cookiecutter.json").write_text('{"name": "x"}')
    before = tree(tmp_path)
    done = flowra("create", "acme", "--template", "template/", cwd=tmp_path)
    assert done.returncode == 2
    assert "post_gen_project.py" in done.stderr
    assert "--trust" in done.stderr
    assert tree(tmp_path) == before
    done = flowra("create", "acme", "--template", "template/", "--trust", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "acme" / "made-by-hook").is_file()


def test_on_a_terminal_what_is_not_given_is_asked_for(tmp_path):
    said, code = on_a_terminal(tmp_path, ["create", "acme", "--set", "media=plain"], ["acme", "2nd", "acme_nodes"])
    assert code == 0, said
    assert "Id of the pack" in said
    assert "no identifier" in said, "a wrong answer is asked for again"
    assert "Licence" in said
    assert "What the example nodes work on" not in said, "what is given is not asked for"
    assert (tmp_path / "acme" / "src" / "acme_nodes" / "plugin.py").is_file()


def test_yes_asks_nothing_on_a_terminal_either(tmp_path):
    said, code = on_a_terminal(tmp_path, ["create", "acme", "--yes"], [])
    assert code == 0, said
    assert "Licence" not in said


def on_a_terminal(folder, arguments, answers):
    """Run `flowra` on a terminal, give some answers, then take every default; return what it said and its exit code."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowra.cli.main", *arguments],
        cwd=folder,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    said, asked, until = "", 0, time.monotonic() + 60
    while time.monotonic() < until:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        said += piece.decode(errors="replace")
        # A prompt ends with its default in brackets and a colon.
        while len(re.findall(r"\]: ", said)) > asked:
            answer = answers[asked] if asked < len(answers) else ""
            asked += 1
            os.write(leader, f"{answer}\n".encode())
        if not piece:
            break
    os.close(leader)
    return said, process.wait(timeout=60)
