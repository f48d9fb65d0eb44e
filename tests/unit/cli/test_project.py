from __future__ import annotations

import json
import shutil

import pytest
from fixtures.cli_pack import COMMANDS, NODES, PLUGIN
from fixtures.pack_factory import install_pack

PYPROJECT = """
[project]
name = "flowra-mine"
version = "0.1.0"

[project.entry-points.flowra]
mine = "mine_pack.plugin"
"""


@pytest.fixture
def project(tmp_path):
    """A pack's source tree, without a manifest."""
    root = tmp_path / "flowra-mine"
    install_pack(root / "src", "mine", plugin=PLUGIN, modules={"nodes": NODES, "commands": COMMANDS})
    for metadata in root.glob("src/*.dist-info"):
        shutil.rmtree(metadata)
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    return root


def manifest_of(project):
    return project / "src" / "mine_pack" / "flowra-manifest.json"


def test_sync_writes_the_manifest_and_says_what_changed(flowra, project):
    done = flowra.run("project", "sync", str(project))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["  there is no manifest yet", f"{manifest_of(project)}: written"]
    data = json.loads(manifest_of(project).read_text(encoding="utf-8"))
    assert (data["format"], data["pack"]) == ("flowra-manifest/1", "mine")
    assert data["nodes"]["Give"]["type"] == "mine/Give"


def test_sync_again_changes_nothing(flowra, project):
    flowra.run("project", "sync", str(project))
    before = manifest_of(project).stat().st_mtime_ns
    done = flowra.run("project", "sync", str(project / "src"))
    assert done.stdout == f"{manifest_of(project)}: up to date\n", "a folder inside the project will do"
    assert manifest_of(project).stat().st_mtime_ns == before


def test_check_writes_nothing_and_exits_with_1_where_the_code_has_moved_on(flowra, project):
    flowra.run("project", "sync", str(project))
    assert flowra.run("project", "sync", "--check", str(project)).returncode == 0
    before = manifest_of(project).read_bytes()
    nodes = project / "src" / "mine_pack" / "nodes.py"
    # As large as before, and within the same second: what Python can't tell from the code that it compiled.
    nodes.write_text(nodes.read_text(encoding="utf-8").replace("b: float", "c: float"), encoding="utf-8")
    done = flowra.run("project", "sync", "--check", str(project))
    assert done.returncode == 1
    assert "node Add changed" in done.stdout
    assert "flowra project sync" in done.stderr
    assert manifest_of(project).read_bytes() == before


def test_a_manifest_that_is_garbage_is_written_anew(flowra, project):
    manifest_of(project).write_text("{", encoding="utf-8")
    done = flowra.run("project", "sync", str(project))
    assert done.returncode == 0
    assert "the manifest can't be read" in done.stdout
    assert json.loads(manifest_of(project).read_text(encoding="utf-8"))["pack"] == "mine"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("plugin", "raise SystemExit('not today')", "importing mine_pack.plugin failed"),
        ("plugin", "import no_such_module_here", "no_such_module_here"),
        ("plugin", "def (", "importing mine_pack.plugin failed"),
        ("nodes", "1 / 0", "mine_pack.nodes"),
        ("nodes", "Give = Add = Fail = Slow = Say = Join = 3", "is no Node class"),
    ],
)
def test_a_pack_that_can_not_be_described_is_an_error_and_nothing_is_written(flowra, project, name, code, message):
    (project / "src" / "mine_pack" / f"{name}.py").write_text(code, encoding="utf-8")
    done = flowra.run("project", "sync", str(project))
    assert done.returncode == 3
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not manifest_of(project).exists()


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        ("[project", "can't be read"),
        ("", "this is no node pack"),
        ("project = 3", "this is no node pack"),
        ("[project]\nentry-points = [1]", "this is no node pack"),
        ("[project.entry-points]\nflowra = 'mine_pack.plugin'", "this is no node pack"),
        ("[project.entry-points.flowra]\na = 'mine_pack.plugin'\nb = 'mine_pack.plugin'", "has one entry point"),
        ("[project.entry-points.flowra]\na = 'gone.plugin'", "the package gone is not there"),
        ("[project.entry-points.flowra]\na = 3", "the entry point a names no module"),
        ("[project.entry-points.flowra]\na = ''", "the entry point a names no module"),
    ],
)
def test_a_folder_that_is_no_pack_says_what_is_missing(flowra, project, pyproject, message):
    (project / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    done = flowra.run("project", "sync", str(project))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_folder_that_is_not_there_is_not_the_project_around_it(flowra, project):
    done = flowra.run("project", "sync", str(project / "missing"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no such folder" in done.stderr
