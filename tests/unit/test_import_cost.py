"""What a command may import: `flowra --help` is there at once, and a graph without pictures loads no numpy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fixtures.cli_pack import CommandLine, write_graph
from fixtures.pack_factory import settle

HEAVY = (
    "cookiecutter",
    "dask",
    "distributed",
    "importlib_metadata",
    "modelscope",
    "numpy",
    "oss2",
    "pydantic",
    "rich",
)
#: Runs the command in its arguments, then writes the names of the modules that it loaded.
PROBE = """
import json, sys
heavy, command = json.loads(sys.argv[1]), sys.argv[2:]
code = 0
if command:
    from flowra.cli.main import main
    try:
        main(command)
    except SystemExit as stop:
        code = stop.code
else:
    import flowra
print("LOADED " + json.dumps([code, [name for name in heavy if name in sys.modules]]))
"""


class Probe(CommandLine):
    """Runs commands in processes of their own, and tells what they loaded."""

    def loaded(self, *command):
        """Return the command's exit code, and the heavy modules that were loaded when it ended."""
        done = subprocess.run(
            [sys.executable, "-c", PROBE, json.dumps(HEAVY), *command],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        code, modules = json.loads(done.stdout.partition("LOADED ")[2])
        return code, set(modules)


@pytest.fixture(scope="module")
def flowra(tmp_path_factory):
    made = Probe(tmp_path_factory.mktemp("flowra"))
    write_graph(made.work / "picture.json", {}, inputs={"photo": {"type": "AnyImage", "default": "x.png"}})
    settle()
    made.loaded("node", "list")  # the index of packs is made by the first command that wants it
    return made


@pytest.fixture
def loaded(flowra):
    return flowra.loaded


def test_importing_flowra_loads_nothing_heavy(loaded):
    assert loaded() == (0, set())


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["run", "--help"], ["node", "list"], ["pack", "list"], ["completion", "bash"]],
    ids=" ".join,
)
def test_help_and_lists_load_nothing_heavy(loaded, command):
    assert loaded(*command) == (0, set())


def test_a_command_that_is_not_there_loads_nothing_heavy(loaded):
    assert loaded("rnu") == (2, set())


def test_a_run_without_pictures_loads_neither_numpy_nor_what_draws_on_terminals(loaded):
    code, modules = loaded("run", "chain.json")
    assert code == 0
    assert modules <= {"pydantic"}


def test_a_graph_with_pictures_is_checked_without_numpy(loaded):
    code, modules = loaded("graph", "validate", "picture.json")
    assert code == 0
    assert "numpy" not in modules
