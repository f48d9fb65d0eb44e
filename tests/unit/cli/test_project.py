from __future__ import annotations

import json
import shutil

import pytest
from fixtures.cli_pack import COMMANDS, NODES, PLUGIN
from fixtures.pack_factory import install_pack

pytestmark = pytest.mark.slow

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


def test_the_version_is_shown_and_set(flowra, project):
    assert flowra.run("project", "version", "-C", str(project)).stdout == "0.1.0\n"
    assert flowra.run("project", "version", "minor", "-C", str(project)).stdout == "0.1.0 → 0.2.0 in pyproject.toml\n"
    assert 'version = "0.2.0"' in (project / "pyproject.toml").read_text()
    done = flowra.run("project", "version", "newest", "-C", str(project))
    assert (done.returncode, "is no version" in done.stderr) == (2, True)


def test_nodes_are_listed_with_their_places(flowra, project):
    done = flowra.run("project", "list", str(project), "--json")
    give = json.loads(done.stdout)[0]
    lines = (project / give["file"]).read_text().splitlines()
    assert (give["type"], lines[give["line"] - 1]) == ("mine/Give", "class Give(Node):")


def test_info_says_what_the_pack_is(flowra, project):
    flowra.run("project", "sync", str(project))
    data = json.loads(flowra.run("project", "info", str(project), "--json").stdout)
    assert (data["pack"], data["nodes"], data["contributions"]) == ("mine", 7, {"commands": 3})
    assert (data["manifest"], data["template"]) == ("up to date", "")


BROKEN = '''
    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import Number


    class One(Node):
        """One."""

        class InputArgs(BaseArgs):
            a: Number(value_type=float, min=2, max=1)

        def run(self, context, args): ...


    class Two(Node):
        """Two."""

        class InputArgs(BaseArgs):
            b: Number(value_type=str)


    class Three(Node):

        def run(self, context, args): ...
'''
BROKEN_PLUGIN = """
    from flowra.plugin import NodeEntry, ValueTypeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        for name in ("One", "Two"):
            yield NodeEntry("{package}.nodes:" + name)
        yield NodeEntry("{package}.nothing:Four")
        yield NodeEntry("{package}.odd:Five")

    @hookimpl
    def flowra_value_types():
        yield ValueTypeEntry("Odd", handler="{package}.odd:Handler")
"""


def test_validate_shows_every_problem_at_once_with_file_and_line(flowra, tmp_path):
    root = tmp_path / "broken"
    modules = {"nodes": BROKEN, "odd": "raise RuntimeError('out of luck')", "bad": "def f(:"}
    install_pack(root / "src", "mine", plugin=BROKEN_PLUGIN, modules=modules)
    for metadata in root.glob("src/*.dist-info"):
        shutil.rmtree(metadata)
    (root / "pyproject.toml").write_text(PYPROJECT.replace("0.1.0", "one") + "\n[tool]\n", encoding="utf-8")
    done = flowra.run("project", "validate", str(root))
    assert done.returncode == 3
    problems = json.loads(flowra.run("project", "validate", str(root), "--json").stdout)
    places = {(each["file"], each["line"]): each["reason"] for each in problems}

    def line(name, text):
        lines = (root / name).read_text().splitlines()
        return next(number for number, each in enumerate(lines, 1) if text in each)

    nodes = "src/mine_pack/nodes.py"
    assert "min 2 is above max 1" in places[nodes, line(nodes, "min=2")]
    assert "One.InputArgs.a" in places[nodes, line(nodes, "min=2")]
    assert "Two" in places[nodes, line(nodes, "value_type=str")], "the mistakes of the second class too"
    assert "is not there" in places["src/mine_pack/plugin.py", line("src/mine_pack/plugin.py", ".nothing:Four")]
    assert "out of luck" in places["src/mine_pack/odd.py", 1]
    assert "this is no Python" in places["src/mine_pack/bad.py", 1]
    assert "is no version" in places["pyproject.toml", line("pyproject.toml", "version")]
    assert any("which Flowra it works with" in reason for reason in places.values())
    assert f"{nodes}:{line(nodes, 'min=2')}: " in done.stdout


def test_validate_checks_the_examples_against_the_pack_as_it_lies_there(flowra, project):
    text = PYPROJECT.replace(
        '0.1.0"', '0.1.0"\ndescription = "x"\nlicense = "MIT"\ndependencies = ["flowra>=0.1,<0.2"]'
    )
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    plugin = project / "src" / "mine_pack" / "plugin.py"
    plugin.write_text(plugin.read_text().replace('"notclick"', '"not-click"'))
    (project / "examples").mkdir()
    graph = (
        '{\n "format": "flowra/1",\n "nodes": {\n  "a": {"type": "mine/Give"},\n  "b": {"type": "mine/Gove"}\n }\n}\n'
    )
    (project / "examples" / "a.json").write_text(graph)
    (project / "examples" / "weights.json").write_text('{"weights": [1, 2]}')
    flowra.run("project", "sync", str(project))
    done = flowra.run("project", "validate", str(project))
    assert done.returncode == 3
    assert done.stdout.startswith("examples/a.json:5: nodes.b.type: there is no node type mine/Gove"), done.stdout
    (project / "examples" / "a.json").write_text(graph.replace("Gove", "Give"))
    done = flowra.run("project", "validate", str(project))
    assert (done.returncode, done.stdout) == (0, "mine is valid: 7 nodes\n")


def test_tests_run_against_the_tree_with_arguments_and_exit_code_passed_on(flowra, project):
    (project / "tests").mkdir()
    runs = "def test_give(run_node):\n    assert run_node('mine/Give', value=2).value == 2\n"
    (project / "tests" / "test_numbers.py").write_text(f"{runs}\n\ndef test_no():\n    assert 0\n")
    done = flowra.run("project", "test", "-C", str(project), "--", "-q", "-k", "give", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 deselected" in done.stdout
    assert flowra.run("project", "test", "-C", str(project), "-q", "-p", "no:cacheprovider").returncode == 1
