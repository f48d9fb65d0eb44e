"""Row 33 of the faults: a helper function, the model file or a library version changes. The node runs again in the next
process, and `flowra explain` names what changed. Row 14, on one machine: what nothing offers is refused by name."""

from __future__ import annotations

import json

import pytest
from fixtures.cli_pack import CommandLine
from fixtures.pack_factory import install_pack, write_metadata

PLUGIN = """
    from flowra.plugin import NodeEntry, hookimpl

    @hookimpl
    def flowra_nodes():
        return [NodeEntry("{package}.nodes:Predict"), NodeEntry("{package}.nodes:OnCamera")]
"""

NODES = '''
    from __future__ import annotations

    from importlib.metadata import version

    from flowra.dag.node import BaseArgs, Node
    from flowra.type.value_type import File
    from models_pack.deep.helpers import scaled


    class Number(BaseArgs):
        number: float


    class Predict(Node):
        """Multiply by what the model says, as the library does it."""

        libraries = ("somelib",)

        class InitArgs(BaseArgs):
            weights: File

        InputArgs = OutputArgs = Number

        def init(self, context, args):
            self.weights = float(args.weights.read_text())

        def run(self, context, args):
            offset = {"1.0": 0.125, "1.1": 0.25}[version("somelib")]
            return self.OutputArgs(number=scaled(args.number) * self.weights + offset)


    class OnCamera(Predict):
        resources = {"camera": 1}
'''

HELPERS = "def scaled(number):\n    return number * 2\n"


@pytest.fixture
def flowra(tmp_path):
    command = CommandLine(tmp_path)
    site = tmp_path / "site"
    package = install_pack(site, "models", plugin=PLUGIN, modules={"nodes": NODES})
    (package / "deep").mkdir()
    (package / "deep" / "__init__.py").touch()
    (package / "deep" / "helpers.py").write_text(HELPERS)
    write_metadata(site, "somelib", "1.0", {})
    (command.work / "model.txt").write_text("10")
    command.package, command.site = package, site
    write(command, "Predict")
    return command


def write(command, node):
    graph = {
        "format": "flowra/1",
        "name": "predict",
        "nodes": {"p": {"type": f"models/{node}", "init": {"weights": "model.txt"}, "inputs": {"number": 1.0}}},
        "outputs": {"number": {"$from": "p.number"}},
    }
    (command.work / "graph.json").write_text(json.dumps(graph))


def edited_helper(flowra):
    (flowra.package / "deep" / "helpers.py").write_text(HELPERS.replace("* 2", "* 2 + 1"))


def edited_model(flowra):
    (flowra.work / "model.txt").write_text("20")


def upgraded_library(flowra):
    for file in sorted((flowra.site / "somelib-1.0.dist-info").iterdir()):
        file.unlink()
    (flowra.site / "somelib-1.0.dist-info").rmdir()
    write_metadata(flowra.site, "somelib", "1.1", {})


def ran(flowra):
    """Run the graph in a process of its own; return its result, and whether the node ran."""
    done = flowra.run("run", "graph.json", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return events[-1]["outputs"]["number"]["value"], "started" in {event["event"] for event in events}


@pytest.mark.parametrize(
    ("change", "phrase", "result"),
    [
        (edited_helper, "code of models_pack/deep/helpers.py", 30.125),
        (edited_model, "init weights: the file model.txt has other contents", 40.125),
        (upgraded_library, "library somelib 1.0 → 1.1", 20.25),
    ],
    ids=["a helper function", "the model file", "a library version"],
)
def test_what_changed_makes_the_node_run_again_and_is_named(flowra, change, phrase, result):
    assert ran(flowra) == (20.125, True)
    assert ran(flowra) == (20.125, False)
    change(flowra)
    assert ran(flowra) == (result, True)
    said = flowra.run("explain", "last", "p")
    assert said.returncode == 0, said.stderr
    head, *phrases = said.stdout.splitlines()
    assert head.startswith("p in predict-")
    assert ": ran: since predict-" in head
    assert [each.strip() for each in phrases] == [phrase]
    assert ran(flowra) == (result, False)


def test_a_resource_that_nothing_offers_is_refused_by_name_before_anything_runs(flowra):
    write(flowra, "OnCamera")
    done = flowra.run("run", "graph.json")
    assert done.returncode == 3
    assert "node p (models/OnCamera): needs camera 1 (there is none)" in done.stderr
    assert "FLOWRA_RESOURCES" in done.stderr
    assert "Traceback" not in done.stderr
    flowra.environment["FLOWRA_RESOURCES"] = "camera=1"
    assert ran(flowra) == (20.125, True)
