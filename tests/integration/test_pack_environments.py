"""Packs in environments of their own: two that need conflicting versions of one library work in one graph."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.cli_pack import WORKSPACE_PACKS
from fixtures.clusters import ForeignCluster
from fixtures.nodebin_factory import write_nodebin_file, write_wheel
from fixtures.wheelhouse import Place, make_wheelhouse

from flowra.dag.graph import Graph
from flowra.pack import virtual_environment
from flowra.pack.environments import create
from flowra.plugin import PluginManager, use_manager
from flowra.plugin.environments import ENVIRONMENT_FILE as FILE

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Brighten", group="tests", summary="Make it brighter.")]
"""
NODES = '''
    from typing import Any

    import conflicting
    from flowra.dag.node import BaseArgs, Node
    from flowra.type.component_type import Number

    class Brighten(Node):
        """Make an array brighter, as the library says by how much."""

        libraries = ("conflicting",)

        class InitArgs(BaseArgs):
            factor: Number(value_type=int, min=1, max=9, default=1)

        class InputArgs(BaseArgs):
            array: Any
            names: list[str] = []
            more: Number(value_type=int, min=0, max=100, default=0)

        class OutputArgs(BaseArgs):
            array: Any
            names: list[str]

        def init(self, context, args):
            self.factor = args.factor

        def run(self, context, args):
            with open("calls.txt", "a") as calls:
                calls.write("{package} {version} " + conflicting.VERSION + "\\n")
            context.log("in " + __file__)
            if args.more == 66:
                raise LookupError("no such brightness")
            array = conflicting.brighter(args.array) * self.factor + args.more
            return self.OutputArgs(array=array, names=[*args.names, "{package} with " + conflicting.VERSION])
'''
#: Each version lacks what the other has.
LIBRARY = {
    "1.0": "VERSION = '1.0'\ndef brighter(array):\n    return array + 1\nold_name = brighter\n",
    "2.0": "VERSION = '2.0'\ndef brighter(array):\n    return array * 2\n",
}
SIZE = 300_000  # more bytes than go through the connection itself


def pack_wheel(
    folder: Path, pack: str, version: str, library: str, *, nodes: str = NODES, plugin: str = PLUGIN
) -> Path:
    package = f"flowra_{pack}"
    source = nodes.replace("{package}", package).replace("{version}", version)
    return write_wheel(
        folder,
        f"flowra-{pack}",
        version,
        pack=pack,
        modules={"plugin": plugin.replace("{package}", package), "nodes": source},
        requires=("flowra>=0.1,<0.2", "numpy", f"conflicting=={library}"),
    )


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    house = make_wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["numpy"])
    for version, source in LIBRARY.items():
        write_wheel(house, "conflicting", version, pack=None, requires=(), modules={"__init__": source})
    return house


@pytest.fixture(scope="module")
def both(tmp_path_factory, wheelhouse):
    """A place in which two packs have environments, and no pack is installed."""
    place = Place(tmp_path_factory.mktemp("place"), wheelhouse)
    place.extra |= {"FLOWRA_DATA_DIR": str(place.folder / "data"), "FLOWRA_DISABLE_PACKS": WORKSPACE_PACKS}
    for pack, library in (("old", "1.0"), ("new", "2.0")):
        wheel = pack_wheel(place.folder, pack, "1.0", library)
        done = place.flowra("pack", "install", "--isolated", wheel)
        assert done.returncode == 0, done.stderr
        assert f"flowra-{pack} 1.0 has an environment of its own: {place.folder}" in done.stdout
    return place


@pytest.fixture
def place(both, tmp_path):
    """The same, with a folder and a store for one test, and a copy of the environments."""
    data = tmp_path / "data"
    shutil.copytree(both.folder / "data", data, symlinks=True, copy_function=os.link)
    extra = {**both.extra, "FLOWRA_DATA_DIR": str(data), "FLOWRA_STORE": str(tmp_path / "store")}
    return Place(tmp_path, both.wheelhouse, both.python, extra)


RUN = """
import json, sys
import numpy as np
from flowra.dag.graph import Graph
from flowra.execute.session import Session

array = np.arange(SIZE, dtype=np.float32)
graph = Graph("both")
first = graph.add("old/Brighten", id="first", array=array)
second = graph.add("new/Brighten", id="second", init={"factor": 3}, array=first["array"], names=first["names"], more=5)
graph.output("array", second["array"])
graph.output("names", second["names"])
with Session() as session:
    done = session.run(graph)
    print(json.dumps({
        "status": done.status,
        "failures": {name: str(failure) for name, failure in done.failures.items()},
        "right": bool(np.array_equal(done.outputs.get("array", ()), (array + 1) * 2 * 3 + 5)),
        "names": done.outputs.get("names"),
        "imported": sorted(name for name in sys.modules if name.startswith(("conflicting", "flowra_"))),
    }))
""".replace("SIZE", str(SIZE))


def run(place: Place) -> dict:
    done = subprocess.run(
        [place.python, "-c", RUN],
        cwd=place.folder,
        env=place.variables,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def calls(place: Place) -> list[str]:
    """Return which packs' nodes ran since the last look, with the versions of the library that they had."""
    path = place.folder / "calls.txt"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def environments(place: Place) -> list[Path]:
    return sorted(path.parent for path in (Path(place.extra["FLOWRA_DATA_DIR"]) / "environments").glob(f"*/{FILE}"))


def test_two_packs_that_need_conflicting_versions_of_a_library_work_in_one_graph(place):
    done = run(place)
    assert done["failures"] == {}
    assert done["right"]
    assert done["names"] == ["flowra_old with 1.0", "flowra_new with 2.0"]
    assert done["imported"] == [], "neither the packs nor the library were imported in the program that runs the graph"
    assert calls(place) == ["flowra_old 1.0 1.0", "flowra_new 1.0 2.0"]

    again = run(place)
    assert (again["right"], calls(place)) == (True, [])

    # Another version of one pack's environment: only its node runs again.
    newer = pack_wheel(place.folder, "new", "1.1", "2.0")
    said = place.flowra("pack", "install", "--isolated", newer)
    assert said.returncode == 0, said.stderr
    assert "flowra-new 1.1 has an environment of its own, in place of 1.0" in said.stdout
    assert [path.name.rpartition("-")[0] for path in environments(place)] == ["new-1.1", "old-1.0"]
    assert run(place)["right"]
    assert calls(place) == ["flowra_new 1.1 2.0"]


def one_node(place: Place, **inputs) -> Path:
    node = {"type": "old/Brighten", "inputs": {"array": 1, **inputs}}
    path = place.folder / "one.json"
    path.write_text(json.dumps({"format": "flowra/1", "nodes": {"it": node}}), encoding="utf-8")
    return path


def test_arguments_are_checked_by_what_the_pack_says_of_itself_before_anything_runs(place):
    done = place.flowra("run", one_node(place, more=101))
    assert done.returncode == 3, done.stderr
    assert "nodes.it.inputs.more" in done.stderr
    assert calls(place) == []


def test_a_failure_names_the_nodes_own_line_in_its_environment(place):
    done = place.flowra("run", one_node(place, more=66))
    assert done.returncode == 4, done.stderr
    assert "LookupError: no such brightness" in done.stderr
    [old] = [path for path in environments(place) if path.name.startswith("old-")]
    assert f"{old.name}/.venv/" in done.stderr
    assert "nodes.py:" in done.stderr


def replaced(path: Path, old: str, new: str) -> None:
    """Change a file of which others have hard links."""
    text = path.read_text()
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new))


def test_an_environment_whose_flowra_speaks_otherwise_is_refused_with_the_mend(place):
    [old] = [path for path in environments(place) if path.name.startswith("old-")]
    [isolation] = old.glob(".venv/lib/python*/site-packages/flowra/execute/isolation")
    replaced(isolation / "wire.py", "PROTOCOL = 2", "PROTOCOL = 3")
    done = place.flowra("run", one_node(place))
    assert done.returncode == 4
    assert "speaks version 3 of the protocol, this one version 2" in done.stderr
    assert "make it anew, with this Flowra: flowra pack install --isolated flowra-old" in done.stderr
    # An older one may have nothing that could answer.
    shutil.rmtree(isolation)
    done = place.flowra("run", one_node(place))
    assert "the environment of flowra-old can't be used" in done.stderr
    assert "No module named 'flowra.execute.isolation'" in done.stderr
    assert "flowra pack install --isolated flowra-old" in done.stderr


def test_packs_are_listed_shown_and_examined_with_where_they_live(place):
    rows = place.flowra("pack", "list").stdout
    assert "flowra-new (its own environment)" in rows
    [old] = [path for path in environments(place) if path.name.startswith("old-")]
    shown = place.flowra("pack", "show", "old").stdout
    assert f"{old}/.venv/bin/python" in shown
    examined = place.flowra("pack", "doctor", "old", "--json")
    [found] = json.loads(examined.stdout)["packs"]
    assert (found["problems"], examined.returncode) == ([], 0)
    assert [each["module"] for each in found["import_cost"]["nodes"]] == ["flowra_old.nodes"]


def test_removing_one_leaves_the_others(place):
    refused = place.flowra("pack", "uninstall", "old", "--yes")
    assert refused.returncode == 2
    assert "flowra pack uninstall --isolated old" in refused.stderr
    assert "flowra pack install --isolated old" in place.flowra("pack", "upgrade", "old").stderr
    refused = place.flowra("pack", "uninstall", "--isolated", "image")
    assert (refused.returncode, "the pack image is not in an environment of its own" in refused.stderr) == (2, True)
    assert len(environments(place)) == 2
    done = place.flowra("pack", "uninstall", "--isolated", "flowra-old")
    assert done.returncode == 0, done.stderr
    assert [path.name.partition("-")[0] for path in environments(place)] == ["new"]
    assert "no pack old is installed" in place.flowra("run", one_node(place)).stderr


TWO_KINDS = """
    from flowra.plugin import CommandEntry, NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Brighten")]

    @hookimpl
    def flowra_commands():
        return [CommandEntry("brighten", "{package}.nodes:Brighten", "Not here.")]
"""


@pytest.mark.parametrize(
    ("pack", "wheel", "said"),
    [
        ("old", {"library": "9.9"}, "does not install into a fresh environment"),
        ("old", {"library": "1.0", "nodes": "import nowhere\n"}, "No module named 'nowhere'"),
        ("other", {"library": "1.0", "plugin": TWO_KINDS}, "contributes commands"),
        ("image", {"library": "1.0"}, "the pack image is installed already"),
    ],
)
def test_what_can_not_have_an_environment_is_refused_and_nothing_changes(place, pack, wheel, said):
    before = environments(place)
    done = place.flowra("pack", "install", "--isolated", pack_wheel(place.folder, pack, "5.0", **wheel))
    assert done.returncode not in (0, 70), done.stderr
    assert said in done.stderr
    assert environments(place) == before
    assert {path.name for path in before[0].parent.iterdir()} == {".lock", *(path.name for path in before)}


def test_what_is_no_pack_is_refused(place):
    done = place.flowra("pack", "install", "--isolated", "conflicting==1.0")
    assert done.returncode not in (0, 70)
    assert "this is no node pack" in done.stderr


def test_one_that_is_interrupted_leaves_what_was_there_and_is_cleared_away_by_the_next(place):
    before = environments(place)
    wheel = pack_wheel(place.folder, "old", "1.1", "1.0")
    process = subprocess.Popen(
        place.command("pack", "install", "--isolated", wheel),
        cwd=place.folder,
        env=place.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not list(before[0].parent.glob(".making-*/.venv/*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(before[0].parent.glob(".making-*"))
    assert environments(place) == before
    assert place.flowra("run", one_node(place)).returncode == 0
    assert place.flowra("pack", "install", "--isolated", wheel).returncode == 0
    assert [path.name.rpartition("-")[0] for path in environments(place)] == ["new-1.0", "old-1.1"]
    assert not list(before[0].parent.glob(".making-*"))


def test_the_same_again_has_the_same_name_and_mends_what_was_damaged(place):
    before = environments(place)
    [old] = [path for path in before if path.name.startswith("old-")]
    [nodes] = old.glob(".venv/lib/python*/site-packages/flowra_old/nodes.py")
    nodes.unlink()
    done = place.flowra("run", one_node(place))
    assert done.returncode == 4
    assert "its environment lacks that; make it anew: flowra pack install --isolated flowra-old" in done.stderr
    wheel = pack_wheel(place.folder, "old", "1.0", "1.0")
    assert place.flowra("pack", "install", "--isolated", wheel).returncode == 0
    assert environments(place) == before
    assert place.flowra("run", one_node(place)).returncode == 0


def test_without_uv_venv_and_pip_make_it(place, monkeypatch):
    monkeypatch.setattr(virtual_environment, "find_uv", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place.wheelhouse))
    folder = environments(place)[0].parent
    with use_manager(PluginManager()):
        made = create(str(pack_wheel(place.folder, "old", "1.2", "1.0")), folder)
    assert made.folder in environments(place)
    done = place.flowra("run", one_node(place))
    assert done.returncode == 0, done.stderr
    assert calls(place) == ["flowra_old 1.2 1.0"]


def test_an_archive_is_taken_and_what_was_made_is_told_as_json(place):
    archive = write_nodebin_file(place.folder / "tiny.nodebin")
    done = place.flowra("pack", "install", "--isolated", archive, "--json")
    assert done.returncode == 0, done.stderr
    [made] = json.loads(done.stdout)
    assert (made["pack"], made["format"]) == ("tiny", "flowra-environment/1")
    listed = json.loads(place.flowra("pack", "list", "--json").stdout)
    assert [pack["python"] for pack in listed if pack["id"] == "tiny"] == [f"{made['folder']}/{made['python']}"]
    refused = place.flowra("pack", "install", "--isolated", archive, "--dry-run")
    assert refused.returncode == 2


def test_a_worker_is_given_a_pack_in_an_environment_of_its_own(place, tmp_path):
    own = [each for each in sys.path if each and "site-packages" not in each]
    path = {"PYTHONPATH": os.pathsep.join(own)}
    theirs = tmp_path / "theirs"
    cluster = ForeignCluster(tmp_path, {**place.variables, **path, "FLOWRA_DATA_DIR": str(theirs)})
    try:
        cluster.join("only")
        graph = Graph("one")
        graph.output("names", graph.add("new/Brighten", id="it", array=3, names=["x"])["names"])
        graph.save(tmp_path / "one.json")
        command = ["run", "one.json", "--executor", cluster.address]
        refused = place.flowra(*command)
        assert "no worker has the pack new" in refused.stderr
        assert "flowra pack install --isolated flowra-new==1.0" in refused.stderr
        done = place.flowra(*command, "--sync-packs")
    finally:
        cluster.close()
    assert done.returncode == 0, done.stderr
    assert "worker only was given flowra-new 1.0" in done.stdout + done.stderr
    assert len(list((theirs / "environments").glob(f"*/{FILE}"))) == 1
