"""`.ci/run` runs the README's own line for the checks, and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKER = "<!-- checks: installs what they need and runs them -->"


@pytest.fixture
def run(tmp_path):
    """Run the script in a checkout that holds little more than it and a README of the given text."""
    (tmp_path / ".ci").mkdir()
    for script in (".ci/run", ".ci/readme-line"):
        shutil.copy(ROOT / script, tmp_path / script)

    def run(readme):
        (tmp_path / "README.md").write_text(readme, encoding="utf-8")
        return subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_the_readmes_own_line_is_what_runs(run, tmp_path, monkeypatch):
    stub = tmp_path / "bin" / "python3"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nexit 9\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    done = run(readme)
    assert done.returncode == 9
    line = done.stdout.removeprefix("+ ").strip()
    assert line in readme.splitlines()
    assert "tox run" in line


def test_the_line_after_the_marker_runs_as_it_stands(run):
    done = run(
        "```bash\necho not this\n```\n\n"
        f"{MARKER}\n```bash\necho first && echo 'se  cond'\n```\n\n"
        "```\necho nor this\n```\n"
    )
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["+ echo first && echo 'se  cond'", "first", "se  cond"]


def test_a_failing_check_fails_the_script(run):
    assert run(f"{MARKER}\n```bash\ntrue && exit 3\n```\n").returncode == 3
    assert run(f"{MARKER}\n```bash\nfalse | cat\n```\n").returncode != 0


def test_a_readme_without_the_marker_fails(run):
    done = run("```bash\necho no marker\n```\n")
    assert done.returncode == 1
    assert "no fenced block after a marker <!-- checks:" in done.stderr


def test_a_block_of_two_lines_fails(run):
    done = run(f"{MARKER}\n```bash\necho one\necho two\n```\n")
    assert done.returncode == 1
    assert "must be one line" in done.stderr


def test_a_check_that_needs_a_browser_and_has_none_is_named_at_the_end(run):
    said = "NOT RUN, because this machine has no Chromium: the tests of pages in a browser"
    done = run(f"{MARKER}\n```bash\nprintf '! Exit: {said} !\\nExit: {said}\\nmore\\n'\n```\n")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == said
    assert done.stdout.count("NOT RUN") == 5  # twice in the command, twice in its output, and at the end


def test_what_tox_skipped_is_named_at_the_end(run):
    done = run(f"{MARKER}\n```bash\nprintf '  py313: SKIP (0.01 seconds)\\n  unit: OK (1.00 seconds)\\n'\n```\n")
    assert done.stdout.splitlines()[-1] == "NOT RUN, because this machine lacks the interpreter: py313"


def test_the_script_can_be_executed():
    assert os.access(ROOT / ".ci/run", os.X_OK)
